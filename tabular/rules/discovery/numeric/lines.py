"""Columns that are a multiple of another one plus a constant: ``fahrenheit = 1.8 * celsius + 32``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...language.syntax import quoted
from ..sample import LEAST_ROWS, Sample, needed, span_text
from .equations import Equation
from .plain_numbers import fine, fitting_constant, near_factors, sum_text
from .searching import telling_rows

__all__ = ["find_lines"]

#: Columns that are tried for one that lies on a line with them.
_SOURCES = 60


def find_lines(sample: Sample) -> list[Equation]:
    """Columns that are a multiple of another one plus a constant; ``k`` alike columns give ``k - 1`` equations."""
    numbers = sample.numbers
    least = needed(float(len(numbers.names)) ** 2)
    found: list[Equation] = []
    copied: set[int] = set()
    for target in np.flatnonzero(numbers.distinct >= 3).tolist():
        if target in copied:
            continue
        positions = [position for position in _lying_on_lines(sample, target) if position not in copied]
        for position in positions[:_SOURCES]:
            line = _line(sample, target, position, least)
            if line is not None and line.exact and line.is_copy:
                # Copies of a column are found with it, and not tried any more.
                line = replace(
                    line,
                    left=numbers.names[position],
                    columns=(line.left,),
                    text=quoted(line.left),
                    terms=((line.left, 1.0), ("", 0.0)),
                )
                copied.add(position)
            if line is not None:
                found.append(line)
    names = {name: index for index, name in enumerate(numbers.names)}
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


def _line(sample: Sample, target: int, position: int, least: float) -> Equation | None:
    numbers = sample.numbers
    both = ~np.isnan(numbers.values[:, [target, position]]).any(axis=1)
    y, x = numbers.values[both, target], numbers.values[both, position]
    if len(y) < LEAST_ROWS or np.ptp(x) == 0:
        return None
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    for cost, (text, factor) in enumerate(near_factors(slope)):
        if numbers.dates[target] and factor != 1:
            continue
        constant = fitting_constant(numbers, target, y - factor * x, float(np.abs(y).max()))
        if constant is None:
            continue
        computed = factor * x + constant
        tolerance = numbers.tolerance[target]
        dealt = factor * sample.rng.permutation(x) + constant
        exact = bool(numbers.agrees(y, computed, 0.0).all())
        if not exact and not fine(numbers, target):
            return None
        if not numbers.agrees(y, computed, tolerance).all() or (~numbers.agrees(y, dealt, tolerance)).sum() < least:
            return None
        name = quoted(numbers.names[position])
        days = bool(numbers.steps[[target, position]].min() % 86400 == 0)
        right = (
            _with_date(name, constant, days) if numbers.dates[target] else sum_text([(text, factor, name)], constant)
        )
        terms = ((numbers.names[position], factor), ("", constant))
        rank = cost + (0.5 if constant < 0 and factor > 0 else 0.0)
        return Equation(numbers.names[target], (numbers.names[position],), right, "line", terms, (rank,), exact)
    return None


def _with_date(name: str, seconds: float, days: bool) -> str:
    return name if not seconds else f"{name} {'+' if seconds > 0 else '-'} {span_text(abs(seconds), days=days)}"
