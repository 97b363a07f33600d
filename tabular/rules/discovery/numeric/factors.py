"""Products of three factors, such as ``total = price * quantity * (1 - discount)``."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from ...language.syntax import quoted
from ...rule import Rule
from ..sample import LEAST_ROWS, Sample, needed
from .equations import LEAST_VALUES, Equation
from .searching import telling_rows

__all__ = ["find_factors"]

#: What the third column does, with its text.
_FACTORS: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("{c}", lambda c: c),
    ("(1 - {c})", lambda c: 1 - c),
    ("(1 + {c})", lambda c: 1 + c),
    ("(1 - {c} / 100)", lambda c: 1 - c / 100),
    ("(1 + {c} / 100)", lambda c: 1 + c / 100),
)
#: Tables with more columns of numbers are not searched, nor more columns of rates.
_COLUMNS, _RATES = 60, 12
#: Rows that are tried before the others are.
_FIRST_ROWS = 4
#: Candidates that are tried on all rows.
_MOST = 100


def find_factors(sample: Sample, lefts: Collection[str]) -> list[Equation]:
    """Columns that are a product of two others and a third one, or what it takes away or adds.

    Args:
        lefts: columns that are computed already.
    """
    numbers = sample.numbers
    columns = np.flatnonzero(~numbers.dates & (numbers.distinct >= 2))
    if not 4 <= len(columns) <= _COLUMNS:
        return []
    rates = [position for position in columns.tolist() if _is_rate(sample, position)][:_RATES]
    found = []
    for target in columns.tolist():
        if numbers.names[target] in lefts or numbers.distinct[target] < LEAST_VALUES:
            continue
        rows = telling_rows(sample, target)
        first = numbers.values[np.ix_(rows[:_FIRST_ROWS], columns)]
        products = first[:, :, None] * first[:, None, :]  # (rows, k, k)
        wanted, tolerance = numbers.values[rows, target], numbers.tolerance[target]
        for rank, (text, factor) in enumerate(_FACTORS):
            for rate in rates if rank else columns.tolist():
                third = factor(numbers.values[rows, rate])
                passing = np.ones(products.shape[1:], dtype=bool)
                for row, product in enumerate(products):
                    passing &= numbers.agrees(wanted[row], product * third[row], tolerance)
                pairs = np.argwhere(np.triu(passing, 1))
                if not len(pairs):
                    continue
                cells = numbers.values[np.ix_(rows, columns)]
                computed = cells[:, pairs[:, 0]] * cells[:, pairs[:, 1]] * third[:, None]
                telling = (~np.isnan(computed)).sum(axis=0) >= len(rows) // 4
                pairs = pairs[telling & numbers.agrees(wanted[:, None], computed, tolerance).all(axis=0)]
                for a, b in pairs[:_MOST].tolist():
                    three = [int(columns[a]), int(columns[b]), rate]
                    # Three plain factors stand in the order of the columns, so that they are found once.
                    apart = len({*three, target}) == 4 and (rank or three == sorted(three))
                    equation = _equation(sample, target, three, text, factor, rank) if apart else None
                    if equation is not None and sample.holds(Rule(equation.rule.text)):
                        found.append(equation)
    return found


def _is_rate(sample: Sample, position: int) -> bool:
    """Whether a column can be a share or a percentage."""
    values = sample.numbers.values[:, position]
    return bool(np.nanmin(values) >= 0 and np.nanmax(values) <= 100 and np.nanmax(values) > 0)


def _equation(
    sample: Sample,
    target: int,
    three: list[int],
    text: str,
    factor: Callable[[np.ndarray], np.ndarray],
    rank: int,
) -> Equation | None:
    """The equation, if all rows agree and would not with one of the columns dealt anew to them."""
    numbers = sample.numbers
    there = ~np.isnan(numbers.values[:, [target, *three]]).any(axis=1)
    if there.sum() < LEAST_ROWS:
        return None
    cells, wanted = numbers.values[there][:, three], numbers.values[there, target]
    tolerance = numbers.tolerance[target]

    def off(cells: np.ndarray) -> np.ndarray:
        return ~numbers.agrees(wanted, cells[:, 0] * cells[:, 1] * factor(cells[:, 2]), tolerance)

    if off(cells).any():
        return None
    least = needed(float(len(numbers.names)) ** 4 * len(_FACTORS))
    for index in range(3):
        dealt = cells.copy()
        dealt[:, index] = sample.rng.permutation(cells[:, index])
        if off(dealt).sum() < least:
            return None
    names = [numbers.names[position] for position in three]
    a, b, c = map(quoted, names)
    right = f"{a} * {b} * {text.format(c=c)}"
    return Equation(numbers.names[target], tuple(names), right, "factors", rank=(1, rank), exact=False)
