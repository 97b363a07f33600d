"""Finds the grain that every single value of a column keeps to, where chance does not explain it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..dates.calendar import civil, days_of, months_of, weekdays
from ..grain.text import DAY, Grain

__all__ = ["learn_grain"]

#: A grain is taken for chance unless values without one would keep to it less often than this, as a logarithm.
_CHANCE = math.log(1e-6)
#: Fewer distinct values than this have no grain: each of them is learned by itself.
_LEAST_DISTINCT = 8
#: What numbers leave over a unit, or over 10 or 100 of them: at most so many values, and this fraction of all.
_MOST_OFFSETS, _OFFSET_SHARE = 12, 0.2
#: ... and each by so many distinct values, or one that caps the others would be one.
_LEAST_MET = 3
#: A column of more distinct days or instants than this is learned in parts, if weekday or hour tell something.
_PARTED = 100
#: Rows, and days from the first to the last, below which a calendar tells nothing.
_CALENDAR_ROWS, _CALENDAR_DAYS = 200, 28
#: A calendar part tells something if chi-square beyond its mean reaches so many of its standard deviations, and so
#: much per row.
_DEVIATIONS, _PER_ROW = 8.0, 0.01


def learn_grain(
    values: np.ndarray,
    counts: np.ndarray,
    *,
    instants: bool,
    dated: bool,
    decimals: int | None,
    finest: float = 1.0,
    rare_below: int = 0,
) -> Grain | None:
    """The grain of distinct ``values`` (float64[n]) that stand in ``counts`` rows each; ``None`` without one.

    Args:
        instants: seconds since 1970, or since midnight where not ``dated``.
        decimals: digits after the point that the values need; without a limit there is no grain.
        finest: the seconds between neighbours that the format of instants can tell apart.
        rare_below: the ends of the hours stand on so many rows.
    """
    if decimals is None or len(values) < _LEAST_DISTINCT or np.abs(values).max() >= 2.0**52 / 10.0**decimals:
        return None
    grain = Grain()
    if not instants:
        grain = _of_numbers(np.rint(values * 10.0**decimals).astype(np.int64), decimals)
    else:
        digits = max(6, decimals)
        days, clock = np.divmod(np.rint(values * 10.0**digits).astype(np.int64), round(DAY) * 10**digits)
        grain = _step_of_day(clock, decimals, digits, finest)
        if dated:
            whole = bool((clock == clock[0]).all())
            grain = _of_days(grain, np.unique(days), days, counts)
            if not whole:
                grain = _of_hours(grain, clock / 10**digits, days, counts, rare_below)
    bare = (Grain(), Grain(finest)) if instants else (Grain(),)
    return None if grain in bare else grain


def _of_numbers(ticks: np.ndarray, decimals: int) -> Grain:
    unit = 10**decimals
    step = int(np.gcd.reduce(ticks - ticks[0]))
    best = Grain()
    if step > 1 and -(len(ticks) - 1) * math.log(step) < _CHANCE:
        best = Grain(step / unit, (int(ticks[0] % step) / unit,))
    for period in (unit, 10 * unit, 100 * unit):
        rest, met = np.unique(ticks % period, return_counts=True)
        if (
            period < 10
            or met.min() < max(_LEAST_MET, 0.01 * len(ticks))
            or len(rest) > min(_MOST_OFFSETS, _OFFSET_SHARE * period)
            or len(rest) * max(step, 1) >= period
        ):
            continue
        chosen = math.lgamma(period + 1) - math.lgamma(len(rest) + 1) - math.lgamma(period - len(rest) + 1)
        if chosen + len(ticks) * math.log(len(rest) / period) < _CHANCE + _CHANCE:
            return Grain(period / unit, tuple((rest / unit).tolist()))
    return best


def _step_of_day(clock: np.ndarray, decimals: int, digits: int, finest: float) -> Grain:
    """The greatest step that divides the day and leaves the same over in every time of ``clock`` (in 10^-digits s)."""
    second = 10**digits
    step = math.gcd(int(np.gcd.reduce(clock - clock[0])), round(DAY) * second)
    least = max(10 ** (digits - decimals), round(finest * second))
    if step > least and -(len(clock) - 1) * math.log(step / least) > _CHANCE:
        step = least
    if step <= 10 ** (digits - decimals):
        return Grain()
    return Grain(step / second, (int(clock[0]) % step / second,))


def _of_days(grain: Grain, distinct: np.ndarray, days: np.ndarray, counts: np.ndarray) -> Grain:
    """``grain`` with what ``distinct`` days have in common; ``days`` stand in ``counts`` rows each."""
    if len(distinct) < _LEAST_DISTINCT:
        return grain
    _, months, of_month = civil(distinct)
    last = distinct + 1 == days_of(months_of(distinct) + 1)
    for day, held in ((int(of_month[0]), bool((of_month == of_month[0]).all())), (-1, bool(last.all()))):
        if held and day <= 28:
            within = (months - 1) % 12 if day > 0 else months % 12
            period = next(p for p in (12, 3, 1) if not np.any(within % p) and (p == 1 or len(distinct) >= 10 - p // 2))
            return replace(grain, month_day=day, months=period)
    step = int(np.gcd.reduce(distinct - distinct[0]))
    if step > 1 and -(len(distinct) - 1) * math.log(step) < _CHANCE and step <= 366:
        offset = grain.offsets[0] if grain.step is not None else 0.0
        if grain.step == DAY:
            return replace(grain, step=step * DAY, offsets=(int(distinct[0] % step) * DAY + offset,))
    found = np.unique(weekdays(distinct))
    if len(found) < 7 and _log_chance_of_weekdays(distinct, found) < _CHANCE:
        grain = replace(grain, weekdays=tuple(found.tolist()))
    if len(distinct) > _PARTED and len(found) > 1:
        expected = np.bincount(weekdays(np.arange(distinct.min(), distinct.max() + 1)), minlength=7)
        observed = np.bincount(weekdays(days), weights=counts, minlength=7)
        if np.ptp(distinct) >= _CALENDAR_DAYS and (grain.weekdays or _tells(observed, expected)):
            grain = replace(grain, parts=(*grain.parts, "weekday"))
    return grain


def _log_chance_of_weekdays(distinct: np.ndarray, found: np.ndarray) -> float:
    """The logarithm of the probability that so many days of their range, drawn at random, keep to so few weekdays."""
    every = np.arange(distinct.min(), distinct.max() + 1)
    allowed, drawn = int(np.isin(weekdays(every), found).sum()), len(distinct)
    ways = math.lgamma(allowed + 1) - math.lgamma(allowed - drawn + 1)
    ways -= math.lgamma(len(every) + 1) - math.lgamma(len(every) - drawn + 1)
    return ways + math.log(math.comb(7, len(found)))


def _of_hours(grain: Grain, clock: np.ndarray, days: np.ndarray, counts: np.ndarray, rare_below: int) -> Grain:
    """``grain`` with the hours in which ``clock`` (seconds of the day) stays, and whether they tell something."""
    order = np.argsort(clock)
    least = max(rare_below, 1)
    low = clock[order][min(int(np.searchsorted(np.cumsum(counts[order]), least)), len(clock) - 1)]
    high = clock[order[::-1]][min(int(np.searchsorted(np.cumsum(counts[order[::-1]]), least)), len(clock) - 1)]
    fraction = (high - low + (grain.step or 1.0)) / DAY
    if 0 < fraction < 0.95 and len(clock) * math.log(fraction) < _CHANCE:
        grain = replace(grain, hours=(float(low), float(high)))
    if len(clock) > _PARTED and len(np.unique(days)) > 1:
        bins = np.bincount((clock // 3600).astype(np.int64), weights=counts, minlength=24)
        if grain.hours is not None or _tells(bins, np.ones(24)):
            grain = replace(grain, parts=(*grain.parts, "hour"))
    return grain


def _tells(observed: np.ndarray, expected: np.ndarray) -> bool:
    """Whether rows (float64[classes]) are clearly not spread as ``expected`` says (chi-square)."""
    rows = observed.sum()
    wanted = expected / expected.sum() * rows
    kept = wanted > 0
    square = float(((observed[kept] - wanted[kept]) ** 2 / wanted[kept]).sum())
    free = int(kept.sum()) - 1
    beyond = free + _DEVIATIONS * math.sqrt(2 * free)
    return bool(rows >= _CALENDAR_ROWS and square > beyond and square > _PER_ROW * rows)
