"""Columns that are sums of multiples of others: ``total = a + b + c``, ``hhmm = 100 * hour + minute``.

A sum is found where a column depends linearly on those before it (or behind it), which is the sweep of an elimination
by columns. Factors are rounded to as few digits as every row allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...language.syntax import quoted
from ..sample import LEAST_ROWS, Numbers, Sample, needed
from .equations import Equation
from .plain_numbers import fine, fitting_constant, near_vectors, sum_text

__all__ = ["find_sums"]

#: Terms of a sum.
_TERMS = 12
#: Rows that a dependence is looked for in.
_SWEPT_ROWS = 3_000


def find_sums(sample: Sample, lefts: frozenset[str]) -> list[Equation]:
    """Columns that are sums of multiples of other columns.

    Args:
        lefts: columns that are computed already; they are left out.
    """
    numbers = sample.numbers
    columns = _complete(
        numbers,
        [
            index
            for index, name in enumerate(numbers.names)
            if name not in lefts and not numbers.dates[index] and numbers.distinct[index] >= 2
        ],
    )
    found = []
    for order in (columns, columns[::-1]):
        for target, terms in _dependent(numbers, order):
            if (equation := _sum(sample, target, terms)) is not None:
                found.append(equation)
    return found


def _complete(numbers: Numbers, columns: list[int]) -> list[int]:
    """Those of ``columns`` that are there together in enough rows, in table order."""
    gaps = np.isnan(numbers.values)
    kept: list[int] = []
    there = np.ones(len(gaps), dtype=bool)
    for position in sorted(columns, key=lambda position: int(gaps[:, position].sum())):
        both = there & ~gaps[:, position]
        if both.sum() < 3 * len(kept) + LEAST_ROWS:
            break
        there = both
        kept.append(position)
    return sorted(kept)


def _dependent(numbers: Numbers, order: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Columns that depend linearly on those before them in ``order``, and on which."""
    if not order:
        return
    there = np.flatnonzero(~np.isnan(numbers.values[:, order]).any(axis=1))[:_SWEPT_ROWS]
    rows = numbers.values[there]
    basis = np.full((len(rows), 1), len(rows) ** -0.5)
    used: list[int] = []
    for position in order:
        y = rows[:, position]
        scale = float(np.abs(y - y.mean()).max())
        if not scale:
            continue
        rest = y - basis @ (basis.T @ y)
        rest -= basis @ (basis.T @ rest)
        rounding = 1.5 * numbers.tolerance[position] if fine(numbers, position) else 0.0
        off, before = float(np.abs(rest).max()), used
        if off > 1e-7 * scale:
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            used = [*used, position]
        if off > rounding + 1e-7 * scale or not before:
            continue
        x = rows[:, before] - rows[:, before].mean(axis=0)
        spreads = x.std(axis=0)
        factors = np.linalg.lstsq(x / spreads, y - y.mean(), rcond=None)[0]
        counting = np.abs(factors) > max(0.05 * rounding, 1e-6 * scale)
        if 2 <= counting.sum() <= _TERMS:
            yield position, [column for column, counts in zip(before, counting, strict=True) if counts]


def _sum(sample: Sample, target: int, terms: list[int]) -> Equation | None:
    """The target as a sum of ``terms``; turned so that all are added, where it can be."""
    numbers = sample.numbers
    there = ~np.isnan(numbers.values[:, [target, *terms]]).any(axis=1)
    x, y = numbers.values[there][:, terms], numbers.values[there, target]
    if len(y) < LEAST_ROWS:
        return None
    factors = np.linalg.lstsq(np.column_stack([x, np.ones(len(y))]), y, rcond=None)[0][:-1]
    if (numbers.distinct[[target, *terms]] <= 2).all():
        return None  # flags of which one is set
    signs = {position: -1.0 if factor > 0 else 1.0 for position, factor in zip(terms, factors, strict=True)} | {
        target: 1.0
    }
    odd = [position for position, sign in signs.items() if list(signs.values()).count(sign) == 1]
    lefts = dict.fromkeys([*odd, target])
    finest = float(numbers.grains[[target, *terms]].min())
    if any(numbers.grains[left] > finest for left in lefts):
        # What has but multiples of 100 is no sum that parts come to by themselves: one of them is computed.
        lefts = dict.fromkeys(sorted([*lefts, *terms], key=lambda left: numbers.grains[left] > finest))
    for left in lefts:
        rights = sorted({*terms, target} - {left})
        if (equation := _solved(sample, left, rights)) is not None and sample.holds(equation.rule):
            return equation
    return None


def _solved(sample: Sample, left: int, rights: list[int]) -> Equation | None:
    numbers = sample.numbers
    there = ~np.isnan(numbers.values[:, [left, *rights]]).any(axis=1)
    x, y = numbers.values[there][:, rights], numbers.values[there, left]
    middle = x.mean(axis=0)
    solved = np.linalg.lstsq(np.column_stack([x - middle, np.ones(len(y))]), y, rcond=None)[0][:-1]
    tolerance = numbers.tolerance[left]
    least = needed(float(len(numbers.names)) ** (len(rights) + 1))
    for cost, (texts, factors) in enumerate(near_vectors(solved)):
        constant = fitting_constant(numbers, left, y - x @ factors, float(np.abs(y).max()))
        if constant is None:
            continue
        if not numbers.agrees(y, x @ factors + constant, tolerance).all():
            return None
        exact = bool(numbers.agrees(y, x @ factors + constant, 0.0).all())
        if not exact and not fine(numbers, left):
            return None
        for index in range(len(rights)):
            dealt = x.copy()
            dealt[:, index] = sample.rng.permutation(x[:, index])
            if (~numbers.agrees(y, dealt @ factors + constant, tolerance)).sum() < least:
                return None
        names = [numbers.names[position] for position in rights]
        text = sum_text(list(zip(texts, factors.tolist(), map(quoted, names), strict=True)), constant)
        terms = (*zip(names, factors.tolist(), strict=True), ("", constant))
        return Equation(numbers.names[left], tuple(names), text, "sum", terms, (len(rights), cost), exact)
    return None
