"""What a causal language model offers to the codecs, the trainer and the sampler, and nothing more.

Arrays that an engine hands out (hidden states, tokens, caches) stay on its device; only
:meth:`LmEngine.probabilities`, :meth:`LmEngine.fetch`, :meth:`LmEngine.losses` and the ``*_weights`` wait for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from tabular.settings import settings_table

from ...parallel.group import Group
from ..serialization.automaton import Level
from ..serialization.base import Batch
from ..settings import ModelSettings
from .tuning import Tuning

__all__ = ["Cache", "Filter", "LmEngine", "Shape", "Tuning"]

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shape:
    """The size of a model.

    Attributes:
        layers, width, heads, kv_heads, head_width: of the transformer.
        context: the most tokens of a row.
        body: parameters of the transformer blocks, all of which each token is multiplied with.
        parameters: all of them, embeddings included.
    """

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    context: int
    body: int
    parameters: int

    def cache_bytes(self, bytes_each: int) -> int:
        """Keys and values of one token."""
        return 2 * self.layers * self.kv_heads * self.head_width * bytes_each


@dataclass
class Cache:
    """Keys and values of some rows, and how many tokens each row has; a token's place is its position.

    Attributes:
        rows: how many.
        slots: room for tokens in each row.
        lengths: int64[rows], tokens so far.
        store: the engine's own arrays.
    """

    rows: int
    slots: int
    lengths: np.ndarray
    store: Any


@dataclass(frozen=True)
class Filter:
    """How the model's distribution is sharpened before a draw.

    Attributes:
        temperature: logits are divided by it.
        top_k: only the k likeliest tokens; 0 = all.
        top_p: only the likeliest tokens that together have this probability.

    Raises:
        UsageError: for a value out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            settings_table(ModelSettings)[name].check(value)

    @property
    def cuts(self) -> bool:
        """Whether any token is ruled out."""
        return self.top_k > 0 or self.top_p < 1


class TrainedWeights(Protocol):
    """What an engine trains, with its optimizer; the methods of :class:`LmEngine` say what each does."""

    def step(self, batches: Sequence[Batch], learning_rate: float, rows: int, group: Group | None) -> Any:
        """One update; the mean loss per row."""

    def drop_gradients(self) -> bool:
        """Forget the gradients of an update that ended half way; whether that can be."""

    def losses(self, batch: Batch, columns: int) -> np.ndarray:
        """Summed losses of each column."""

    def trained(self) -> Arrays:
        """The weights."""

    def state(self) -> Arrays:
        """The optimizer's state."""

    def load(self, weights: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None) -> None:
        """Take up weights and state."""


class LmEngine(ABC):
    """One causal language model on one device."""

    #: ``"torch"`` or ``"mlx"``.
    name: ClassVar[str]
    shape: Shape
    precision: str
    device_name: str
    filter = Filter()
    training: Any = None  # TrainedWeights between start_training and finish_training
    #: Levels of automata on the device; they hold rows of the head, which training changes. A condition's levels go
    #: when its rows are made.
    _tables: MutableMapping[Level, Any]

    @abstractmethod
    def use_vocabulary(
        self, words: Sequence[Sequence[int]], fields: Sequence[Sequence[int]], log_frequencies: np.ndarray
    ) -> None:
        """Put a table's vocabulary in place of the model's own.

        What is then fed are pairs (token, field asked for) in one number, ``token * fields + field``, embedded as the
        sum of both; the last token begins rows. Embeddings start as the mean of the embeddings of the subwords that a
        value is written with (Hewitt 2021, "Initializing new word embeddings for pretrained language models").

        Args:
            words: for each new token but the last the old ones that its value is written with.
            fields: for each field the old tokens that its column's name is written with.
            log_frequencies: float32[words], where the new head's bias starts.
        """

    # -- decoding ---------------------------------------------------------------------------------------------
    @abstractmethod
    def new_cache(self, rows: int, slots: int) -> Cache:
        """Room for ``rows`` rows of ``slots`` tokens."""

    @abstractmethod
    def gather(self, sources: Sequence[tuple[Cache, np.ndarray]], slots: int) -> Cache:
        """A new cache of the rows ``index`` of each (cache, index), one after the other."""

    @abstractmethod
    def append(
        self, cache: Cache, ids: Any, *, rows: np.ndarray | None = None, counts: np.ndarray | None = None
    ) -> Any:
        """Append tokens to rows and give the hidden state of the last of each: [rows, width].

        Args:
            ids: int[rows, m] on the host or the device.
            rows: int64, which rows of the cache; all if absent.
            counts: int64[rows], how many of the m tokens of each row are real, at least 1; all if absent.
        """

    @abstractmethod
    def probabilities(self, hidden: Any, level: Level, state: np.ndarray) -> np.ndarray:
        """The distribution at a level: float32[rows, choices] on the host.

        Normalised over what the level knows, 0 where a choice may not follow; so a row sums to less than 1 where a
        condition rules something out.

        Args:
            state: int64[rows], the automaton's states.
        """

    @abstractmethod
    def choose(self, hidden: Any, level: Level, state: Any, uniform: Any) -> tuple[Any, Any]:
        """Draw by inversion on the device: (choices int32[rows], next states int32[rows]).

        Args:
            hidden: not examined, and may be ``None``, where the level is forced.
            state: int32[rows] on the device.
            uniform: float32[rows] on the device, below 1.
        """

    @abstractmethod
    def _shares(self, hidden: Any, table: Any, state: Any) -> Any:
        """The probabilities of all that the level of ``table`` knows: float32[rows, choices] on the device."""

    def _drawable(self, hidden: Any, table: Any, state: Any) -> Any:
        """Probabilities to draw from: where all that may follow has underflowed, each of it is as likely as another."""
        probabilities = self._shares(hidden, table, state)
        return probabilities if table.may is None else (probabilities + 1e-30) * table.may[state]

    @abstractmethod
    def tokens(self, level: Level, choice: Any) -> Any:
        """The tokens of choices: int[rows] on the device."""

    @abstractmethod
    def put(self, array: np.ndarray) -> Any:
        """The array on the device."""

    @abstractmethod
    def join(self, pending: Any, forced: Sequence[int]) -> Any:
        """int[rows, 1 + len(forced)] on the device: each row's pending token and the tokens that follow for all."""

    @abstractmethod
    def fetch(self, array: Any) -> np.ndarray:
        """A device array on the host."""

    @abstractmethod
    def wait(self) -> None:
        """Return when all work that was requested is done."""

    def free_memory(self) -> int | None:
        """Bytes that sampling may fill where the device says so; ``None`` where it shares the machine's memory."""
        return None

    # -- training ---------------------------------------------------------------------------------------------
    #: Training rows are padded to a multiple of so many tokens.
    pad_to: ClassVar[int] = 1

    @abstractmethod
    def start_training(self, tuning: Tuning, used: np.ndarray, masks: np.ndarray, *, weight_decay: float) -> None:
        """Make adapters where asked for, and the optimizer (AdamW).

        Args:
            used: int64, the tokens over which the softmax runs.
            masks: bool[levels, used], which of them can stand at a level.
        """

    def train_step(
        self, batches: Sequence[Batch], learning_rate: float, rows: int | None = None, group: Group | None = None
    ) -> Any:
        """One update on the sum of some batches; gives the mean loss per row, which stays on the device.

        Args:
            batches: of a fit that is spread over ``group`` the part of this process, which may be nothing.
            rows: of all processes together; those of ``batches`` if absent.
        """
        self._tables.clear()
        rows = sum(batch.rows for batch in batches) if rows is None else rows
        return self._trainer().step(batches, learning_rate, rows, group)

    def drop_gradients(self) -> bool:
        """Forget the gradients of an update that ran out of memory, so that it can be made again; ``False`` where an
        engine cannot."""
        return self._trainer().drop_gradients()

    def losses(self, batch: Batch, columns: int) -> np.ndarray:
        """The summed negative log-likelihood of each column, in nats: float64[columns]."""
        return self._trainer().losses(batch, columns)

    def trained(self) -> Arrays:
        """What training changes, by neutral names (:mod:`.weight_names`), as float32 on the host: adapters or all."""
        return self._trainer().trained()

    def training_state(self) -> Arrays:
        """What is needed besides :meth:`trained` to go on: the optimizer's moments and count."""
        return self._trainer().state()

    def load_trained(self, weights: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None = None) -> None:
        """Take up what :meth:`trained` and :meth:`training_state` gave; after :meth:`start_training`."""
        self._trainer().load(weights, state)
        self._tables.clear()

    def _trainer(self) -> TrainedWeights:
        if self.training is None:
            raise RuntimeError("start_training() comes first")
        return self.training

    @abstractmethod
    def finish_training(self) -> None:
        """Let go of the optimizer, and merge adapters where the weights are not quantized."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write config and weights as transformers reads them."""
