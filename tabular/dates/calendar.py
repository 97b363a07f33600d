"""The Gregorian calendar on whole arrays: days since 1970 <-> years, months, weeks."""

from __future__ import annotations

import numpy as np

__all__ = ["civil", "days_of", "iso_days", "iso_weeks", "months_of", "weekdays"]


def months_of(days: np.ndarray) -> np.ndarray:
    """int64[n] days since 1970-01-01 -> int64[n] months since January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def days_of(months: np.ndarray) -> np.ndarray:
    """int64[n] months since January 1970 -> int64[n], the day since 1970-01-01 on which each begins."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def civil(days: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int64[n] days since 1970-01-01 -> years, months (1 to 12) and days of the month (from 1)."""
    months = months_of(days)
    return months // 12 + 1970, months % 12 + 1, days - days_of(months) + 1


def weekdays(days: np.ndarray) -> np.ndarray:
    """int64[n] days since 1970-01-01 -> 0 (Monday) to 6."""
    return (days + 3) % 7


def iso_days(years: np.ndarray, weeks: np.ndarray, days: np.ndarray) -> np.ndarray:
    """ISO years, weeks (from 1) and weekdays (1 = Monday) -> days since 1970-01-01."""
    fourth = days_of((years - 1970) * 12) + 3  # 4 January is always in week 1
    return fourth - weekdays(fourth) + (weeks - 1) * 7 + days - 1


def iso_weeks(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64[n] days since 1970-01-01 -> ISO years and weeks (from 1)."""
    thursday = days - weekdays(days) + 3
    years = months_of(thursday) // 12 + 1970
    return years, (thursday - days_of((years - 1970) * 12)) // 7 + 1
