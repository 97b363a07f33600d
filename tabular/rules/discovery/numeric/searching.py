"""Which columns, or pairs of them, may compute a column: tried on a few rows that tell much.

The first of these rows is shared by many targets: what all pairs come to in it is sorted once, so that those that hit a
target are found by bisection. The others are tried on one row after the other.
"""

from __future__ import annotations

import numpy as np

from ...language.functions import FUNCTIONS
from ...reducing.solving import DAY, years_later
from ..sample import Numbers, Sample
from .operations import Operation

__all__ = ["Search", "telling_rows"]

#: Rows that candidates are compared on.
_ROWS = 24
#: Candidates that fewer of these rows say something of are dropped: in which the target has not its most usual value.
_TELLING = 4
#: Years that somebody's age is below.
_OLDEST = 150
#: Candidates per column and operation that are tried on all rows.
_MOST = 300
#: Pairs that are there together in a smaller fraction of the rows compute nothing.
_TOGETHER = 0.04
#: Rows with few gaps, of which one is shared by the targets that tell something in it: chosen among so many.
_SHARED, _SHARED_OF = 24, 2_000


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
        columns: int64, positions of the columns of numbers, and of those of dates, that may compute others.
    """

    def __init__(self, sample: Sample, columns: dict[bool, np.ndarray]) -> None:
        self.sample, self.columns = sample, columns
        self.firsts = _first_rows(sample)
        self.able = {dates: self._able(positions) for dates, positions in columns.items()}
        self.row = -1
        self.sorted: dict[tuple[str, bool], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def _able(self, columns: np.ndarray) -> np.ndarray:
        """bool[k, k]: pairs of two columns that are often there together and are not both flags."""
        numbers = self.sample.numbers
        there = (~np.isnan(numbers.values[:, columns])).astype(np.float32)
        flags = numbers.distinct[columns] <= 2
        able = there.T @ there >= _TOGETHER * len(there)
        able &= ~(flags[:, None] & flags[None, :])
        np.fill_diagonal(able, False)
        return able

    def first_row(self, target: int) -> int:
        """The shared row that the target is first tried on; -1 if there is none."""
        return int(self.firsts[target])

    def alone(self, target: int, operation: Operation, rows: np.ndarray) -> list[tuple[int, ...]]:
        """Columns that compute the target alone."""
        numbers, columns = self.sample.numbers, self.columns[operation.dates]
        if not len(columns):
            return []
        wanted = numbers.values[rows, target][:, None]
        cells = numbers.of(*np.ix_(rows, columns), local=operation.local)
        computed = operation.compute(cells.ravel()).reshape(cells.shape)
        passing = numbers.agrees(wanted, computed, numbers.tolerance[target]).all(axis=0)
        passing &= ((~np.isnan(computed)).sum(axis=0) >= _TELLING) & (columns != target)
        return [(int(column),) for column in columns[passing]]

    def years(self, target: int, rows: np.ndarray) -> list[float]:
        """Years that a target of whole numbers counts back from: it and the year of some date come to one."""
        numbers, columns = self.sample.numbers, self.columns[True]
        wanted = numbers.values[rows, target]
        if not len(columns) or numbers.dates[target] or np.any(wanted % 1):
            return []
        cells = numbers.of(*np.ix_(rows, columns), local=True)
        sums = FUNCTIONS["year"](cells.ravel()).reshape(cells.shape) + wanted[:, None]
        there = (~np.isnan(sums)).sum(axis=0) >= _TELLING
        sums = sums[:, there]
        return np.unique(np.nanmin(sums, axis=0)[np.nanmin(sums, axis=0) == np.nanmax(sums, axis=0)]).tolist()

    def birthdays(self, target: int, rows: np.ndarray) -> list[float]:
        """Days on which a target of whole numbers would be the years since some date, by all rows."""
        numbers, found = self.sample.numbers, []
        wanted = numbers.values[:, target]
        with np.errstate(invalid="ignore"):
            whole = not np.any(wanted[rows] % 1) and bool((np.abs(wanted[rows]) < _OLDEST).all())
        for column in self.columns[True].tolist() if whole and not numbers.dates[target] else ():
            for part in (rows, slice(None)):
                begins, ages = numbers.local[part, column], wanted[part]
                there = ~(np.isnan(begins) | np.isnan(ages))
                if there.sum() < _TELLING:
                    break
                first = np.max(years_later(begins[there], ages[there])) // DAY * DAY
                last = np.min(years_later(begins[there], ages[there] + 1)) // DAY * DAY - DAY
                if first > last:
                    break
            else:
                found += [_first_of_month(first, last), first, last]
        return list(dict.fromkeys(found))

    def pairs(self, target: int, operation: Operation, rows: np.ndarray) -> list[tuple[int, ...]]:
        """Pairs of columns that compute the target in each of ``rows`` in which all are there."""
        numbers, columns = self.sample.numbers, self.columns[operation.dates]
        if len(columns) < 2:
            return []
        first = self.first_row(target)
        positions = self._hits(numbers, target, operation, int(rows[0]) if first < 0 else first)
        held = [columns[positions // len(columns)], columns[positions % len(columns)]]
        other = (held[0] != target) & (held[1] != target)
        held = [side[other] for side in held]
        telling, seen = np.zeros(len(held[0]), dtype=np.int64), 0
        codes = self.sample.codes[numbers.names[target]]
        usual = _mode(codes)
        for row in rows.tolist():
            values = numbers.of(row, slice(None), local=operation.local)
            computed = operation.compute(values[held[0]], values[held[1]])
            passing = numbers.agrees(numbers.values[row, target], computed, numbers.tolerance[target])
            if codes[row] != usual:
                telling, seen = telling + ~np.isnan(computed), seen + 1
            passing &= telling * (_ROWS // _TELLING) + _TELLING >= seen
            if not passing.any():
                return []
            telling, held = telling[passing], [side[passing] for side in held]
        order = np.argsort(-telling, kind="stable")
        return [
            tuple(int(side[position]) for side in held) for position in order[:_MOST] if telling[position] >= _TELLING
        ]

    def _hits(self, numbers: Numbers, target: int, operation: Operation, row: int) -> np.ndarray:
        """Positions of pairs, ``first * k + second``, that agree with the target in one row, or are not there in it."""
        if row != self.row:
            self.row, self.sorted = row, {}
        key = (operation.text, operation.dates)
        if key not in self.sorted:
            values = numbers.of(row, self.columns[operation.dates], local=operation.local)
            computed = operation.compute(values[:, None], values[None, :])
            able = self.able[operation.dates]
            positions = np.flatnonzero(np.triu(able) if operation.symmetric else able)
            computed = computed.ravel()[positions]
            there = ~np.isnan(computed)
            order = np.flatnonzero(there)[np.argsort(computed[there])]
            # What is divided by 0 hits no target: this row is one in which the target tells something.
            lacking = np.isnan(values)
            gone = positions[~there & (lacking[positions // len(values)] | lacking[positions % len(values)])]
            positions = positions.astype(np.int32)
            self.sorted[key] = (computed[order], positions[order], gone)
        ordered, positions, gone = self.sorted[key]
        wanted = numbers.values[row, target]
        slack = numbers.tolerance[target] + 1e-8 * abs(wanted)
        low, high = np.searchsorted(ordered, [wanted - slack, wanted + slack])
        return np.concatenate([positions[low : high + 1], gone])


def _first_of_month(first: float, last: float) -> float:
    """The first day of a month between two days, or the last of these."""
    month = float(FUNCTIONS["month_start"](np.array([last]))[0])
    return month if month >= first else last


def _mode(codes: np.ndarray) -> int:
    there = codes[codes >= 0]
    return int(np.bincount(there).argmax()) if len(there) else -1


def _first_rows(sample: Sample) -> np.ndarray:
    """int64[k]: for each column a row in which it has not its most frequent value; few rows for all of them.

    -1 for a column that has none among those with few gaps.
    """
    few = np.argsort(sample.gaps, kind="stable")[:_SHARED_OF]
    tells = np.zeros((len(few), len(sample.numbers.names)), dtype=bool)
    for index, name in enumerate(sample.numbers.names):
        codes = sample.codes[name][few]
        tells[:, index] = (codes >= 0) & (codes != _mode(codes))
    found = np.full(len(sample.numbers.names), -1)
    for _ in range(_SHARED):
        row = int(np.argmax(tells[:, found < 0].sum(axis=1)))
        found[(found < 0) & tells[row]] = few[row]
        if (found >= 0).all():
            break
    return found
