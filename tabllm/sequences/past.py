"""What an event is drawn from, as columns: the user, how far the history is, and the events before.

The same columns are made of a log that is learned, of all its rows at once, and of histories that are being made, of
all users at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tabular.relations.log import EventLog, unused_name
from tabular.relations.times import DAY
from tabular.schema import Column, Schema

from .layout import Layout
from .limits.variety import Varying

__all__ = ["END", "NOW", "PAST_BINS", "SINCE", "Moment", "Past"]

#: Quantile bins of a number of the past: it need not be given as finely as one that is drawn.
PAST_BINS = 32
#: The name of the gap before an event among its values in a window.
SINCE = ""
#: Names of columns of the past: the time of the event before, how far away the last event is, and that divided by the
#: number of events to come.
NOW, END, PACE = "time before", "time to come", "time per event to come"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Moment:
    """Where histories stand before their next event; arrays have one entry per history.

    Attributes:
        user: the columns of users, and what :class:`Layout` adds to them.
        position: events so far.
        left: events to come, the next one included.
        time: of the event before; of the first event itself at the beginning.
        last_day: the day of the last event (:meth:`tabular.relations.times.Clock.day`).
        before: the values of the latest events, the latest first; each has all given columns and :data:`SINCE`.
    """

    user: Mapping[str, np.ndarray]
    position: np.ndarray
    left: np.ndarray
    time: np.ndarray
    last_day: np.ndarray
    before: Sequence[Mapping[str, np.ndarray]]


class Past:
    """The columns of the past of an event.

    Attributes:
        columns: in the order in which they are given; :attr:`drawn_at_first` come last, so that they can be drawn from
            the others where a history goes on beyond what was learned.
        once: column of events that has each value at most once in a history -> how many values there are.
    """

    def __init__(self, layout: Layout, users: Schema, events: Schema) -> None:
        self.layout = layout
        self.once = {name: len(events[name].categories) for name in layout.once}
        self._categories = {name: len(events[name].categories) for name in layout.variety.rates}
        taken = {*users.names, *events.names}
        self.names: dict[str, str] = {}
        self.columns: list[Column] = []

        def add(key: str, column: Column) -> None:
            name = unused_name(key, taken)
            self.names[key] = name
            self.columns.append(replace(column, name=name, missing_rate=0.5, label=None, notes=(), personal=None))

        def number(key: str) -> None:
            add(key, Column(key, "continuous", "Float64"))

        def like(key: str, column: Column) -> None:
            if column.is_numeric:
                number(key)
            elif column.has_categories and len(column.categories) > 1:
                add(key, column)

        self.of_user = layout.of_user
        for name in self.of_user:
            like(f"user's {name}", users[name])
        for step in range(layout.window, 0, -1):
            number(f"gap before, {step}")
            for name in layout.given:
                like(f"{name} {step} before", events[name])
        if layout.clock.unit != "numbers":
            add("weekday before", Column("", "categorical", "int64", categories=tuple(range(7))))
        if layout.clock.unit == "instants":
            number("clock before")
        number("events before")
        number("events to come")
        number(NOW)
        number(END)
        number(PACE)

    def varying(self, owner: np.ndarray) -> Varying:
        """The variety of histories that are to be made, of which nothing came yet; ``owner`` is whose each is."""
        return Varying(self.layout.variety, self._categories, owner)

    @property
    def drawn_at_first(self) -> tuple[str, ...]:
        """The columns that a history that goes on has not: when it is, and how far away and how dense what comes is."""
        return self.names[NOW], self.names[END], self.names[PACE]

    def nothing(self, rows: int) -> Arrays:
        """The values of an event that is not there, for the window of so many histories."""
        kinds = {column.name: column for column in self.columns}
        found: Arrays = {SINCE: np.full(rows, np.nan)}
        for name in self.layout.given:
            number = kinds[self.names[f"{name} 1 before"]].is_numeric
            found[name] = np.full(rows, np.nan) if number else np.full(rows, -1, np.int32)
        return found

    def arrays(self, moment: Moment, beyond: np.ndarray | float = 0.0) -> Arrays:
        """Canonical arrays of :attr:`columns`.

        Args:
            beyond: how much later each history is than the time that it is taken to be at.
        """
        layout = self.layout
        found: Arrays = {}

        def put(key: str, values: np.ndarray) -> None:
            if key in self.names:
                found[self.names[key]] = values

        for name in self.of_user:
            put(f"user's {name}", moment.user[name])
        for step, event in enumerate(moment.before, start=1):
            put(f"gap before, {step}", event[SINCE])
            for name in layout.given:
                put(f"{name} {step} before", event[name])
        put(NOW, moment.time - beyond)
        # 1970-01-01 was a Thursday; 0 is Monday.
        put("weekday before", ((np.floor(moment.time / DAY) + 3) % 7).astype(np.int32))
        put("clock before", moment.time % DAY)
        put("events before", moment.position.astype(np.float64))
        put("events to come", moment.left.astype(np.float64))
        ahead = np.maximum(moment.last_day - layout.clock.day(moment.time), 0)
        put(END, ahead)
        # The quotient of two coarse numbers is not learned from them. Without it gaps of long histories do not go with
        # their span: events that are made too late all fall on the last day.
        put(PACE, ahead / np.maximum(moment.left, 1))
        return found

    def of_log(self, log: EventLog, users: Mapping[str, np.ndarray], rows: np.ndarray | None = None) -> Arrays:
        """Those of every row of ``log``, or of ``rows`` (int64[some]).

        Args:
            users: canonical arrays of the table of users.
        """
        rows = np.arange(len(log.user)) if rows is None else rows
        user, clock = log.user[rows], self.layout.clock
        position = rows - log.first[user]
        return self.arrays(
            Moment(
                {name: users[name][user] for name in self.of_user},
                position,
                log.counts[user] - position,
                np.where(position > 0, log.before(log.times, 1, rows), log.times[rows]),
                clock.day(log.times[log.last[user]]),
                self.latest(log, 1, rows),
            )
        )

    def latest(self, log: EventLog, ago: int = 0, rows: np.ndarray | None = None) -> list[Arrays]:
        """The window of events that ends ``ago`` events before every row of ``log``, or ``rows``, the latest first."""
        rows = np.arange(len(log.user)) if rows is None else rows
        return [
            {
                SINCE: log.before(log.times, step, rows) - log.before(log.times, step + 1, rows),
                **{name: log.before(log.arrays[name], step, rows) for name in self.layout.given},
            }
            for step in range(ago, self.layout.window + ago)
        ]
