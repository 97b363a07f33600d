"""Columns that are linear in others: ``fahrenheit = 1.8 * celsius + 32``, ``total = a + b + c``.

Sums of three and more columns are found where a column depends linearly on those before it (or behind it), which is
the sweep of an elimination by columns. Factors are rounded to as few digits as every row allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..syntax import quoted
from .equations import LEAST_VALUES, Equation
from .sample import LEAST_ROWS, Numbers, Sample, needed, span_text, written
from .searching import telling_rows

__all__ = ["find_lines", "find_sums"]

#: A factor has at most so many significant digits, or one of these denominators.
_DIGITS = 7
_DENOMINATORS = (3, 6, 7, 9, 11, 12, 13, 15, 24, 30, 52, 60, 365)
#: Columns that are tried for one that lies on a line with them.
_SOURCES = 60
#: Terms of a sum.
_TERMS = 12
#: Rows that a dependence is looked for in.
_SWEPT_ROWS = 3_000


def find_lines(sample: Sample) -> list[Equation]:
    """Columns that are a multiple of another one plus a constant; ``k`` alike columns give ``k - 1`` equations."""
    numbers = sample.numbers
    least = needed(float(len(numbers.names)) ** 2)
    found: list[Equation] = []
    copied: set[int] = set()
    for target in np.flatnonzero(numbers.distinct >= 3).tolist():
        if target in copied:
            continue
        places = [place for place in _lying_on_lines(sample, target) if place not in copied]
        for place in places[:_SOURCES]:
            line = _line(sample, target, place, least)
            if line is not None and line.exact and line.is_copy:
                # Copies of a column are found with it, and not tried any more.
                line = replace(line, left=numbers.names[place], columns=(line.left,),
                               text=quoted(line.left), terms=((line.left, 1.0), ("", 0.0)))  # fmt: skip
                copied.add(place)
            if line is not None:
                found.append(line)
    names = {name: place for place, name in enumerate(numbers.names)}
    kept: list[Equation] = []
    root = {name: name for name in names}

    def top(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    # The plainest first; of those alike, the column further right is computed from the one further left.
    for line in sorted(found, key=lambda line: (not line.exact, *line.rank, -names[line.left])):
        (source,) = line.columns
        if (
            top(source) != top(line.left)
            and line.left not in {other.left for other in kept}
            and sample.holds(line.rule)
        ):
            root[top(line.left)] = top(source)
            kept.append(line)
    return kept


def _lying_on_lines(sample: Sample, target: int) -> list[int]:
    """Columns that a line through a few rows of the target fits."""
    numbers = sample.numbers
    rows = telling_rows(sample, target)
    x, y = numbers.values[rows], numbers.values[rows, target][:, None]
    there = ~np.isnan(x)
    count = np.maximum(there.sum(axis=0), 1)
    mean_x = np.where(there, x, 0.0).sum(axis=0) / count
    mean_y = np.where(there, y, 0.0).sum(axis=0) / count
    dx, dy = np.where(there, x - mean_x, 0.0), np.where(there, y - mean_y, 0.0)
    spread = (dx * dx).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(dy - (dx * dy).sum(axis=0) / spread * dx).max(axis=0)
    near = off <= 2 * numbers.tolerance[target] + 1e-6 * np.abs(dy).max(axis=0)
    near &= (there.sum(axis=0) >= 4) & (spread > 0) & (numbers.dates == numbers.dates[target])
    near[target] = False
    return np.flatnonzero(near & (numbers.distinct >= 3)).tolist()


def _line(sample: Sample, target: int, place: int, least: float) -> Equation | None:
    numbers = sample.numbers
    both = ~np.isnan(numbers.values[:, [target, place]]).any(axis=1)
    y, x = numbers.values[both, target], numbers.values[both, place]
    if len(y) < LEAST_ROWS or np.ptp(x) == 0:
        return None
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    for cost, (text, factor) in enumerate(_factors(slope)):
        if numbers.dates[target] and factor != 1:
            continue
        constant = _constant(numbers, target, y - factor * x, float(np.abs(y).max()))
        if constant is None:
            continue
        computed = factor * x + constant
        tolerance = numbers.tolerance[target]
        dealt = factor * sample.rng.permutation(x) + constant
        exact = bool(numbers.agrees(y, computed, 0.0).all())
        if not exact and not _fine(numbers, target):
            return None
        if not numbers.agrees(y, computed, tolerance).all() or (~numbers.agrees(y, dealt, tolerance)).sum() < least:
            return None
        name = quoted(numbers.names[place])
        days = bool(numbers.steps[[target, place]].min() % 86400 == 0)
        right = (
            _with_date(name, constant, days)
            if numbers.dates[target]
            else _with_constant([(text, factor, name)], constant)
        )
        terms = ((numbers.names[place], factor), ("", constant))
        rank = cost + (0.5 if constant < 0 and factor > 0 else 0.0)
        return Equation(numbers.names[target], (numbers.names[place],), right, "line", terms, (rank,), exact)
    return None


def _factors(slope: float) -> Iterator[tuple[str, float]]:
    """Plain numbers near ``slope``: their text and value, the plainest first."""
    seen = set()
    for digits in range(1, _DIGITS):
        if digits == 4:
            for denominator in _DENOMINATORS:
                top = round(slope * denominator)
                if top and abs(top) <= 30 and abs(top / denominator / slope - 1) < 0.01:
                    yield f"{top} / {denominator}", top / denominator
        factor = float(f"{slope:.{digits}g}")
        if factor and factor not in seen:
            seen.add(factor)
            yield written(factor), factor


def _constant(numbers: Numbers, target: int, rest: np.ndarray, scale: float) -> float | None:
    """The plainest constant that is ``rest`` in every row, after rounding; ``None`` if there is none."""
    slack = numbers.tolerance[target] * (1 - 1e-9) + 1e-10 * scale
    low, high = float(rest.max()) - slack, float(rest.min()) + slack
    if low > high:
        return None
    if low <= 0 <= high:
        return 0.0
    for decimals in range(-12, 13):
        constant = round((low + high) / 2, decimals)
        if low <= constant <= high:
            return float(constant)
    return None


def _fine(numbers: Numbers, target: int) -> bool:
    """Whether a column has so many digits that rounding explains little of it."""
    values = numbers.values[:, target]
    spread = np.nanmax(values) - np.nanmin(values)
    return bool(numbers.distinct[target] >= 2 * LEAST_VALUES and spread >= 40 * numbers.tolerance[target])


def _with_date(name: str, seconds: float, days: bool) -> str:
    return name if not seconds else f"{name} {'+' if seconds > 0 else '-'} {span_text(abs(seconds), days=days)}"


def _with_constant(terms: Sequence[tuple[str, float, str]], constant: float) -> str:
    """A sum as text: what is added first, ``m - k * a`` where nothing is."""
    parts = [("+" if factor > 0 else "-", _multiple(text.lstrip("-"), name)) for text, factor, name in terms]
    if constant:
        parts.append(("+" if constant > 0 else "-", written(abs(constant))))
    parts.sort(key=lambda part: part[0] == "-")
    (sign, first), rest = parts[0], parts[1:]
    return ("-" if sign == "-" else "") + first + "".join(f" {sign} {part}" for sign, part in rest)


def _multiple(factor: str, name: str) -> str:
    if factor == "1":
        return name
    if factor.startswith("1 / "):
        return f"{name} / {factor[4:]}"
    return f"{factor} * {name}"


def find_sums(sample: Sample, lefts: frozenset[str]) -> list[Equation]:
    """Columns that are sums of multiples of other columns.

    Args:
        lefts: columns that are computed already; they are left out.
    """
    numbers = sample.numbers
    columns = _complete(numbers, [
        place for place, name in enumerate(numbers.names)
        if name not in lefts and not numbers.dates[place] and numbers.distinct[place] >= 2
    ])  # fmt: skip
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
    for place in sorted(columns, key=lambda place: int(gaps[:, place].sum())):
        both = there & ~gaps[:, place]
        if both.sum() < 3 * len(kept) + LEAST_ROWS:
            break
        there = both
        kept.append(place)
    return sorted(kept)


def _dependent(numbers: Numbers, order: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Columns that depend linearly on those before them in ``order``, and on which."""
    if not order:
        return
    there = np.flatnonzero(~np.isnan(numbers.values[:, order]).any(axis=1))[:_SWEPT_ROWS]
    rows = numbers.values[there]
    basis = np.full((len(rows), 1), len(rows) ** -0.5)
    used: list[int] = []
    for place in order:
        y = rows[:, place]
        scale = float(np.abs(y - y.mean()).max())
        if not scale:
            continue
        rest = y - basis @ (basis.T @ y)
        rest -= basis @ (basis.T @ rest)
        rounding = 1.5 * numbers.tolerance[place] if _fine(numbers, place) else 0.0
        off, before = float(np.abs(rest).max()), used
        if off > 1e-7 * scale:
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            used = [*used, place]
        if off > rounding + 1e-7 * scale or not before:
            continue
        x = rows[:, before] - rows[:, before].mean(axis=0)
        spreads = x.std(axis=0)
        factors = np.linalg.lstsq(x / spreads, y - y.mean(), rcond=None)[0]
        counting = np.abs(factors) > max(0.05 * rounding, 1e-6 * scale)
        if 2 <= counting.sum() <= _TERMS:
            yield place, [column for column, counts in zip(before, counting, strict=True) if counts]


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
    signs = {place: -1.0 if factor > 0 else 1.0 for place, factor in zip(terms, factors, strict=True)} | {target: 1.0}
    odd = [place for place, sign in signs.items() if list(signs.values()).count(sign) == 1]
    for left in dict.fromkeys([*odd, target]):
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
    for digits in range(1, _DIGITS):
        factors = np.array([float(f"{factor:.{digits}g}") for factor in solved])
        constant = _constant(numbers, left, y - x @ factors, float(np.abs(y).max()))
        if constant is None or not factors.all():
            continue
        if not numbers.agrees(y, x @ factors + constant, tolerance).all():
            return None
        exact = bool(numbers.agrees(y, x @ factors + constant, 0.0).all())
        if not exact and not _fine(numbers, left):
            return None
        for place in range(len(rights)):
            dealt = x.copy()
            dealt[:, place] = sample.rng.permutation(x[:, place])
            if (~numbers.agrees(y, dealt @ factors + constant, tolerance)).sum() < least:
                return None
        names = [numbers.names[place] for place in rights]
        text = _with_constant(
            [(written(f), f, quoted(name)) for f, name in zip(factors.tolist(), names, strict=True)], constant
        )
        terms = (*zip(names, factors.tolist(), strict=True), ("", constant))
        return Equation(numbers.names[left], tuple(names), text, "sum", terms, (len(rights), digits), exact)
    return None
