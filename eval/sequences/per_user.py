"""One row per user: how many events it has, when, and what its values come to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tabular.encoding.cells import grid_step
from tabular.relations.log import EventLog
from tabular.relations.means import means_by_owner
from tabular.relations.times import DAY

__all__ = ["features_of_users", "lengths", "log_gaps"]

#: Categories of a column whose shares of a user's events are features: the most frequent ones.
MAX_SHARES = 8


def lengths(log: EventLog) -> np.ndarray:
    """float64[users], events of each."""
    return log.counts.astype(np.float64)


def log_gaps(log: EventLog) -> np.ndarray:
    """float64[rows]: the logarithm of the time since the event before, NaN for the first of a user."""
    gaps = log.times - log.before(log.times, 1)
    return np.asarray(np.log1p(np.maximum(gaps, 0)))


def features_of_users(log: EventLog) -> dict[str, np.ndarray]:
    """Name -> float64[users], NaN where a user has no such value.

    Which there are is a matter of the schema. Of numbers: the mean, the spread, the highest, and the last less the
    first; of categories: how many different ones, and the share of the most frequent ones of the table (``log`` names
    them: the lowest codes).
    """
    first, last = log.times[log.first], log.times[log.last]
    gaps = log_gaps(log)
    found = {"events": lengths(log), "first time": first, "span": np.log1p(last - first)}
    found |= {f"gap {name}": values for name, values in _of_numbers(gaps, log)}
    if log.schema[log.time].kind == "datetime":
        weekend = ((np.floor(log.times / DAY) + 3) % 7 >= 5).astype(np.float64)
        found["weekend mean"] = _mean(weekend, log)
        if (grid_step(log.schema[log.time]) or 0.0) < DAY:
            found |= {f"time of day {name}": values for name, values in _of_numbers(log.times % DAY, log)}
    for name in log.event_columns:
        column, values = log.schema[name], log.arrays[name]
        if column.is_numeric:
            found |= {f"{name} {what}": each for what, each in _of_numbers(values, log)}
            found[f"{name} change"] = values[log.last] - values[log.first]
            if column.missing_rate:
                found[f"{name} missing"] = _mean(np.isnan(values).astype(np.float64), log)
        elif column.has_categories and len(column.categories) > 1:
            found[f"{name} different"] = _different(values, log)
            for code, category in enumerate(column.categories[:MAX_SHARES]):
                found[f"{name} {category}"] = _mean((values == code).astype(np.float64), log)
    for name in log.user_columns:
        column, values = log.schema[name], log.arrays[name][log.first]
        if column.is_numeric:
            found[name] = values
        elif column.has_categories and len(column.categories) > 1:
            found[name] = np.where(values < 0, np.nan, values.astype(np.float64))
    return found


def _of_numbers(values: np.ndarray, log: EventLog) -> Iterator[tuple[str, np.ndarray]]:
    mean = _mean(values, log)
    yield "mean", mean
    known = ~np.isnan(values)
    off = np.where(known, values - np.nan_to_num(mean)[log.user], 0.0)
    count = np.bincount(log.user[known], minlength=len(log.first))
    square = np.bincount(log.user, off**2, minlength=len(log.first))
    yield "spread", np.sqrt(np.divide(square, count, out=np.full(len(square), np.nan), where=count > 1))
    highest = np.full(len(log.first), -np.inf)
    np.maximum.at(highest, log.user[known], values[known])
    yield "highest", np.where(count > 0, highest, np.nan)


def _mean(values: np.ndarray, log: EventLog) -> np.ndarray:
    return means_by_owner(values, log.user, len(log.first))


def _different(codes: np.ndarray, log: EventLog) -> np.ndarray:
    width = int(codes.max(initial=0)) + 2
    pairs = np.unique(log.user * width + codes + 1)
    return np.bincount(pairs // width, minlength=len(log.first)).astype(np.float64)
