"""Columns that are computed from one or two others, such as ``total = price * quantity``.

Every pair of columns is tried with every operation against every column, on a few rows that tell much; what is left is
tried on all. A pair is kept if dealing either of its columns anew to the rows would break the equation often enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..rule import Rule
from ..syntax import quoted
from .operations import BINARY, UNARY, Operation
from .sample import LEAST_ROWS, Numbers, Sample, needed

__all__ = ["Equation", "find_equations", "telling_rows"]

#: Rows that candidates are compared on, one after the other.
_ROWS = 24
#: Candidates that fewer of these rows say something of are dropped.
_TELLING = 4
#: Candidates per column that are tried on all rows.
_MOST = 500
#: Rounding may not explain a column with fewer values: almost anything rounds to one of three numbers.
LEAST_VALUES = 8


@dataclass(frozen=True)
class Equation:
    """``left = right`` in every row.

    Attributes:
        left: the column that is computed.
        columns: those that it is computed from.
        text: of the right side.
        terms: columns and their factors (``""`` with the constant) where the right side is linear, else empty.
        family: relations of one family between the same columns say the same thing.
        rank: of two that say the same the lower is kept.
        exact: whether the rows agree without rounding.
    """

    left: str
    columns: tuple[str, ...]
    text: str
    family: str
    terms: tuple[tuple[str, float], ...] = ()
    rank: tuple[float, ...] = ()
    exact: bool = True

    @property
    def rule(self) -> Rule:
        return Rule(f"{quoted(self.left)} = {self.text}")


def find_equations(sample: Sample, skipped: frozenset[str] = frozenset()) -> list[Equation]:
    """Equations of one or two columns, each relation once.

    Args:
        skipped: columns that stand for another one exactly, and need not be tried.
    """
    numbers = sample.numbers
    usable = np.array([name not in skipped for name in numbers.names], dtype=bool) & (numbers.distinct >= 2)
    places = {
        dates: np.flatnonzero(usable & (numbers.dates == dates) & ((numbers.distinct >= 3) | ~numbers.dates))
        for dates in (False, True)
    }
    count = len(numbers.names)
    least = needed(float(count) ** 3 * len(BINARY))
    found = []
    for target in np.flatnonzero(usable).tolist():
        rows = telling_rows(sample, target)
        for rank, operation in enumerate((*UNARY, *BINARY)):
            if operation.gives_dates != bool(numbers.dates[target]):
                continue
            columns = places[operation.dates]
            for pair in _candidates(numbers, target, operation, columns, rows, rank < len(UNARY)):
                off = _off(sample, target, operation, pair, least)
                if off is not None:
                    # Exact: the finest column is computed. Rounded: the one that is off by up to its whole half digit.
                    order = (1, -round(off, 1)) if off else (0, numbers.steps[target])
                    found.append(_equation(sample, target, operation, pair, (*order, rank), not off))
    return _once([equation for equation in found if sample.holds(equation.rule)], numbers.names)


def telling_rows(sample: Sample, target: int) -> np.ndarray:
    """int64[<= _ROWS]: rows in which the target is there: half with rare values of it, half at random."""
    numbers = sample.numbers
    values = numbers.values[:, target]
    there = np.flatnonzero(~np.isnan(values))
    _, inverse, counts = np.unique(values[there], return_inverse=True, return_counts=True)
    gaps = sample.gaps[there]
    rare = there[np.lexsort((counts[inverse.reshape(-1)], gaps))[: _ROWS // 2]]
    return np.concatenate([rare, there[: _ROWS - len(rare)]])


def _candidates(
    numbers: Numbers, target: int, operation: Operation, columns: np.ndarray, rows: np.ndarray, unary: bool
) -> list[tuple[int, ...]]:
    """Columns, or pairs of them, that compute the target in each of ``rows`` (where all are there)."""
    columns = columns[columns != target]
    if len(columns) < (1 if unary else 2):
        return []
    first, tolerance = numbers.values[rows[0]], numbers.tolerance[target]
    if unary:
        held = [columns]
    else:
        computed = operation.compute(first[columns][:, None], first[columns][None, :])
        passing = numbers.agrees(first[target], computed, tolerance)
        np.fill_diagonal(passing, False)
        if operation.symmetric:
            passing = np.triu(passing)
        held = [columns[side] for side in np.nonzero(passing)]
    telling = np.zeros(len(held[0]), dtype=np.int64)
    for row in rows[0 if unary else 1 :].tolist():
        if not len(telling):
            return []
        values = numbers.values[row]
        computed = operation.compute(*(values[side] for side in held))
        passing = numbers.agrees(values[target], computed, tolerance)
        telling = (telling + ~np.isnan(computed))[passing]
        held = [side[passing] for side in held]
    order = np.argsort(-telling, kind="stable")
    return [tuple(int(side[place]) for side in held) for place in order[:_MOST] if telling[place] >= _TELLING]


def _off(sample: Sample, target: int, operation: Operation, pair: Sequence[int], least: float) -> float | None:
    """By how much of the target's half digit rows are off at most; 0 where all are exact.

    ``None`` where one is off by more, or too few would be if one of the columns were dealt anew to the rows.
    """
    numbers = sample.numbers
    values = [numbers.values[:, place] for place in pair]
    wanted, tolerance = numbers.values[:, target], numbers.tolerance[target]
    computed = operation.compute(*values)
    there = ~np.isnan(computed) & ~np.isnan(wanted)
    if there.sum() < LEAST_ROWS or not numbers.agrees(wanted, computed, tolerance).all():
        return None
    exact = bool(numbers.agrees(wanted, computed, 0.0).all())
    if not exact and numbers.distinct[target] < LEAST_VALUES:
        return None
    off = 0.0 if exact else float(np.nanmax(np.abs(wanted - computed)) / tolerance)
    values, wanted = [side[there] for side in values], wanted[there]
    for place, side in enumerate(values):
        dealt = [*values]
        dealt[place] = side[sample.rng.permutation(len(side))]
        if (~numbers.agrees(wanted, operation.compute(*dealt), tolerance)).sum() < least:
            return None
    return off


def _equation(
    sample: Sample, target: int, operation: Operation, pair: Sequence[int], rank: tuple[float, ...], exact: bool
) -> Equation:
    names = [sample.numbers.names[place] for place in pair]
    text = operation.text.format(**dict(zip("ab", map(quoted, names), strict=False)))
    terms = tuple(zip((*names, ""), operation.terms, strict=True)) if operation.terms else ()
    return Equation(sample.numbers.names[target], tuple(names), text, operation.family, terms, rank, exact)


def _once(found: Sequence[Equation], names: Sequence[str]) -> list[Equation]:
    """Of equations that say the same of the same columns the first in rank, and of those the one furthest right."""
    places = {name: place for place, name in enumerate(names)}
    kept: dict[tuple[str, frozenset[str]], Equation] = {}
    for equation in sorted(found, key=lambda equation: (*equation.rank, -places[equation.left])):
        key = (equation.family, frozenset((equation.left, *equation.columns)))
        kept.setdefault(key, equation)
    return list(kept.values())
