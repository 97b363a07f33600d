"""Parts of a log: the events of some users, or some events of all users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tabular.relations.log import EventLog

__all__ = ["events_before", "of_users"]


def of_users(log: EventLog, users: np.ndarray) -> EventLog:
    """The events of some users (int64[n], their numbers), numbered anew."""
    counts = log.counts[users]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    user = np.repeat(np.arange(len(users)), counts)
    rows = np.arange(len(user)) - first[user] + log.first[users][user]
    return _rows(log, rows, user, first, counts)


def events_before(log: EventLog, time: float) -> tuple[EventLog, np.ndarray]:
    """The events before ``time``, and int64[users]: the number in ``log`` of each user who has one."""
    rows = np.flatnonzero(log.times < time)
    numbers, user, counts = np.unique(log.user[rows], return_inverse=True, return_counts=True)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return _rows(log, rows, user.ravel(), first, counts), numbers


def _rows(log: EventLog, rows: np.ndarray, user: np.ndarray, first: np.ndarray, counts: np.ndarray) -> EventLog:
    arrays = {name: values[rows] for name, values in log.arrays.items()}
    return replace(log, rows=log.rows[rows], arrays=arrays, user=user, first=first, counts=counts)
