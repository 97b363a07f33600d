"""Beginnings of rows: a node is one beginning, with the number of rows that share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..engines.base import Cache

__all__ = ["Counter", "Nodes"]


@dataclass
class Counter:
    """What a sampling run did, for benchmarks.

    Attributes:
        calls: of the model.
        tokens: that went through the model.
        drawn: choices made, each with its head.
        keys: keys and values that attention examined, summed over the tokens.
        read: keys and values that were read, once in each call for all of a row's tokens.
        head: multiply-adds of the restricted heads, divided by the model's width.
    """

    calls: int = 0
    tokens: int = 0
    drawn: int = 0
    keys: int = 0
    read: int = 0
    head: int = 0


@dataclass
class Nodes:
    """Beginnings that stand before the same column.

    Attributes:
        sources: where their keys and values lie, in order: (cache, rows of it).
        weight: rows below each (int64), or its probability (float64) while conditions are worked through.
        pending: int64, the last token of each, which the model has not seen yet.
        record: int32[nodes, width], the choices so far, -1 elsewhere.
    """

    sources: list[tuple[Cache, np.ndarray]]
    weight: np.ndarray
    pending: np.ndarray
    record: np.ndarray

    def __len__(self) -> int:
        return len(self.weight)

    def part(self, chosen: np.ndarray) -> Nodes:
        """The nodes ``chosen`` (int64, ascending)."""
        sources = []
        begin = 0
        for cache, index in self.sources:
            inside = chosen[(chosen >= begin) & (chosen < begin + len(index))] - begin
            if len(inside):
                sources.append((cache, index[inside]))
            begin += len(index)
        return Nodes(sources, self.weight[chosen], self.pending[chosen], self.record[chosen])

    @staticmethod
    def all_of(parts: Sequence[Nodes]) -> Nodes:
        """The nodes of several, one after the other."""
        return Nodes(
            [source for part in parts for source in part.sources],
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.pending for part in parts]),
            np.concatenate([part.record for part in parts]),
        )

    def repeated(self, chosen: np.ndarray) -> Nodes:
        """The nodes ``chosen`` (ascending, with repetitions), each with one row."""
        unique, counts = np.unique(chosen, return_counts=True)
        part = self.part(unique)
        sources = []
        begin = 0
        for cache, index in part.sources:
            sources.append((cache, np.repeat(index, counts[begin : begin + len(index)])))
            begin += len(index)
        again = np.repeat(np.arange(len(unique)), counts)
        return Nodes(sources, np.ones(len(chosen), np.int64), part.pending[again], part.record[again])
