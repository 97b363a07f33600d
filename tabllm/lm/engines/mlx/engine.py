"""The MLX engine for pretrained models: Apple's Metal, and MLX's own processor backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import mlx.core as mx
import numpy as np

from ....decoding.mlx_device import take_device
from ....decoding.mlx_draws import draw
from ....decoding.precisions import PACKED
from ...serialization.automaton import NEVER, Level
from ..base import Cache, Filter, LmEngine, Tuning
from ..memory import dense_fits
from .cache import Store, copy_rows, windows
from .model import body_of, computes_in, embedding_path, load_model, shape_of, text_embedding
from .training import Training
from .vocabulary import Head, NewHead, find_head, new_vocabulary
from .weights import plain_weights, write_folder

__all__ = ["MlxLm"]


class _Table:
    """A level of an automaton on the device."""

    def __init__(self, level: Level, weight: mx.array, bias: mx.array | None) -> None:
        self.tokens = mx.array(level.tokens.astype(np.int32))
        # Softmax ignores what all logits share. GPT-2's lie near -100, where TF32 and 16 bits have steps of 0.1 to 0.5.
        self.weight, self.bias = weight - weight.mean(axis=0), bias
        self.step = mx.array(level.step)
        self.known = None if level.known.all() else mx.array(level.known)
        self.may = None if (level.factor == 1).all() else mx.array(level.factor)
        self.only = mx.array((level.step != NEVER).argmax(axis=1).astype(np.int32))


class MlxLm(LmEngine):
    """A causal language model of mlx-lm. Nothing is computed before a result is requested.

    Args:
        folder: config and weights; see :func:`.model.load_model` for what is raised.
        device: ``"gpu"`` or ``"cpu"``; becomes MLX's default device.
        random: a seed: draw the weights at random.
    """

    name = "mlx"
    # Of few lengths, so that freed buffers fit what comes next.
    pad_to = 8

    def __init__(
        self, folder: str | Path, *, precision: str = "fp32", device: str = "cpu", random: int | None = None
    ) -> None:
        take_device(device)
        self.folder, self.device_name, self.precision = Path(folder), device, precision
        self.model = load_model(folder, precision=precision, device=device, random=random)
        self.shape = shape_of(self.model, folder)
        self.head: Head | NewHead = find_head(self.model)
        self._text_embedding = text_embedding(self.model)
        self._tables: WeakKeyDictionary[Level, _Table] = WeakKeyDictionary()

    def use_vocabulary(
        self, words: Sequence[Sequence[int]], fields: Sequence[Sequence[int]], log_frequencies: np.ndarray
    ) -> None:
        self.head = new_vocabulary(self.model, self.head, words, fields, log_frequencies)
        self._tables.clear()

    # -- decoding ---------------------------------------------------------------------------------------------
    def new_cache(self, rows: int, slots: int) -> Cache:
        return Cache(rows, slots, np.zeros(rows, np.int64), Store.empty(self.shape.layers))

    def gather(self, sources: Sequence[tuple[Cache, np.ndarray]], slots: int) -> Cache:
        made = self.new_cache(sum(len(index) for _, index in sources), slots)
        made.lengths = np.concatenate([cache.lengths[index] for cache, index in sources])
        copy_rows(made, sources)
        # Once it is there it no longer needs its sources; else graphs would hold every ancestor.
        mx.async_eval(made.store.arrays())
        return made

    def append(
        self, cache: Cache, ids: Any, *, rows: np.ndarray | None = None, counts: np.ndarray | None = None
    ) -> mx.array:
        tokens = ids if isinstance(ids, mx.array) else self.put(ids)
        lengths = cache.lengths if rows is None else cache.lengths[rows]
        positions = lengths[:, None] + np.arange(tokens.shape[1])
        hidden = body_of(self.model)(tokens, windows(cache, rows, positions))
        added = np.full(len(positions), tokens.shape[1]) if counts is None else counts
        if rows is None:
            cache.lengths = cache.lengths + added
        else:
            cache.lengths[rows] += added
        mx.async_eval(cache.store.arrays(), hidden)
        if counts is None:
            return hidden[:, -1]
        return hidden[mx.arange(len(positions)), self.put(counts - 1)]

    def probabilities(self, hidden: mx.array, level: Level, state: np.ndarray) -> np.ndarray:
        table, states = self._table(level), self.put(state)
        probabilities = self._shares(hidden, table, states)
        if table.may is not None:
            probabilities = probabilities * table.may[states]
        return np.array(probabilities)

    def choose(self, hidden: mx.array, level: Level, state: mx.array, uniform: mx.array) -> tuple[mx.array, mx.array]:
        table = self._table(level)
        choice = table.only[state] if level.forced else draw(self._drawable(hidden, table, state), uniform)
        return choice, table.step[state, choice]

    def _shares(self, hidden: mx.array, table: _Table, state: mx.array) -> mx.array:
        logits = hidden.astype(mx.float32) @ table.weight.T
        if table.bias is not None:
            logits = logits + table.bias
        if table.known is not None:
            logits = mx.where(table.known[state], logits, -mx.inf)
        return mx.softmax(_sharpened(logits, self.filter), axis=-1)

    def _table(self, level: Level) -> _Table:
        if level not in self._tables:
            weight, bias = self.head.rows(mx.array(level.tokens.astype(np.int32)))
            self._tables[level] = _Table(level, weight, bias)
        return self._tables[level]

    def logits(self, ids: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """float32[rows, m, tokens]: the logits of some tokens after each of ``ids`` (int64[rows, m])."""
        weight, bias = self.head.rows(self.put(tokens))
        values = body_of(self.model)(self.put(ids), None).astype(mx.float32) @ weight.T
        return np.array(values if bias is None else values + bias)

    def tokens(self, level: Level, choice: mx.array) -> mx.array:
        return self._table(level).tokens[choice]

    def put(self, array: np.ndarray) -> mx.array:
        return mx.array(array.astype(np.int32) if array.dtype == np.int64 else array)

    def join(self, pending: mx.array, forced: Sequence[int]) -> mx.array:
        after = mx.broadcast_to(mx.array(list(forced), pending.dtype), (pending.shape[0], len(forced)))
        return mx.concatenate([pending[:, None], after], axis=1)

    def fetch(self, array: mx.array) -> np.ndarray:
        return np.array(array)

    def wait(self) -> None:
        mx.synchronize()

    # -- training ---------------------------------------------------------------------------------------------
    def start_training(self, tuning: Tuning, used: np.ndarray, masks: np.ndarray, *, weight_decay: float) -> None:
        self.training = Training(self.model, self.head, tuning, used, masks, weight_decay)
        self._tables.clear()

    def finish_training(self) -> None:
        if self.training is not None:
            size = computes_in(self.model).size
            merge = self.precision not in PACKED or dense_fits(self.shape.parameters, size, self.name, self.device_name)
            self.training.finish(merge=merge)
        self.training = None
        self._tables.clear()

    def export(self, folder: Path) -> None:
        # The run keeps the table's own vocabulary elsewhere.
        instead = {embedding_path(self.model): self._text_embedding} if isinstance(self.head, NewHead) else {}
        write_folder(Path(folder), self.folder, plain_weights(self.model, instead))


def _sharpened(logits: mx.array, filter: Filter) -> mx.array:
    logits = logits / filter.temperature
    if not filter.cuts:
        return logits
    ordered = -mx.sort(-logits, axis=-1)
    keep = mx.ones(ordered.shape, mx.bool_)
    if filter.top_k:
        keep = keep & (mx.arange(ordered.shape[1]) < filter.top_k)
    if filter.top_p < 1:
        probabilities = mx.softmax(ordered, axis=-1)
        keep = keep & (mx.cumsum(probabilities, axis=-1) - probabilities < filter.top_p)
    least = mx.where(keep, ordered, mx.inf).min(axis=-1, keepdims=True)
    return mx.where(logits < least, -mx.inf, logits)
