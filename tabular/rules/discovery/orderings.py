"""Orderings of two columns, such as ``start <= end``, and bounds of their difference."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..language.syntax import quoted
from ..rule import Rule
from .sample import Numbers, Sample, halves, needed, roundest, roundest_span, span_text, written

__all__ = ["find_orderings"]

#: A pair is compared on so many rows before all are.
_FIRST_ROWS = 400
#: Rows that the expected violations are estimated on before they are counted.
_FEW_ROWS = 2_000
#: A bound is reached within this fraction of the range in both halves of the rows (or three rows' of a half) ...
_REACHED, _REACHED_ROWS = 0.005, 3
#: ... and ordinary rows lie near it: at least this share within the last twentieth.
_NEAR, _NEAR_SHARE = 0.05, 0.01
#: Two numbers are ordered by more than their scales if the least difference is this small beside the median one.
_GAP = 0.5
#: Two quantities of different units follow a line that explains this fraction of the lower one's variance, ...
_LINE = 0.95
#: ... the lower one grows by less than this fraction of the higher one, and the line's height above the origin is so
#: many standard errors.
_SLOPE, _HEIGHT = 0.5, 5.0


@dataclass(frozen=True)
class _Ordering:
    low: int
    high: int
    strict: bool


def find_orderings(
    sample: Sample, implied: Collection[tuple[str, str]], scaled: Collection[str]
) -> tuple[list[Rule], set[frozenset[str]]]:
    """Orderings of dates, and of numbers whose ranges overlap, that every row keeps.

    Args:
        implied: pairs (low, high) whose ordering an equation says already.
        scaled: columns that are a multiple of another one: they have its orderings, in a unit of their own.

    Returns:
        The rules, and all pairs of columns that are ordered, neighbours or not.
    """
    numbers = sample.numbers
    skipped = {frozenset(pair) for pair in implied}
    ordered = {
        frozenset((numbers.names[ordering.low], numbers.names[ordering.high])): ordering
        for ordering in _kept(numbers, (numbers.distinct >= 3) & ~np.isin(numbers.names, list(scaled)))
    }
    found = [ordering for pair, ordering in ordered.items() if pair not in skipped]
    rules = (_rule(sample, ordering) for ordering in _neighbours(found))
    return [rule for rule in rules if rule is not None], set(ordered)


def _kept(numbers: Numbers, wide: np.ndarray) -> list[_Ordering]:
    """Orderings of the columns ``wide`` that no sampled row breaks and that independent columns would not keep."""
    values = numbers.values
    pairs = max(1, int(wide.sum()) * (int(wide.sum()) - 1))
    least = needed(pairs)
    with np.errstate(invalid="ignore"):
        first = values[:_FIRST_ROWS]
        broken = np.zeros((values.shape[1],) * 2, dtype=bool)
        for row in first:
            broken |= row[:, None] > row[None, :]
        low, high = np.nanmin(values, axis=0, initial=np.inf), np.nanmax(values, axis=0, initial=-np.inf)
    overlap = high[:, None] > low[None, :]
    # A local time beside an instant of UTC is in no order that means anything.
    alike = (numbers.dates[:, None] == numbers.dates) & (numbers.computable[:, None] == numbers.computable)
    possible = ~broken & overlap & alike & wide[:, None] & wide[None, :]
    np.fill_diagonal(possible, False)
    found = []
    for a, b in np.argwhere(possible).tolist():
        few = values[: 4 * _FEW_ROWS : 4 if len(values) > 4 * _FEW_ROWS else 1, [a, b]]
        both = few[~np.isnan(few).any(axis=1)]
        if (both[:, 0] > both[:, 1]).any() or _expected(both) * len(values) / max(1, len(few)) < least / 2:
            continue
        both = values[:, [a, b]]
        both = both[~np.isnan(both).any(axis=1)]
        if (both[:, 0] > both[:, 1]).any() or _expected(both) < least or not _close(both, numbers.dates[a]):
            continue
        equal = bool((both[:, 0] == both[:, 1]).any())
        if equal and (both[:, 0] == both[:, 1]).all():
            continue
        found.append(_Ordering(a, b, not equal and _expected(both, equal=True) >= least))
    return found


def _expected(both: np.ndarray, shift: float = 0.0, *, equal: bool = False) -> float:
    """How many rows would have the first column above the second plus ``shift`` if the two were independent.

    With ``equal``: the same number instead.
    """
    if not len(both):
        return 0.0
    first, second = np.sort(both[:, 0]), both[:, 1] + shift
    positions = np.searchsorted(first, second, "right")
    if equal:
        return float(np.mean((positions - np.searchsorted(first, second, "left")) / len(first)) * len(both))
    return float(np.mean(1 - positions / len(first)) * len(both))


def _close(both: np.ndarray, dates: bool) -> bool:
    """Whether rows come near the ordering's edge: two scales that lie apart are no rule that a reader expects."""
    gaps = both[:, 1] - both[:, 0]
    return bool(dates or (np.min(gaps) <= _GAP * np.median(gaps) and not _crosses(both)))


def _crosses(both: np.ndarray) -> bool:
    """Whether the columns follow a line that rows near the origin would cross the ordering on.

    Such columns have units of their own: minutes in the air are fewer than miles flown, but for want of short flights.
    """
    low, high = both.T
    spread = high.var()
    if not spread or not low.var():
        return False
    slope = ((low - low.mean()) * (high - high.mean())).mean() / spread
    height = low.mean() - slope * high.mean()
    left_over = (low - height - slope * high).var()
    error = np.sqrt(left_over / len(both) * (1 + high.mean() ** 2 / spread))
    return bool(0 < slope < _SLOPE and left_over <= (1 - _LINE) * low.var() and height > _HEIGHT * error)


def _neighbours(found: list[_Ordering]) -> list[_Ordering]:
    """Without ``a <= c`` where ``a <= b <= c``."""
    above: dict[int, set[int]] = {}
    for ordering in found:
        above.setdefault(ordering.low, set()).add(ordering.high)
    return [
        ordering
        for ordering in found
        if not any(ordering.high in above.get(middle, ()) for middle in above[ordering.low] - {ordering.high})
    ]


def _rule(sample: Sample, ordering: _Ordering) -> Rule | None:
    """The ordering as a rule, with the bounds of the difference where they are sharp."""
    numbers = sample.numbers
    low, high = (quoted(numbers.names[position]) for position in (ordering.low, ordering.high))
    sign = "<" if ordering.strict else "<="
    plain = Rule(f"{low} {sign} {high}")
    both = numbers.values[:, [ordering.low, ordering.high]]
    both = both[~np.isnan(both).any(axis=1)]
    gaps = both[:, 1] - both[:, 0]
    steps = numbers.steps[[ordering.low, ordering.high]]
    dates = bool(numbers.dates[ordering.low])
    step = float(steps.min()) if dates or steps.all() else 0.0
    if not _ends_sharply(gaps) or _expected(both[:, ::-1], gaps.max()) < needed(len(numbers.names) ** 2):
        return plain if sample.holds(plain) else None
    most, least = _grid(float(gaps.max()), step), _grid(float(gaps.min()), step)
    reached = _reached(len(gaps) // 2)
    if dates:
        most = roundest_span(most, most * (1 + reached))
    elif not step or most > 100 * step:  # the next round number, where the rows stop just below it
        most = roundest(most, most * (1 + reached))

    def text(bound: float) -> str:
        return span_text(bound, days=bool((steps % 86400 == 0).all())) if dates and bound else written(bound)

    ends = ("0 <=" if not ordering.strict else "0 <") if least <= max(step, 0.01 * most) else f"{text(least)} <="
    bounded = Rule(f"{ends} {high} - {low} <= {text(most)}")
    if not _ends_sharply(-gaps + most):
        bounded = Rule(f"0 {sign} {high} - {low} <= {text(most)}")
    return next((rule for rule in (bounded, plain) if sample.holds(rule)), None)


def _ends_sharply(gaps: np.ndarray) -> bool:
    """Whether differences stop sharply at the largest: both halves of the rows reach it, and not by a thin tail."""
    most, least = float(gaps.max()), float(gaps.min())
    spread = most - least
    for half in halves(len(gaps)):
        part = gaps[half]
        near = part >= most - _NEAR * spread
        if part.max() < most - _reached(len(part)) * spread or near.mean() < _NEAR_SHARE or near.sum() < 5:
            return False
    return spread > 0


def _reached(rows: int) -> float:
    return max(_REACHED, _REACHED_ROWS / rows)


def _grid(difference: float, step: float) -> float:
    """A difference without the binary fraction that subtracting left."""
    if not step:
        return difference
    decimals = max(0, -math.floor(math.log10(step)))
    return round(difference, decimals)
