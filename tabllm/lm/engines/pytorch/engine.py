"""The PyTorch engine for pretrained models: CPU, CUDA and MPS differ in the device alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tabular.machine.devices import full_width_products

from ....decoding.precisions import PACKED
from ....decoding.torch_draws import draw
from ...serialization.automaton import NEVER, Level
from ..base import Cache, Filter, LmEngine, Tuning
from ..memory import dense_fits
from .cache import BufferPool, Store, Window, copy_rows
from .export import dense_copy, write_model
from .model import Head, find_head, load_model, new_vocabulary, shape_of, unfit
from .products import allow_tf32, free_bytes
from .training import Training

__all__ = ["TorchLm"]

#: Rows of which more than this share are appended to are all computed: cheaper than picking out their keys.
NEARLY_ALL = 0.85


class _Table:
    """A level of an automaton on the device."""

    def __init__(self, level: Level, head: Head, device: torch.device) -> None:
        self.tokens = torch.from_numpy(level.tokens).to(device)
        weight, self.bias = head.rows(self.tokens)
        # Softmax ignores what all logits share. GPT-2's lie near -100, where TF32 and 16 bits have steps of 0.1 to 0.5.
        self.weight = weight - weight.mean(dim=0)
        self.step = torch.from_numpy(level.step).to(device)
        self.known = None if level.known.all() else torch.from_numpy(level.known).to(device)
        self.may = None if (level.factor == 1).all() else torch.from_numpy(level.factor).to(device)
        self.only = torch.from_numpy((level.step != NEVER).argmax(axis=1).astype(np.int32)).to(device)


class TorchLm(LmEngine):
    """A causal language model of transformers.

    Args:
        folder: config and weights; see :func:`.model.load_model` for what is raised.
        random: a seed: draw the weights at random.
    """

    name = "torch"

    def __init__(
        self, folder: str | Path, *, precision: str = "fp32", device: str = "cpu", random: int | None = None
    ) -> None:
        self.device, self.device_name, self.precision = torch.device(device), device, precision
        self.model = load_model(folder, precision=precision, device=self.device, random=random)
        self.model.requires_grad_(False)
        self.shape = shape_of(self.model)
        self.head = find_head(self.model)
        self.own_vocabulary = False
        self._packed = precision in PACKED
        self._adapters: tuple[Tuning, dict[str, np.ndarray]] | None = None
        self._tables: WeakKeyDictionary[Level, _Table] = WeakKeyDictionary()
        # Keys and values have the type of the hidden states, which is that of what is looked up first.
        self._pool = BufferPool(self.model.get_input_embeddings().weight.dtype, self.device)
        self._check_cache()

    @torch.inference_mode()
    @full_width_products()
    def _check_cache(self) -> None:
        """Raise :class:`EngineError` unless tokens one by one give what they give together; not hours later."""
        ids, cache = np.array([[1, 2, 3]]), self.new_cache(1, 3)
        try:
            self.append(cache, ids[:, :2])
            hidden = self.append(cache, ids[:, 2:])
            whole = self.model.base_model(input_ids=self.put(ids), use_cache=False).last_hidden_state[:, -1]
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise unfit(self.model, error) from None
        # 16 bits, and activations of 8 bits, are that coarse; on CUDA so is TF32, in part.
        near = 0.1 if self.precision != "fp32" else 1e-2 if self.device.type == "cuda" else 1e-3
        if not float((hidden - whole).norm()) <= near * float(whole.norm()):
            raise unfit(self.model, None)

    def use_vocabulary(
        self, words: Sequence[Sequence[int]], fields: Sequence[Sequence[int]], log_frequencies: np.ndarray
    ) -> None:
        self._text_embedding = self.model.get_input_embeddings()
        self.head = new_vocabulary(self.model, words, fields, log_frequencies)
        self.own_vocabulary = True

    # -- decoding ---------------------------------------------------------------------------------------------
    def new_cache(self, rows: int, slots: int) -> Cache:
        return Cache(rows, slots, np.zeros(rows, np.int64), Store(self._pool, self.shape, rows, slots))

    @torch.inference_mode()
    def gather(self, sources: Sequence[tuple[Cache, np.ndarray]], slots: int) -> Cache:
        made = self.new_cache(sum(len(index) for _, index in sources), slots)
        made.lengths = np.concatenate([cache.lengths[index] for cache, index in sources])
        copy_rows(made, sources, self.device)
        return made

    @torch.inference_mode()
    @full_width_products()
    def append(
        self, cache: Cache, ids: Any, *, rows: np.ndarray | None = None, counts: np.ndarray | None = None
    ) -> Tensor:
        tokens = ids if isinstance(ids, Tensor) else self.put(ids)
        picked: Tensor | None = None
        if rows is not None and len(rows) > NEARLY_ALL * cache.rows:
            # The others' tokens are written behind their ends, where the next ones replace them.
            picked = self.put(rows)
            everyone = tokens.new_zeros((cache.rows, tokens.shape[1]))
            everyone[picked] = tokens
            tokens = everyone
        within = None if picked is not None else rows
        lengths = cache.lengths if within is None else cache.lengths[within]
        positions = lengths[:, None] + np.arange(tokens.shape[1])
        window = Window(cache, within, positions, self.device)
        with allow_tf32(self.device):
            hidden = self.model.base_model(
                input_ids=tokens,
                position_ids=window.positions,
                attention_mask=window.mask(),
                past_key_values=window,
                use_cache=True,
            ).last_hidden_state
        added = np.full(len(positions), tokens.shape[1]) if counts is None else counts
        if rows is None:
            cache.lengths = cache.lengths + added
        else:
            cache.lengths[rows] += added[rows] if picked is not None else added
        if counts is not None:
            return hidden[torch.arange(len(hidden), device=self.device), self.put(counts - 1)]
        return hidden[:, -1] if picked is None else hidden[picked, -1]

    @torch.inference_mode()
    def probabilities(self, hidden: Tensor, level: Level, state: np.ndarray) -> np.ndarray:
        table, states = self._table(level), self.put(state)
        probabilities = self._shares(hidden, table, states)
        if table.may is not None:
            probabilities = probabilities * table.may[states]
        result: np.ndarray = probabilities.float().cpu().numpy()
        return result

    @torch.inference_mode()
    @full_width_products()
    def choose(self, hidden: Tensor, level: Level, state: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        table = self._table(level)
        state = state.long()
        choice = table.only[state] if level.forced else draw(self._drawable(hidden, table, state), uniform)
        return choice, table.step[state, choice.long()]

    def _shares(self, hidden: Tensor, table: _Table, state: Tensor) -> Tensor:
        logits = F.linear(hidden.to(table.weight.dtype), table.weight, table.bias).float()
        if table.known is not None:
            logits = logits.masked_fill(~table.known[state], -torch.inf)
        return torch.softmax(_sharpened(logits, self.filter), dim=-1)

    def _table(self, level: Level) -> _Table:
        if level not in self._tables:
            self._tables[level] = _Table(level, self.head, self.device)
        return self._tables[level]

    @full_width_products()
    def logits(self, ids: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """float32[rows, m, tokens]: the logits of some tokens after each of ``ids`` (int64[rows, m])."""
        with torch.inference_mode():
            hidden = self.model.base_model(input_ids=self.put(ids), use_cache=False).last_hidden_state
            weight, bias = self.head.rows(self.put(tokens))
            result: np.ndarray = F.linear(hidden.to(weight.dtype), weight, bias).float().cpu().numpy()
        return result

    def tokens(self, level: Level, choice: Tensor) -> Tensor:
        return self._table(level).tokens[choice.long()]

    def put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def join(self, pending: Tensor, forced: Sequence[int]) -> Tensor:
        after = torch.tensor(list(forced), dtype=pending.dtype, device=self.device).expand(len(pending), -1)
        return torch.cat([pending[:, None], after], dim=1)

    def fetch(self, array: Tensor) -> np.ndarray:
        result: np.ndarray = array.cpu().numpy()
        return result

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def free_memory(self) -> int | None:
        return free_bytes(self.device)

    # -- training ---------------------------------------------------------------------------------------------
    def start_training(self, tuning: Tuning, used: np.ndarray, masks: np.ndarray, *, weight_decay: float) -> None:
        head = self.head if self.own_vocabulary else None
        self.training = Training(self.model, head, tuning, used, masks, weight_decay, self.device)
        self._tables.clear()

    def finish_training(self) -> None:
        if self.training is not None:
            adapters = None  # only where they are needed: after full tuning they would be a copy of all weights
            if self._packed and self.training.peft is not None:
                adapters = self.training.tuning, self.training.trained()
            merged = self.training.finish(merge=not self._packed)
            if merged is not None:
                self.model = merged
            elif adapters is not None:
                self._adapters = adapters
                if dense_fits(self.shape.parameters, self._pool.dtype.itemsize, self.name, self.device_name):
                    self._unpack()
        self.training = None
        if not self.own_vocabulary:
            self.head = find_head(self.model)
        self._tables.clear()

    def _unpack(self) -> None:
        """Go on with dense weights, adapters merged: no unpacking and no second product at each call."""
        mine = self.model.get_input_embeddings()
        with self._text_vocabulary():
            dense = self._dense()
        if self.own_vocabulary:
            self._text_embedding = dense.get_input_embeddings()
            dense.set_input_embeddings(mine)
        self.model, self._packed, self._adapters = dense.requires_grad_(False), False, None

    def _dense(self) -> Any:
        tuning, trained = self._adapters or (None, {})
        trained = {name: value for name, value in trained.items() if not name.startswith("vocabulary.")}
        return dense_copy(self.model, trained, tuning, self.device)

    @contextmanager
    def _text_vocabulary(self) -> Iterator[None]:
        """Within it the model has its own embedding: the run keeps the table's vocabulary elsewhere."""
        mine = self.model.get_input_embeddings()
        if self.own_vocabulary:
            self.model.set_input_embeddings(self._text_embedding)
        try:
            yield
        finally:
            self.model.set_input_embeddings(mine)

    def export(self, folder: Path) -> None:
        with self._text_vocabulary():
            write_model(self._dense() if self._packed else self.model, folder)


def _sharpened(logits: Tensor, filter: Filter) -> Tensor:
    logits = logits / filter.temperature
    if not filter.cuts:
        return logits
    ordered = logits.sort(dim=-1, descending=True).values
    keep = torch.ones_like(ordered, dtype=torch.bool)
    if filter.top_k:
        keep[:, filter.top_k :] = False
    if filter.top_p < 1:
        probabilities = torch.softmax(ordered, dim=-1)
        keep &= probabilities.cumsum(dim=-1) - probabilities < filter.top_p
    least = torch.where(keep, ordered, torch.inf).amin(dim=-1, keepdim=True)
    return logits.masked_fill(logits < least, -torch.inf)
