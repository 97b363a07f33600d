"""Columns that are computed from one or two others, such as ``total = price * quantity``.

Every pair of columns is tried with every operation against every column, on a few rows that tell much; what is left is
tried on all. A pair is kept if dealing either of its columns anew to the rows would break the equation often enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...language.syntax import quoted
from ...rule import Rule
from ..sample import LEAST_ROWS, Sample, needed
from .operations import BINARY, UNARY, Operation, age, age_on
from .searching import Search, telling_rows

__all__ = ["LEAST_VALUES", "Equation", "find_equations"]

#: Candidates are compared on so many rows before all are.
_FIRST_ROWS = 500
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
    def is_copy(self) -> bool:
        """Whether the right side is one column as it is."""
        return dict(self.terms) == {self.columns[0]: 1.0, "": 0.0}

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
    positions = {
        dates: np.flatnonzero(usable & (numbers.dates == dates) & ((numbers.distinct >= 3) | ~numbers.dates))
        for dates in (False, True)
    }
    count = len(numbers.names)
    least = needed(float(count) ** 3 * len(BINARY))
    search = Search(sample, positions)
    found = []
    # Targets that share a row stand together: what its pairs come to is worked out once.
    for target in sorted(np.flatnonzero(usable & numbers.computable).tolist(), key=search.first_row):
        rows = telling_rows(sample, target)
        alone = (*UNARY, *map(age, search.years(target, rows)), *map(age_on, search.birthdays(target, rows)))
        for rank, operation in enumerate((*alone, *BINARY)):
            if operation.gives_dates != bool(numbers.dates[target]) or numbers.distinct[target] <= 2:
                continue
            candidates = search.alone if rank < len(alone) else search.pairs
            for pair in candidates(target, operation, rows):
                off = _off(sample, target, operation, pair, least)
                if off is not None:
                    # Exact: the finest column is computed. Rounded: the one that is off by up to its whole half digit.
                    order = (1, -round(off, 1)) if off else (0, numbers.grains[target])
                    found.append(_equation(sample, target, operation, pair, (*order, rank), not off))
    return _once([equation for equation in found if sample.holds(equation.rule)], numbers.names)


def _off(sample: Sample, target: int, operation: Operation, pair: Sequence[int], least: float) -> float | None:
    """By how much of the target's half digit rows are off at most; 0 where all are exact.

    ``None`` where one is off by more, or too few would be if one of the columns were dealt anew to the rows.
    """
    numbers = sample.numbers
    values = [numbers.of(slice(None), position, local=operation.local) for position in pair]
    few = operation.compute(*(side[:_FIRST_ROWS] for side in values))
    if not numbers.agrees(numbers.values[:_FIRST_ROWS, target], few, numbers.tolerance[target]).all():
        return None
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
    for index, side in enumerate(values):
        dealt = [*values]
        dealt[index] = side[sample.rng.permutation(len(side))]
        if (~numbers.agrees(wanted, operation.compute(*dealt), tolerance)).sum() < least:
            return None
    return off


def _equation(
    sample: Sample, target: int, operation: Operation, pair: Sequence[int], rank: tuple[float, ...], exact: bool
) -> Equation:
    names = [sample.numbers.names[position] for position in pair]
    text = operation.text.format(**dict(zip("ab", map(quoted, names), strict=False)))
    terms = tuple(zip((*names, ""), operation.terms, strict=True)) if operation.terms else ()
    return Equation(sample.numbers.names[target], tuple(names), text, operation.family, terms, rank, exact)


def _once(found: Sequence[Equation], names: Sequence[str]) -> list[Equation]:
    """Of equations that say the same of the same columns the first in rank, and of those the one furthest right."""
    positions = {name: index for index, name in enumerate(names)}
    kept: dict[tuple[str, frozenset[str]], Equation] = {}
    for equation in sorted(found, key=lambda equation: (*equation.rank, -positions[equation.left])):
        key = (equation.family, frozenset((equation.left, *equation.columns)))
        kept.setdefault(key, equation)
    return list(kept.values())
