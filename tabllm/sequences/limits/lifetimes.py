"""Values that come only from some time on, or until one: a film is not rated before it is shown, a campaign ends.

A model of events gives such values a small probability at all times, and a user of a hundred events has nearly always
one of them. So an event is drawn again whose value has not come yet, or comes no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.plain_json import TEXT, FieldError, Kind, check_fields, list_of, maybe, object_of, one_of, real
from tabular.relations.log import EventLog

__all__ = ["Lifetimes"]

#: Users who have a value, at least: the time of one of few would be told.
MIN_USERS = 20
#: How probable it may be that any group of values of a column misses a time by chance, if they came at all times alike.
CHANCE = 1e-3
#: Events for each of the times at which lifetimes begin and end, and how many there are at least and at most.
EVENTS_PER_TIME, MIN_TIMES, MAX_TIMES = 300, 16, 256
#: Numbers of a column of which it is asked from when and until when greater ones come, and smaller ones.
MAX_THRESHOLDS = 256

#: Which values a threshold stands for.
IS, AT_LEAST, AT_MOST = "is", "at least", "at most"
_FIELDS: Mapping[str, Kind] = {
    "column": TEXT,
    "which": one_of(IS, AT_LEAST, AT_MOST),
    "values": list_of(real()),
    "start": list_of(maybe(real())),
    "end": list_of(maybe(real())),
}


@dataclass(frozen=True)
class _Span:
    """When groups of values of one column come.

    Attributes:
        which: whether a group has one value, all of at least one, or all of at most one.
        values: float64[groups], ascending; codes of categories.
        start, end: float64[groups]; infinite where nothing bounds them.
    """

    column: str
    which: str
    values: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def outside(self, values: np.ndarray, times: np.ndarray) -> np.ndarray:
        """bool[rows]: which values do not come at their times."""
        if self.which == AT_MOST:
            # The first group that a value is in is the narrowest; it keeps to the bounds of all of them.
            start, end = np.maximum.accumulate(self.start[::-1])[::-1], np.minimum.accumulate(self.end[::-1])[::-1]
            place = np.searchsorted(self.values, values, side="left")
        else:
            start, end = self.start, self.end
            if self.which == AT_LEAST:
                start, end = np.maximum.accumulate(start), np.minimum.accumulate(end)
            place = np.searchsorted(self.values, values, side="right") - 1
        found = np.clip(place, 0, len(self.values) - 1)
        within = (place == found) & ~np.isnan(values)
        if self.which == IS:
            within &= self.values[found] == values
        return within & ((times < start[found]) | (times > end[found]))


@dataclass(frozen=True)
class Lifetimes:
    """Of all columns of events that have any."""

    spans: tuple[_Span, ...] = ()

    @classmethod
    def of(cls, log: EventLog, columns: Collection[str]) -> Self:
        """Those of the values of ``columns`` of a log.

        Values that come at all times alike miss the share ``q`` of the log's beginning with the probability
        ``(1 - q) ** users`` if so many users have them. Where that is below :data:`CHANCE` (divided by the number of
        groups that are asked about) they are taken not to come there. No time is told but those of many events.
        """
        weight = 1.0 / log.counts[log.user]
        order = np.argsort(log.times, kind="stable")
        times, mass = log.times[order], np.append(0.0, np.cumsum(weight[order]))
        grid = _grid(times, mass)
        before = mass[np.searchsorted(times, grid, side="left")] / mass[-1]
        after = 1 - mass[np.searchsorted(times, grid, side="right")] / mass[-1]
        spans = []
        for name in columns:
            for which, values, users, first, last in _groups(log, name):
                start = np.searchsorted(grid, first, side="right") - 1
                end = np.searchsorted(grid, last, side="left")
                least = np.log(max(len(values), 1) / CHANCE)
                many = users >= MIN_USERS
                with np.errstate(divide="ignore"):
                    starts = many & (-users * np.log1p(-before[start]) > least)
                    ends = many & (-users * np.log1p(-after[end]) > least)
                if (some := starts | ends).any():
                    start, end = np.where(starts, grid[start], -np.inf), np.where(ends, grid[end], np.inf)
                    spans.append(_Span(name, which, values[some].astype(np.float64), start[some], end[some]))
        return cls(tuple(spans))

    def outside(self, arrays: Mapping[str, np.ndarray], times: np.ndarray) -> np.ndarray:
        """bool[rows]: which events, of these canonical arrays, have a value that does not come at their time."""
        found = np.zeros(len(times), dtype=bool)
        for span in self.spans:
            if span.column in arrays:
                found |= span.outside(arrays[span.column].astype(np.float64), times)
        return found

    def to_data(self) -> list[dict[str, Any]]:
        """Plain JSON data."""
        return [
            {
                "column": span.column,
                "which": span.which,
                "values": span.values.tolist(),
                "start": [None if np.isinf(time) else time for time in span.start.tolist()],
                "end": [None if np.isinf(time) else time for time in span.end.tolist()],
            }
            for span in self.spans
        ]

    @classmethod
    def from_data(cls, data: Any, columns: Collection[str]) -> Self:
        """Read what :meth:`to_data` wrote of ``columns``. Raises :class:`.FieldError` if it is not."""
        check_fields({"lifetimes": data}, {"lifetimes": list_of(object_of(_FIELDS))}, "it")
        spans = []
        for each in data:
            values = np.array(each["values"], np.float64)
            start = np.array([-np.inf if time is None else time for time in each["start"]], np.float64)
            end = np.array([np.inf if time is None else time for time in each["end"]], np.float64)
            if each["column"] not in columns:
                raise FieldError(f"{each['column']!r}, which has lifetimes, is no column of events")
            if not 0 < len(values) == len(start) == len(end) or (np.diff(values) <= 0).any():
                raise FieldError(f"lifetimes of {each['column']!r} need ascending values with a start and an end each")
            spans.append(_Span(each["column"], each["which"], values, start, end))
        return cls(tuple(spans))


def _grid(times: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """float64[n], ascending: times that split a log into like parts, where all users count alike; both ends too."""
    count = int(np.clip(len(times) // EVENTS_PER_TIME, MIN_TIMES, MAX_TIMES))
    places = np.searchsorted(mass[1:], np.linspace(0, mass[-1], count + 1)[1:-1])
    return np.unique(np.concatenate([times[:1], times[np.minimum(places, len(times) - 1)], times[-1:]]))


def _groups(log: EventLog, name: str) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """The groups of values of a column: which, their values, users who have one, and the first and last time."""
    column, values = log.schema[name], log.arrays[name]
    if not (column.has_categories or column.is_numeric):
        return
    rows = np.flatnonzero(values >= 0 if column.has_categories else ~np.isnan(values))
    each, place = np.unique(values[rows], return_inverse=True)
    times, user = log.times[rows], log.user[rows]
    if column.has_categories or len(each) <= MAX_THRESHOLDS:
        users = np.bincount(np.unique(user * len(each) + place) % max(len(each), 1), minlength=len(each))
        yield IS, each, users, *_ends(place, times, len(each))
    if column.is_numeric:
        if len(each) > MAX_THRESHOLDS:
            each = np.unique(np.quantile(each, np.linspace(0, 1, MAX_THRESHOLDS), method="lower"))
        for which, best, step in ((AT_LEAST, np.maximum, -1), (AT_MOST, np.minimum, 1)):
            place = np.searchsorted(each, values[rows], side="right" if which == AT_LEAST else "left")
            place -= which == AT_LEAST
            first, last = _ends(place, times, len(each))
            # A user has values of at least the threshold of his greatest one, and of all thresholds below it.
            widest = np.full(len(log.first), -1 if which == AT_LEAST else len(each))
            best.at(widest, user, place)
            users = np.bincount(widest[(widest >= 0) & (widest < len(each))], minlength=len(each))
            yield (
                which,
                each,
                np.cumsum(users[::step])[::step],
                np.minimum.accumulate(first[::step])[::step],
                np.maximum.accumulate(last[::step])[::step],
            )


def _ends(place: np.ndarray, times: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """float64[groups] each: the first and the last of ``times``, int64[rows] being the group of each."""
    first, last = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(first, place, times)
    np.maximum.at(last, place, times)
    return first, last
