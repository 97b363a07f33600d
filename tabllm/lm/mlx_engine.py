"""The MLX engine for pretrained models: Apple's Metal, and MLX's own processor backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from .automaton import NEVER, Level
from .codec import Batch
from .engine import BELOW_ONE, Arrays, Cache, Filter, LmEngine, Tuning
from .mlx_cache import Store, windows
from .mlx_model import (
    NewHead,
    body_of,
    find_head,
    load_model,
    new_vocabulary,
    put_embedding,
    shape_of,
    to_hf,
    write_folder,
)
from .mlx_training import Training

__all__ = ["MlxLm"]


class _Table:
    """A level of an automaton on the device."""

    def __init__(self, level: Level, weight: mx.array, bias: mx.array | None) -> None:
        self.tokens = mx.array(level.tokens.astype(np.int32))
        self.weight, self.bias = weight, bias
        self.step = mx.array(level.step)
        self.known = None if level.known.all() else mx.array(level.known)
        self.may = None if (level.step != NEVER).all() else mx.array(level.step != NEVER)
        self.only = mx.array((level.step != NEVER).argmax(axis=1).astype(np.int32))


class MlxLm(LmEngine):
    """A causal language model of mlx-lm. Nothing is computed before a result is asked for.

    Args:
        folder: config and weights; see :func:`.mlx_model.load_model` for what is raised.
        device: ``"gpu"`` or ``"cpu"``; becomes MLX's default device.
        random: a seed: draw the weights at random.
    """

    name = "mlx"

    def __init__(
        self, folder: str | Path, *, precision: str = "fp32", device: str = "cpu", random: int | None = None
    ) -> None:
        mx.set_default_device(mx.gpu if device == "gpu" else mx.cpu)
        self.folder, self.device_name, self.precision = Path(folder), device, precision
        self.model = load_model(folder, precision=precision, random=random)
        self.shape = shape_of(self.model, folder)
        self.head = find_head(self.model)
        self.new_head: NewHead | None = None
        self._tables: dict[Level, _Table] = {}
        self.training: Training | None = None

    def use_vocabulary(
        self, words: Sequence[Sequence[int]], fields: Sequence[Sequence[int]], log_frequencies: np.ndarray
    ) -> None:
        self._text_embedding, self.new_head = new_vocabulary(self.model, words, fields, log_frequencies)
        self._tables.clear()

    # -- decoding ---------------------------------------------------------------------------------------------
    def new_cache(self, rows: int, slots: int) -> Cache:
        return Cache(rows, slots, np.zeros(rows, np.int64), Store.empty(self.shape))

    def gather(self, sources: Sequence[tuple[Cache, np.ndarray]], slots: int) -> Cache:
        made = self.new_cache(sum(len(index) for _, index in sources), slots)
        made.lengths = np.concatenate([cache.lengths[index] for cache, index in sources])
        longest = int(made.lengths.max(initial=0))
        if not longest:
            return made
        picks = [mx.array(index.astype(np.int32)) for _, index in sources]
        for kind in ("keys", "values"):
            for layer in range(self.shape.layers):
                parts = []
                for (cache, _), pick in zip(sources, picks, strict=True):
                    whole = getattr(cache.store, kind)[layer]
                    part = whole[:, :, : min(longest, whole.shape[2])][pick]
                    parts.append(mx.pad(part, [(0, 0), (0, 0), (0, slots - part.shape[2]), (0, 0)]))
                getattr(made.store, kind)[layer] = parts[0] if len(parts) == 1 else mx.concatenate(parts)
        # What is gathered no longer needs its sources once it is there; else graphs would hold every ancestor.
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
        shares = self._shares(hidden, table, states)
        if table.may is not None:
            shares = shares * table.may[states]
        return np.array(shares)

    def choose(self, hidden: mx.array, level: Level, state: mx.array, uniform: mx.array) -> tuple[mx.array, mx.array]:
        table = self._table(level)
        if level.forced:
            choice = table.only[state]
        else:
            shares = self._shares(hidden, table, state)
            if table.may is not None:
                # Where all that may follow has underflowed, each of it is as likely as any other.
                shares = (shares + 1e-30) * table.may[state]
            cumulative = mx.cumsum(shares, axis=-1)
            threshold = cumulative[:, -1:] * (uniform[:, None] * BELOW_ONE)
            choice = (cumulative <= threshold).sum(axis=-1).astype(mx.int32)
        return choice, table.step[state, choice]

    def _shares(self, hidden: mx.array, table: _Table, state: mx.array) -> mx.array:
        logits = (hidden.astype(table.weight.dtype) @ table.weight.T).astype(mx.float32)
        if table.bias is not None:
            logits = logits + table.bias
        if table.known is not None:
            logits = mx.where(table.known[state], logits, -mx.inf)
        return mx.softmax(_sharpened(logits, self.filter), axis=-1)

    def _table(self, level: Level) -> _Table:
        if level not in self._tables:
            weight, bias = self._rows(mx.array(level.tokens.astype(np.int32)))
            self._tables[level] = _Table(level, weight, bias)
        return self._tables[level]

    def _rows(self, tokens: mx.array) -> tuple[mx.array, mx.array | None]:
        if self.new_head is not None:
            return self.new_head.weight[tokens], self.new_head.bias[tokens]
        return self.head.rows(tokens)

    def logits(self, ids: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """float32[rows, m, tokens]: the logits of some tokens after each of ``ids`` (int64[rows, m])."""
        weight, bias = self._rows(self.put(tokens))
        values = (body_of(self.model)(self.put(ids)).astype(weight.dtype) @ weight.T).astype(mx.float32)
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
        self.training = Training(
            self.model, self.head, self.new_head, tuning, used, masks, weight_decay, self.precision
        )
        self._tables.clear()

    def _trainer(self) -> Training:
        if self.training is None:
            raise RuntimeError("start_training() comes first")
        return self.training

    def train_step(self, batches: Sequence[Batch], learning_rate: float) -> mx.array:
        self._tables.clear()
        return self._trainer().step(batches, learning_rate)

    def losses(self, batch: Batch, columns: int) -> np.ndarray:
        return self._trainer().losses(batch, columns)

    def trained(self) -> Arrays:
        return self._trainer().trained()

    def training_state(self) -> Arrays:
        return self._trainer().state()

    def load_trained(self, weights: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None = None) -> None:
        self._trainer().load(weights, state)
        self._tables.clear()

    def finish_training(self) -> None:
        if self.training is not None:
            self.training.finish(merge=self.precision in ("fp32", "bf16"))
        self.training = None
        if self.new_head is None:
            self.head = find_head(self.model)
        self._tables.clear()

    def export(self, folder: Path) -> None:
        from mlx_lm.utils import dequantize_model

        model = self.model
        mine = None
        if self.new_head is not None:  # the run keeps the table's vocabulary elsewhere
            mine = model, self._text_embedding
        adapted = [(name, part.fuse(dequantize=True)) for name, part in model.named_modules() if hasattr(part, "fuse")]
        before = [(name, part) for name, part in model.named_modules() if hasattr(part, "fuse")]
        model.update_modules(tree_unflatten(adapted))
        quantized = [(name, part) for name, part in model.named_modules()
                     if isinstance(part, (nn.QuantizedLinear, nn.QuantizedEmbedding))]  # fmt: skip
        pair = None
        if mine is not None:
            from .mlx_model import embedding_of

            pair = embedding_of(model)[1]
            put_embedding(model, self._text_embedding)
        dequantize_model(model)
        weights = dict(to_hf(model, name, value) for name, value in tree_flatten(model.parameters()))
        write_folder(model, folder, self.folder, weights)
        model.update_modules(tree_unflatten(quantized))
        model.update_modules(tree_unflatten(before))
        if pair is not None:
            put_embedding(model, pair)


def _sharpened(logits: mx.array, filter: Filter) -> mx.array:
    logits = logits / filter.temperature
    if not filter.cuts:
        return logits
    ordered = -mx.sort(-logits, axis=-1)
    keep = mx.ones(ordered.shape, mx.bool_)
    if filter.top_k:
        keep = keep & (mx.arange(ordered.shape[1]) < filter.top_k)
    if filter.top_p < 1:
        shares = mx.softmax(ordered, axis=-1)
        keep = keep & (mx.cumsum(shares, axis=-1) - shares < filter.top_p)
    least = mx.where(keep, ordered, mx.inf).min(axis=-1, keepdims=True)
    return mx.where(logits < least, -mx.inf, logits)
