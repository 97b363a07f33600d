"""Distances between two logs of events: 0 where they do not differ, and at most 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tabular.relations.log import EventLog
from tabular.relations.times import DAY
from tabular.schema import Column

from ..metrics.trends import correlations
from .per_user import features_of_users, lengths, log_gaps

__all__ = ["QUESTIONS", "States", "distances", "joint_counts", "ks_distance", "states_of"]

#: The questions, in the order in which they are shown.
QUESTIONS = ("length", "gaps", "times", "transitions", "coherence", "per user")
#: States of a column between which transitions are counted: the most frequent categories, or tenths of a number.
MAX_STATES, TENTHS = 50, 10

Measured = tuple[str, str, float | None]


def distances(real: EventLog, other: EventLog) -> Iterator[Measured]:
    """(question, name, distance) of every figure; ``None`` where one of the logs has nothing to compare."""
    yield "length", "events of a user", ks_distance(lengths(real), lengths(other))
    yield "gaps", "time between events", ks_distance(log_gaps(real), log_gaps(other))
    yield "gaps", "burstiness", ks_distance(_burstiness(real), _burstiness(other))
    yield "gaps", "memory of gaps", _difference(*(_gap_memory(log) for log in (real, other)))
    yield "times", "first event of a user", ks_distance(real.times[real.first], other.times[other.first])
    yield "times", "last event of a user", ks_distance(real.times[real.last], other.times[other.last])
    if real.schema[real.time].kind == "datetime":
        for name, states, period in (("weekday", 7, DAY), ("hour", 24, 3600.0)):
            moved = [np.floor(log.times / period).astype(np.int64) % states for log in (real, other)]
            if name == "weekday" or len(np.unique(moved[0])) > 1:
                yield "times", name, _variation(*(np.bincount(each, minlength=states) for each in moved))
    for name in real.event_columns:
        column = real.schema[name]
        found = states_of(column, real.arrays[name], other.arrays[name])
        if found is not None:
            counts = (
                joint_counts(log, codes, found.width) for log, codes in ((real, found.real), (other, found.other))
            )
            yield "transitions", name, _variation(*counts)
            yield "coherence", name, _difference(*(_again(log, name) for log in (real, other)))
    users, others = features_of_users(real), features_of_users(other)
    for name, values in users.items():
        if name not in ("events", "first time", *real.user_columns):
            yield "per user", name, ks_distance(values, others[name])


def ks_distance(first: np.ndarray, second: np.ndarray) -> float | None:
    """The distance of Kolmogorov and Smirnov between the values that are not missing."""
    first, second = np.sort(first[~np.isnan(first)]), np.sort(second[~np.isnan(second)])
    if not len(first) or not len(second):
        return None if len(first) == len(second) else 1.0
    both = np.concatenate([first, second])
    below = [np.searchsorted(each, both, side="right") / len(each) for each in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


def _burstiness(log: EventLog) -> np.ndarray:
    """float64[users with three gaps or more]: (sd - mean) / (sd + mean) of the gaps (Goh and Barabasi 2008)."""
    gaps = log.times - log.before(log.times, 1)
    known = ~np.isnan(gaps)
    count = np.maximum(np.bincount(log.user[known], minlength=len(log.first)), 1)
    mean = np.bincount(log.user[known], gaps[known], minlength=len(log.first)) / count
    off = (gaps - mean[log.user])[known] ** 2
    spread = np.sqrt(np.bincount(log.user[known], off, minlength=len(log.first)) / count)
    total = spread + mean
    found = np.divide(spread - mean, total, out=np.zeros(len(total)), where=total > 0)
    return found[log.counts > 3]


@dataclass(frozen=True)
class States:
    """The values of a column as few states.

    Attributes:
        width: number of states; the last two are "other" (of categories) and "missing".
        real, other: int64[rows], the state of each row of either log.
        edges: float64[states - 2], where states of numbers begin, but for the first.
    """

    width: int
    real: np.ndarray
    other: np.ndarray
    edges: np.ndarray | None = None


def states_of(column: Column, real: np.ndarray, other: np.ndarray, most: int = MAX_STATES) -> States | None:
    """Categories (the most frequent ones) or tenths of the real numbers; ``None`` of a column with one value."""
    if column.is_numeric:
        known = real[~np.isnan(real)]
        if not len(known) or known.min() == known.max():
            return None
        edges = np.unique(np.quantile(known, np.arange(1, TENTHS) / TENTHS))
        width = len(edges) + 2
        made = [np.where(np.isnan(x), width - 1, np.searchsorted(edges, x, side="right")) for x in (real, other)]
        return States(width, made[0], made[1], edges)
    if not column.has_categories or len(column.categories) < 2:
        return None
    order = np.argsort(-np.bincount(real[real >= 0], minlength=len(column.categories)), kind="stable")
    place = np.empty(len(order) + 1, np.int64)
    width = min(len(order), most) + 2
    place[order] = np.minimum(np.arange(len(order)), width - 2)
    place[-1] = width - 1  # where -1, missing, points
    return States(width, place[real], place[other])


def joint_counts(log: EventLog, states: np.ndarray, width: int) -> np.ndarray:
    """int64[width * width]: how often which state follows which."""
    going_on = log.position[1:] > 0
    return np.bincount((states[:-1] * width + states[1:])[going_on], minlength=width * width)


def _variation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Total variation distance of two distributions, given as counts."""
    if not first.sum() or not second.sum():
        return None if first.sum() == second.sum() else 1.0
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def _again(log: EventLog, name: str) -> float | None:
    """How an event resembles the one before: the correlation of their ranks, or how often the category is the same."""
    values = log.arrays[name]
    before = log.before(values, 1)
    if not log.schema[name].is_numeric:
        known = (log.position > 0) & (values >= 0) & (before >= 0)
        return float((values == before)[known].mean()) if known.any() else None
    return _rank_correlation(values, before)


def _gap_memory(log: EventLog) -> float | None:
    """The correlation of the ranks of consecutive gaps of a user (the memory of Goh and Barabasi 2008)."""
    gaps = log_gaps(log)
    return _rank_correlation(gaps, log.before(gaps, 1))


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    known = ~np.isnan(first) & ~np.isnan(second)
    if known.sum() < 3:
        return None
    ranks = np.stack([_ranks(first[known]), _ranks(second[known])], axis=1)
    found = correlations(ranks)[0, 1]
    return None if np.isnan(found) else float(found)


def _ranks(values: np.ndarray) -> np.ndarray:
    """float64[n]: mean ranks of equal values."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - count / 2)[place.ravel()])


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else abs(first - second)
