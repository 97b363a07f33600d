"""What the probabilities of rows say of a table: how likely its rows are, which ones are not, and which stand twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

__all__ = ["Duplicates", "RowScores", "find_duplicates"]

#: Groups of equal rows that are listed.
LISTED = 5


@dataclass(frozen=True)
class RowScores:
    """The rows of a table in bits: minus the binary logarithm of their probability.

    Attributes:
        columns: the scored columns.
        cells: float64[rows, columns], bits of each cell; inf where it is impossible, NaN where a given cell is.
        typical: float64[columns], mean bits of each column in rows that the model draws.
        reference: float64[m], bits of the rows that percentiles are of, ascending.
        compared_with: what these are.
    """

    columns: Sequence[str]
    cells: np.ndarray
    typical: np.ndarray
    reference: np.ndarray
    compared_with: str

    @cached_property
    def bits(self) -> np.ndarray:
        """float64[rows]."""
        total: np.ndarray = self.cells.sum(axis=1)
        return total

    @cached_property
    def percentile(self) -> np.ndarray:
        """float64[rows]: how many of the reference rows, in %, take no more bits."""
        below = np.searchsorted(self.reference, self.bits + 1e-9, side="right")
        fraction = 100 * below / max(1, len(self.reference))
        return np.where(np.isnan(self.bits), np.nan, fraction)

    @cached_property
    def least_likely(self) -> np.ndarray:
        """int64[rows]: the column that takes the most bits above what is typical of it; -1 for rows without a score."""
        if not self.columns:
            return np.full(len(self.cells), -1)
        found = (self.cells - self.typical).argmax(axis=1)
        return np.where(np.isnan(self.bits), -1, found)

    @property
    def possible(self) -> np.ndarray:
        """float64: the bits of the rows that are possible."""
        return self.bits[np.isfinite(self.bits)]

    def impossible(self) -> dict[str, int]:
        """How many rows each column makes impossible, those columns alone that do."""
        counts = np.isposinf(self.cells).sum(axis=0)
        return {name: int(count) for name, count in zip(self.columns, counts, strict=True) if count}

    def unlikeliest(self, count: int) -> np.ndarray:
        """int64: the ``count`` rows that take the most bits, most first."""
        ranked = np.where(np.isnan(self.bits), -np.inf, self.bits)
        excess = np.where(np.isfinite(self.cells), self.cells - self.typical, 0.0).sum(axis=1)
        order = np.lexsort((-excess, -ranked))[:count]
        return order[ranked[order] > -np.inf]


@dataclass(frozen=True)
class Duplicates:
    """Rows that equal another one of the table.

    Attributes:
        rows: how many there are.
        expected: how many there would be in as many rows that the model draws, by the probability of each.
        groups: (first row, copies, how many copies of it are expected), the most surprising first.
    """

    rows: int
    expected: float
    groups: list[tuple[int, int, float]]


def find_duplicates(table: pd.DataFrame, scores: RowScores) -> Duplicates:
    """Equal rows of the scored columns, and how many chance makes."""
    count = len(table)
    p = np.exp2(-np.where(np.isnan(scores.bits), np.inf, scores.bits))
    expected = float(-np.expm1((count - 1) * np.log1p(-np.minimum(p, 1 - 1e-12))).sum())
    code = np.zeros(count, np.int64)
    for name in scores.columns:
        cells, _ = pd.factorize(table[name], use_na_sentinel=False)
        code, _ = pd.factorize(code * (int(cells.max(initial=0)) + 1) + cells)
    first = np.unique(code, return_index=True)[1]
    copies = np.bincount(code, minlength=len(first))
    probability = count * p[first]
    several = np.flatnonzero(copies > 1)
    order = several[np.argsort(probability[several] / copies[several], kind="stable")][:LISTED]
    groups = [(int(first[group]), int(copies[group]), float(probability[group])) for group in order]
    return Duplicates(int(copies[several].sum()), expected, groups)
