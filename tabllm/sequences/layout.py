"""The columns of the two tables that are learned of a log: one row per user, and one per event with its past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import from_arrays, on_grid
from tabular.preparing.inference import infer_schema
from tabular.relations.log import EventLog, unused_name
from tabular.relations.times import DAY, Clock, Names
from tabular.rules import Rule
from tabular.schema import Column, Schema

from .kinds import Kinds
from .limits.lifetimes import Lifetimes
from .limits.once import once_columns
from .limits.overdue import Overdue
from .limits.paces import Paces
from .limits.variety import Variety
from .spans import Spans

__all__ = ["Layout", "in_time_order", "some_rows", "sound_users", "user_arrays", "user_table", "with_spans"]

Arrays = dict[str, np.ndarray]

#: Columns of events of which a user's mean or most frequent value is learned, and which an event is given of its past.
MAX_GIVEN = 8
#: With so many given columns of events or fewer, an event is given two events before it, else of one.
MAX_TWICE = 4
#: Events of a log for each category of a column of which an event is given its past: rarer ones name a user or a
#: moment, and are learned by heart. So many categories are never too many.
EVENTS_PER_CATEGORY, MIN_CATEGORIES = 20, 16


@dataclass(frozen=True)
class Layout:
    """Names of columns.

    Attributes:
        by, time: of the log.
        user_columns, event_columns: of the log, as :class:`tabular.relations.log.EventLog` has them.
        count: number of events of a user.
        first: time of the first event.
        span: from the first to the last event, in days of the calendar or in units of the time.
        typical: column of events -> its mean or most frequent value of a user.
        clock: how times are encoded.
        window: events before that an event is given.
        in_time_order: whether the rows of the file are in time order, and not by user.
        relative: columns of events that are learned as the time since the event (:mod:`.following`).
        spans: how the span is drawn, where users are few.
        paces: how much time is left for the events to come; none in a run of an older release.
        once: columns of events that have each value at most once in a history (:mod:`.limits.once`).
        lifetimes: from when and until when values come.
        variety: how often events have a value that their history has not had.
        kind: of a user, one column for each level of :attr:`kinds`.
        kinds: which users have like events.
        overdue: how many histories have had the values of :attr:`once`.
    """

    by: str
    time: str
    user_columns: tuple[str, ...]
    event_columns: tuple[str, ...]
    count: str
    first: str
    span: str
    typical: Mapping[str, str]
    clock: Clock
    window: int
    in_time_order: bool
    relative: tuple[str, ...] = ()
    spans: Spans | None = None
    paces: Paces | None = None
    once: tuple[str, ...] = ()
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    variety: Variety = field(default_factory=Variety)
    kind: tuple[str, ...] = ()
    kinds: Kinds | None = None
    overdue: Overdue = field(default_factory=Overdue)

    @classmethod
    def of(cls, log: EventLog, relative: tuple[str, ...] = ()) -> Layout:
        """The layout for a log, whose columns ``relative`` are encoded so."""
        taken = set(log.schema.names)

        def name(wanted: str) -> str:
            return unused_name(wanted, taken)

        given = [c for c in log.event_columns if _varies(log.schema[c], log.arrays[c])][:MAX_GIVEN]
        typical = {c: name(f"{'mean' if log.schema[c].is_numeric else 'most frequent'} {c}") for c in given}
        kinds, once = Kinds.of(log, given), once_columns(log)
        clock = Clock.of(log.schema[log.time], log.times, Names.of(name))
        return cls(
            log.by,
            log.time,
            log.user_columns,
            log.event_columns,
            name("events"),
            name(f"first {log.time}"),
            name("span"),
            typical,
            clock,
            2 if len(given) <= MAX_TWICE else 1,
            log.in_time_order,
            relative,
            paces=Paces.of(log, clock),
            once=once,
            lifetimes=Lifetimes.of(log, log.event_columns),
            variety=Variety.of(log, [name for name in log.event_columns if name not in once]),
            kind=tuple(name(f"kind of user, {level}") for level in range(1, 1 + len(kinds.centers if kinds else ()))),
            kinds=kinds,
            overdue=Overdue.of(log, once),
        )

    @property
    def given(self) -> tuple[str, ...]:
        """The columns of events that an event is given of its past."""
        return tuple(self.typical)

    @property
    def of_user(self) -> tuple[str, ...]:
        """The columns of users that an event is given of its user, in the order of their table."""
        own = self.user_columns[: 2 * len(self.typical) + MAX_GIVEN]
        return (*own, *self.typical.values(), *self.kind)


def _varies(column: Column, values: np.ndarray) -> bool:
    if column.is_numeric:
        present = values[~np.isnan(values)]
        return len(present) > 0 and present.min() < present.max()
    return column.has_categories and 1 < len(column.categories) <= max(
        MIN_CATEGORIES, len(values) / EVENTS_PER_CATEGORY
    )


def user_table(
    log: EventLog, layout: Layout, *, rare_below: int = 0, rules: tuple[Rule, ...] = ()
) -> tuple[pd.DataFrame, Schema]:
    """One row per user: its own columns, when it begins, how many events it has and over what time.

    Args:
        rules: between columns of users.
    """
    own, arrays = log.schema, user_arrays(log, layout)
    names = (layout.by, *layout.user_columns)
    cells = from_arrays({name: arrays[name] for name in names}, _part(own, names))
    # Inferred anew, since a user with many events counts once here; but kinds and categories are those of the log.
    found = infer_schema(cells, overrides={name: own[name].kind for name in names}, rare_below=rare_below)
    columns = [replace(_like(own[column.name], column), personal=None) for column in found]
    first, time = arrays[layout.first], own[log.time]
    columns.append(
        replace(
            time,
            name=layout.first,
            label=None,
            missing_rate=0.0,
            notes=(),
            minimum=float(first.min()),
            maximum=float(first.max()),
            atoms=(),
        )
    )
    for name in (layout.count, layout.span):
        columns.append(_number(name, arrays[name], whole=name == layout.count or layout.clock.unit != "numbers"))
    for name, typical in layout.typical.items():
        if own[name].is_numeric:
            columns.append(_number(typical, arrays[typical]))
        else:
            columns.append(replace(own[name], name=typical, label=None, personal=None))
    for kind, centers in zip(layout.kind, layout.kinds.centers if layout.kinds else (), strict=True):
        columns.append(Column(kind, "categorical", "int64", categories=tuple(range(len(centers)))))
    schema = Schema(tuple(columns), len(log.first), (), rules)
    return from_arrays(arrays, schema), schema


def user_arrays(log: EventLog, layout: Layout) -> dict[str, np.ndarray]:
    """Canonical arrays of the table of users: see :func:`user_table`."""
    found = {name: log.arrays[name][log.first] for name in (layout.by, *layout.user_columns)}
    first, last = log.times[log.first], log.times[log.last]
    found |= {layout.first: first, layout.count: log.counts.astype(np.float64)}
    found[layout.span] = layout.clock.day(last) - layout.clock.day(first)
    for name, typical in layout.typical.items():
        values, column = log.arrays[name], log.schema[name]
        if column.is_numeric:
            found[typical] = _means(values, log.user, len(log.first))
        else:
            found[typical] = _most_frequent(values, log.user, len(log.first), len(column.categories))
    if layout.kinds:
        found |= dict(zip(layout.kind, layout.kinds.assign(log), strict=True))
    return found


def with_spans(
    users: Mapping[str, np.ndarray], layout: Layout, rng: np.random.Generator, *, begin: bool, span: bool
) -> dict[str, np.ndarray]:
    """``users``, canonical arrays, whose beginnings and spans are drawn anew by :attr:`Layout.spans`.

    Args:
        begin, span: which of these may be changed: not what was asked for.
    """
    spans, clock, found = layout.spans, layout.clock, dict(users)
    if spans is None:
        return found
    count, unit = np.maximum(np.rint(users[layout.count]), 1), 1.0 if clock.unit == "numbers" else DAY
    least = spans.pace * (count - 1)
    low, high = (clock.day(np.array([bound]))[0] for bound in (clock.column.minimum, clock.column.maximum))
    first = spans.beginning(count, rng) if begin else None
    if first is not None:
        first = np.minimum(clock.day(first), high - np.ceil(least))
        if unit == DAY:
            # Weekday and time of day stay as they were drawn.
            first += (clock.day(users[layout.first]) - first + 3) % 7 - 3
            first += 7.0 * (first < low) - 7.0 * (first > high)
        first = np.clip(first, low, high) * unit + (users[layout.first] % DAY if unit == DAY else 0.0)
        found[layout.first] = on_grid(first, clock.column)
    if span:
        drawn = np.maximum(spans.draw(count, found[layout.first], rng), least)
        found[layout.span] = drawn if clock.unit == "numbers" else np.rint(drawn)
    return found


def sound_users(users: Mapping[str, np.ndarray], layout: Layout) -> dict[str, np.ndarray]:
    """``users``, canonical arrays, whose span goes with their number of events, and ends where the log ends."""
    counts = np.maximum(np.rint(users[layout.count]), 1)
    end = layout.clock.day(np.array([layout.clock.column.maximum], dtype=np.float64))[0]
    most = np.maximum(end - layout.clock.day(users[layout.first]), 0)
    span = np.where(counts > 1, np.clip(users[layout.span], 0, most), 0)
    return {**users, layout.count: counts, layout.span: span}


def _part(schema: Schema, names: tuple[str, ...]) -> Schema:
    return Schema(tuple(schema[name] for name in names), schema.rows)


def _like(known: Column, found: Column) -> Column:
    """``found`` among users, with what the log says of the column's form."""
    if known.has_categories:
        return replace(known, missing_rate=found.missing_rate)
    if known.is_numeric:
        return replace(known, missing_rate=found.missing_rate, atoms=found.atoms)
    return found


def _number(name: str, values: np.ndarray, *, whole: bool = False) -> Column:
    present = values[~np.isnan(values)]
    low, high = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)
    kind, dtype = ("integer", "int64") if whole else ("continuous", "float64")
    return Column(name, kind, dtype, missing_rate=float(np.isnan(values).mean()), minimum=low, maximum=high)


def _means(values: np.ndarray, user: np.ndarray, users: int) -> np.ndarray:
    """float64[users], NaN where a user has no value."""
    known = ~np.isnan(values)
    sums = np.bincount(user[known], values[known], minlength=users)
    counts = np.bincount(user[known], minlength=users)
    return np.divide(sums, counts, out=np.full(users, np.nan), where=counts > 0)


def _most_frequent(codes: np.ndarray, user: np.ndarray, users: int, categories: int) -> np.ndarray:
    """int32[users], the earliest category of the most frequent ones; -1 where a user has none."""
    known = codes >= 0
    pairs, counts = np.unique(user[known] * categories + codes[known], return_counts=True)
    order = np.lexsort((-counts, pairs // categories))
    of, place = np.unique(pairs[order] // categories, return_index=True)
    found = np.full(users, -1, np.int32)
    found[of] = (pairs[order][place] % categories).astype(np.int32)
    return found


def in_time_order(parts: Sequence[Arrays], time: str, size: int) -> Iterator[Arrays]:
    """All rows in order of ``time``, in parts of ``size``."""
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    in_time = np.argsort(whole[time], kind="stable")
    for start in range(0, len(in_time), size):
        yield some_rows(whole, in_time[start : start + size])


def some_rows(arrays: Arrays, rows: np.ndarray | slice) -> Arrays:
    """Of each array the ``rows``."""
    return {name: values[rows] for name, values in arrays.items()}
