"""The functions of rules, on float64 arrays: dates are seconds since 1970, NaN is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ...dates.text import from_seconds

__all__ = ["FUNCTIONS", "OF_CLOCKS"]

#: A Monday, in seconds since 1970.
_MONDAY = 4 * 86400.0


def _calendar(part: str, seconds: np.ndarray) -> np.ndarray:
    return np.asarray(getattr(from_seconds(seconds), part), dtype=np.float64)


def _start(size: float, seconds: np.ndarray) -> np.ndarray:
    return np.floor(seconds / size) * size


def _month_start(months: int, seconds: np.ndarray) -> np.ndarray:
    """The first instant of the month, or of so many months of a year."""
    day = np.nan_to_num(np.floor(seconds / 86400.0)).astype(np.int64).astype("datetime64[D]")
    month = day.astype("datetime64[M]").astype(np.int64) // months * months
    first = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.float64)
    return np.where(np.isnan(seconds), np.nan, first * 86400.0)


def _week(seconds: np.ndarray) -> np.ndarray:
    """The week of the year by ISO 8601, 1 to 53: that of the Thursday of the same week, counted from January."""
    days = np.floor(seconds / 86400.0)
    thursday = days - (days + 3) % 7 + 3
    return np.floor((_calendar("day_of_year", thursday * 86400.0) - 1) / 7) + 1


def _years(later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Whole years from one instant to a later one, as an age is counted."""
    ends, begins = from_seconds(later), from_seconds(earlier)
    before = (ends.month * 100 + ends.day) < (begins.month * 100 + begins.day)
    found = np.asarray(ends.year - begins.year, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    return np.where(np.isnan(later) | np.isnan(earlier), np.nan, found)


#: By the names that :mod:`.grammar` reads.
FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    **{part: partial(_calendar, part) for part in ("year", "quarter", "month", "day", "hour", "minute", "second")},
    "weekday": partial(_calendar, "day_of_week"),
    "yearday": partial(_calendar, "day_of_year"),
    "week": _week,
    "date": partial(_start, 86400.0),
    "hour_start": partial(_start, 3600.0),
    "week_start": lambda seconds: _start(604800.0, seconds - _MONDAY) + _MONDAY,
    **{f"{name}_start": partial(_month_start, months) for name, months in (("month", 1), ("quarter", 3), ("year", 12))},
    "years": _years,
    "round": np.rint,
    "floor": np.floor,
    "abs": np.abs,
}
#: Those that ask a date for what clocks and calendars show.
OF_CLOCKS = frozenset(FUNCTIONS) - {"round", "floor", "abs"}
