"""What an engine, the trainer and the sampler need to know of how rows become tokens, and batches of such rows.

A row is: the token that every row begins with; then, column after column in any order, the tokens that lead to the
column (its name, say) and the tokens of its value. Only the latter are choices: they alone are learned and drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import Self

from tabular.likelihood.spans import Span
from tabular.sampling.batches import BaseCodec
from tabular.where.conditions import Allowed

from ...codec.likelihood import Candidates
from .automaton import Automaton

if TYPE_CHECKING:
    from tabular.schema import Schema

    from .tokenizer import TextTokenizer

__all__ = ["Batch", "LmCodec", "Task", "level_masks"]


@dataclass(frozen=True)
class Batch:
    """Rows of tokens of unequal length, padded on the right.

    Attributes:
        ids: int64[rows, length].
        lengths: int64[rows].
        at: int64[targets], the flat place (row * length + position) of the token whose successor is learned.
        target: int64[targets], that successor's place among :attr:`LmCodec.used`.
        level: int64[targets], the number of its level among all columns' levels.
        column: int64[targets], the number of its column.
    """

    ids: np.ndarray
    lengths: np.ndarray
    at: np.ndarray
    target: np.ndarray
    level: np.ndarray
    column: np.ndarray

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.ids)


@dataclass(frozen=True)
class Task:
    """What a serialization is learned for.

    Attributes:
        arrays: canonical, of the table.
        tokenizer: of the model's tokenizer.
        context: tokens that the model reads.
        settings: of the generator: ``serialization``, ``bins``, ``max_cell_tokens``.
    """

    arrays: Mapping[str, np.ndarray]
    schema: Schema
    tokenizer: TextTokenizer
    context: int
    settings: Mapping[str, Any]


class LmCodec(BaseCodec, ABC):
    """Rows of a table <-> tokens of a causal language model.

    A row is int32[width] choices, the columns side by side, -1 past the end of a value.

    Attributes:
        names: the modelled columns, in the order in which they are written if nothing else is requested.
        automata: for each of them, what may be written.
        vocabulary: tokens that the model's embedding must know; 0 = its own.
    """

    names: list[str]
    automata: list[Automaton]
    vocabulary: int = 0

    @classmethod
    @abstractmethod
    def fit_for(cls, task: Task) -> tuple[Self, list[str]]:
        """Learn how to write the rows of a table for a model; the texts are notes for the user.

        Raises:
            TableError: if no column is left to model.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data with the ``type``, without the schema and the tokenizer."""

    @classmethod
    @abstractmethod
    def from_run(cls, data: Mapping[str, Any], schema: Schema, model: Path) -> Self:
        """Read what :meth:`to_dict` wrote; ``model`` is the folder with the tokenizer.

        Raises:
            FieldError: if it is not, or does not go with ``schema``.
        """

    @abstractmethod
    def encode_part(self, column: int, values: np.ndarray) -> np.ndarray:
        """Canonical values of one of :attr:`names` -> int32[n, depth] choices, -1 past the end of a value."""

    @abstractmethod
    def candidates(self, column: int, values: np.ndarray, spans: Mapping[str, Span]) -> list[Candidates]:
        """Per level the choices that a cell can have been drawn with; see :mod:`tabllm.codec.likelihood`."""

    @abstractmethod
    def conditions(self, allowed: Mapping[str, Allowed]) -> dict[int, Automaton]:
        """Column number -> its automaton kept to what is allowed."""

    @abstractmethod
    def present(self, column: int) -> Automaton | None:
        """A column's automaton without "missing", ``None`` where it never is missing."""

    @abstractmethod
    def lead(self, column: int, before: int | None) -> list[int]:
        """The tokens that come before a column's value, after the value of ``before`` (``None``: the row begins)."""

    @abstractmethod
    def input_id(self, tokens: Any, column: int, level: int) -> Any:
        """What is fed to the model for ``tokens`` when the choice at ``level`` of ``column`` is next.

        The tokens themselves, except where the input also tells which column is requested.
        """

    # -- the same for every codec -----------------------------------------------------------------------------
    @property
    def spans(self) -> list[slice]:
        """For each column its choices among those of a row."""
        ends = np.cumsum([automaton.depth for automaton in self.automata])
        return [slice(int(end) - a.depth, int(end)) for end, a in zip(ends, self.automata, strict=True)]

    @property
    def width(self) -> int:
        """Choices of a row at most."""
        return sum(automaton.depth for automaton in self.automata)

    @property
    def used(self) -> np.ndarray:
        """int64: every token that can be chosen anywhere, ascending."""
        levels = [level.tokens for automaton in self.automata for level in automaton.levels]
        return np.unique(np.concatenate(levels))

    def longest(self, order: Sequence[int], begin: int = 0) -> int:
        """Tokens that the columns ``order[begin:]`` take at most."""
        before = [None, *order]
        return sum(
            len(self.lead(column, before[index])) + self.automata[column].depth
            for index, column in enumerate(order)
            if index >= begin
        )

    def last_tokens(self, record: np.ndarray, column: int) -> np.ndarray:
        """int64[rows]: the token that each row's value of ``column`` ends with."""
        part = record[:, self.spans[column]]
        position = (part >= 0).sum(axis=1) - 1
        choice = part[np.arange(len(part)), position]
        tokens = np.zeros(len(part), np.int64)
        for depth, level in enumerate(self.automata[column].levels):
            here = position == depth
            tokens[here] = level.tokens[choice[here]]
        return tokens

    def tokens_per_row(self, choices: np.ndarray) -> np.ndarray:
        """int64[n]: tokens of each row, written in column order."""
        leads = sum(len(self.lead(column, column - 1 if column else None)) for column in range(len(self.automata)))
        counted: np.ndarray = (choices >= 0).sum(axis=1) + leads
        return counted


def level_masks(codec: LmCodec, used: np.ndarray) -> np.ndarray:
    """bool[levels of all columns, used]: which tokens can stand at a level."""
    levels = [level for automaton in codec.automata for level in automaton.levels]
    masks = np.zeros((len(levels), len(used)), bool)
    for row, level in enumerate(levels):
        masks[row, np.searchsorted(used, level.tokens)] = True
    return masks
