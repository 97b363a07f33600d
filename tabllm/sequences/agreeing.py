"""Times that are drawn of events whose other cells say something of them: ``hour = hour(time)``.

A drawn time that does not come to the known cells is moved to one that does, as near as it is found between the times
of the events before and after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.encoding.unmodelled import is_missing
from tabular.relations.log import EventLog
from tabular.relations.times import DAY
from tabular.rules.reducing.derivations import Derivation, Gap
from tabular.rules.reducing.inverting import invert
from tabular.rules.reducing.reduction import reduction_of
from tabular.schema import Schema

from .lanes import MAX_STEPS
from .layout import Layout

__all__ = ["KnownParts"]

Arrays = dict[str, np.ndarray]
#: How far from the drawn time one is looked for at first, in days or in units of the time.
NEAR = 0.25
#: How many days from the drawn one others are tried: every weekday and day of a month, then every month.
OTHER_DAYS = (*range(1, 32), *range(40, 371, 10))
#: How often times are drawn that may agree.
AGAIN = 8


@dataclass(frozen=True)
class KnownParts:
    """What known cells of events say of the times of these events.

    Attributes:
        time: the column of times.
        schema: of the whole log; its times have bounds, within which times are looked for.
        made: what rules make of a time.
        known: bool[rows] for each of ``made``: where its column and all others that it is made from are known.
        arrays: canonical arrays of these columns, in the order of the log's rows.
    """

    time: str
    schema: Schema
    made: tuple[Derivation, ...]
    known: tuple[np.ndarray, ...]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, log: EventLog, open_: Mapping[str, np.ndarray], layout: Layout) -> KnownParts:
        """What ``log``, with a time in every row, says of those that are ``open_``.

        Args:
            open_: bool[rows] per column, the cells that are not known.
        """
        time = log.schema[log.time]
        learned, given = layout.clock.column, log.times[~open_[log.time]]
        ends = [each for each in (learned.minimum, learned.maximum) if each is not None]
        span = np.concatenate([given, ends])
        bounded = replace(time, minimum=float(span.min()), maximum=float(span.max()))
        columns = tuple(bounded if each.name == log.time else each for each in log.schema)
        made = tuple(
            each
            for each in reduction_of(log.schema).derivations
            if not isinstance(each, Gap) and each.target in layout.event_columns and log.time in each.sources
        )
        known = tuple(
            np.all(
                [
                    ~(open_[name] | is_missing(log.arrays[name]))
                    for name in (each.target, *each.sources)
                    if name != log.time
                ],
                axis=0,
            )
            for each in made
        )
        names = {name for each in made for name in (each.target, *each.sources)} - {log.time}
        arrays = {name: log.arrays[name] for name in names}
        return cls(log.time, replace(log.schema, columns=columns), made, known, arrays)

    def agreeing(
        self, rows: np.ndarray, times: np.ndarray, begin: np.ndarray, end: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """float64[some]: ``times`` of ``rows``, those that do not come to the known cells moved to some that do.

        Args:
            rows: int64[some], rows of the log.
            times: drawn ones, which stay where none is found that agrees.
            begin, end: what a time must not be before or after; infinite where nothing bounds it.
        """
        found = times.copy()
        wrong = np.flatnonzero(~self._agree(rows, found))
        for trial in self._trials(rows[wrong], times[wrong], begin[wrong], end[wrong], rng):
            some = np.flatnonzero(~self._agree(rows[wrong], found[wrong]))
            if not len(some):
                break
            near, where = trial(some), wrong[some]
            good = self._agree(rows[where], near) & (near >= begin[where]) & (near <= end[where])
            found[where[good]] = near[good]
        wrong = np.flatnonzero(~self._agree(rows, found) & np.isfinite(end) & (end >= begin))
        found[wrong] = np.where(self._agree(rows[wrong], end[wrong]), end[wrong], found[wrong])
        return found

    def latest(self, until: np.ndarray, untimed: np.ndarray, user: np.ndarray) -> np.ndarray:
        """``until``, moved to where the times of the same event and of those that follow can still agree.

        Args:
            until: float64[rows], the time that an event cannot be after.
            untimed: bool[rows], events whose time is to be drawn.
            user: int64[rows], ascending.
        """
        said = untimed & np.any(self.known, axis=0) if self.made else np.zeros(len(until), dtype=bool)
        if not said.any():
            return until
        until, rows = until.copy(), np.flatnonzero(untimed)
        ends = np.flatnonzero(np.append((np.diff(rows) > 1) | (np.diff(user[rows]) > 0), True))
        from_end = ends[np.searchsorted(ends, np.arange(len(rows)))] - np.arange(len(rows))
        rng = np.random.default_rng(len(rows))
        for step in range(min(int(from_end.max()) + 1, MAX_STEPS)):
            some = rows[from_end == step]
            if step:
                until[some] = np.minimum(until[some], until[some + 1])
            some = some[said[some] & np.isfinite(until[some])]
            until[some] = self.agreeing(some, until[some], np.full(len(some), -np.inf), until[some], rng)
        return until

    def _trials(
        self, rows: np.ndarray, times: np.ndarray, begin: np.ndarray, end: np.ndarray, rng: np.random.Generator
    ) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
        """Times to try, the nearest first: int64[some], which of ``rows`` still need one -> float64[some]."""
        column = replace(self.schema[self.time], minimum=None, maximum=None)
        days = column.kind == "datetime"

        def between(near: float, some: np.ndarray) -> np.ndarray:
            low, high = np.maximum(begin[some], times[some] - near), np.minimum(end[some], times[some] + near)
            return on_grid(low + rng.random(len(some)) * np.maximum(high - low, 0), column)

        def days_later(shift: int, some: np.ndarray) -> np.ndarray:
            solved = self._moved(rows[some], times[some], rng)
            return np.asarray((np.floor(times[some] / DAY) + shift) * DAY + solved % DAY)

        near = NEAR * (DAY if days else 1.0)
        yield from [partial(days_later, 0)] * (AGAIN if days else 0)
        yield from [partial(between, near)] * AGAIN
        for distance in OTHER_DAYS if days else ():
            yield partial(days_later, -distance)
            yield partial(days_later, distance)
        yield lambda some: self._moved(rows[some], times[some], rng)
        for power in range(AGAIN):
            yield partial(between, near * 4.0**power)

    def _agree(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """bool[some]: whether rules make of ``times`` what is known."""
        agree = np.ones(len(rows), dtype=bool)
        for each, known in zip(self.made, self.known, strict=True):
            agree &= ~known[rows] | each.rule.kept(self._cells(rows, times, (each.target, *each.sources)), self.schema)
        return agree

    def _moved(self, rows: np.ndarray, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """``times`` solved for what is known of them, whatever stands before and after."""
        names = {name for each in self.made for name in (each.target, *each.sources)}
        found = self._cells(rows, times, tuple(sorted(names)))
        known = {name: np.zeros(len(rows), dtype=bool) for name in found}
        for each, there in zip(self.made, self.known, strict=True):
            for name in (each.target, *each.sources):
                known[name] = known[name] | there[rows]
        known[self.time] = np.zeros(len(rows), dtype=bool)
        invert(found, self.made, known, self.schema, rng)
        return found[self.time]

    def _cells(self, rows: np.ndarray, times: np.ndarray, names: tuple[str, ...]) -> Arrays:
        return {name: times if name == self.time else self.arrays[name][rows] for name in names}
