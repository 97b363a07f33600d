"""Which columns, or pairs of them, may compute a column: tried on a few rows that tell much.

The first of these rows is shared by many targets: what all pairs come to in it is sorted once, so that those that hit a
target are found by bisection. The others are tried on one row after the other.
"""

from __future__ import annotations

import numpy as np

from .operations import Operation
from .sample import Numbers, Sample

__all__ = ["Search", "telling_rows"]

#: Rows that candidates are compared on.
_ROWS = 24
#: Candidates that fewer of these rows say something of are dropped.
_TELLING = 4
#: Candidates per column and operation that are tried on all rows.
_MOST = 300
#: Rows with few gaps, of which one is shared by the targets that are there in it.
_SHARED = 8


def telling_rows(sample: Sample, target: int) -> np.ndarray:
    """int64[<= 24]: rows in which the target is there: half with rare values of it and few gaps, half at random."""
    codes = sample.codes[sample.numbers.names[target]]
    there = np.flatnonzero(~np.isnan(sample.numbers.values[:, target]))
    counts = np.bincount(codes[there])[codes[there]]
    rare = there[np.lexsort((counts, sample.gaps[there]))[: _ROWS // 2]]
    return np.concatenate([rare, there[: _ROWS - len(rare)]])


class Search:
    """Candidates for the columns of one sample.

    Args:
        columns: int64, places of the columns of numbers, and of those of dates, that may compute others.
    """

    def __init__(self, sample: Sample, columns: dict[bool, np.ndarray]) -> None:
        self.sample, self.columns = sample, columns
        self.shared = np.argsort(sample.gaps, kind="stable")[:_SHARED]
        self.row = -1
        self.sorted: dict[tuple[str, bool], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def first_row(self, target: int) -> int:
        """The first shared row in which the target is there; -1 if there is none."""
        there = ~np.isnan(self.sample.numbers.values[self.shared, target])
        return int(self.shared[np.argmax(there)]) if there.any() else -1

    def alone(self, target: int, operation: Operation, rows: np.ndarray) -> list[tuple[int, ...]]:
        """Columns that compute the target alone."""
        numbers, columns = self.sample.numbers, self.columns[operation.dates]
        if not len(columns):
            return []
        wanted = numbers.values[rows, target][:, None]
        cells = numbers.values[np.ix_(rows, columns)]
        computed = operation.compute(cells.ravel()).reshape(cells.shape)
        passing = numbers.agrees(wanted, computed, numbers.tolerance[target]).all(axis=0)
        passing &= ((~np.isnan(computed)).sum(axis=0) >= _TELLING) & (columns != target)
        return [(int(column),) for column in columns[passing]]

    def pairs(self, target: int, operation: Operation, rows: np.ndarray) -> list[tuple[int, ...]]:
        """Pairs of columns that compute the target in each of ``rows`` in which all are there."""
        numbers, columns = self.sample.numbers, self.columns[operation.dates]
        if len(columns) < 2:
            return []
        first = self.first_row(target)
        places = self._hits(numbers, target, operation, int(rows[0]) if first < 0 else first)
        held = [columns[places // len(columns)], columns[places % len(columns)]]
        other = (held[0] != target) & (held[1] != target)
        held = [side[other] for side in held]
        telling = np.zeros(len(held[0]), dtype=np.int64)
        for row in rows.tolist():
            if not len(telling):
                return []
            values = numbers.values[row]
            computed = operation.compute(values[held[0]], values[held[1]])
            passing = numbers.agrees(values[target], computed, numbers.tolerance[target])
            telling = (telling + ~np.isnan(computed))[passing]
            held = [side[passing] for side in held]
        order = np.argsort(-telling, kind="stable")
        return [tuple(int(side[place]) for side in held) for place in order[:_MOST] if telling[place] >= _TELLING]

    def _hits(self, numbers: Numbers, target: int, operation: Operation, row: int) -> np.ndarray:
        """Places of pairs, ``first * k + second``, that agree with the target in one row, or are not there in it."""
        if row != self.row:
            self.row, self.sorted = row, {}
        key = (operation.text, operation.dates)
        if key not in self.sorted:
            values = numbers.values[row, self.columns[operation.dates]]
            computed = operation.compute(values[:, None], values[None, :])
            apart = ~np.eye(len(values), dtype=bool)
            places = np.flatnonzero(np.triu(apart) if operation.symmetric else apart)
            computed = computed.ravel()[places]
            order = np.argsort(computed)  # gaps are sorted last
            count = int((~np.isnan(computed)).sum())
            places = places[order].astype(np.int32)
            self.sorted[key] = (computed[order][:count], places[:count], places[count:])
        ordered, places, gone = self.sorted[key]
        wanted = numbers.values[row, target]
        slack = numbers.tolerance[target] + 1e-8 * abs(wanted)
        low, high = np.searchsorted(ordered, [wanted - slack, wanted + slack])
        return np.concatenate([places[low : high + 1], gone])
