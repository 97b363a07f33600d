"""Holes of histories: each drawn from its user, from the events before it, and from the rest of its event.

Of all users at once, in rounds: a hole waits only for those among the few events before it that its event is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import on_grid
from tabular.encoding.unmodelled import is_missing, unlike
from tabular.progress import Reporter
from tabular.relations.log import EventLog, read_log
from tabular.relations.times import DAY
from tabular.sampling.imputing import read_every_cell, with_cells
from tabular.schema import Schema

from ..nano.table_lm import TableLM
from .agreeing import KnownParts
from .event_model import EventModel
from .following import not_before, relative_log, with_what_follows
from .lanes import MAX_STEPS
from .layout import Layout, user_arrays
from .past import Past

__all__ = ["fill_histories", "open_ended"]

Arrays = dict[str, np.ndarray]
Holes = Mapping[str, np.ndarray]


def open_ended(schema: Schema, layout: Layout) -> Schema:
    """``schema`` with times that may lie beyond those that were learned."""
    beyond = (layout.time, *layout.relative)
    columns = (replace(each, minimum=None, maximum=None) if each.name in beyond else each for each in schema)
    return replace(schema, columns=tuple(columns))


def fill_histories(
    table: pd.DataFrame,
    schema: Schema,
    past: Past,
    users_model: TableLM,
    events_model: EventModel,
    *,
    seed: int,
    progress: Reporter,
) -> pd.DataFrame:
    """``table``, a log with the columns of ``schema``, with its holes filled in; see ``SequenceLM.complete``.

    Raises:
        SchemaError: for a filled cell that cannot be read.
    """
    layout = past.layout
    after, schema = not_before(schema, layout.time, layout.relative), open_ended(schema, layout)
    given = read_every_cell(table, schema, progress)
    holes = {name: table[name].isna().to_numpy(dtype=bool) for name in schema.names}
    log, open_ = _log(given, holes, schema, layout, seed)
    limit = np.full(len(log.user), np.inf)
    for name in after:
        limit = np.fmin(limit, log.arrays[name])
    said = KnownParts.of(log, open_, layout)
    log, users = _with_users(log, open_, limit, said, layout, users_model, seed)
    for name in layout.relative:
        open_[name] = open_[name] | open_[layout.time]  # the time since an event of which no time is known
    log = relative_log(log, layout.relative)
    log = replace(log, arrays={name: values.copy() for name, values in log.arrays.items()})
    with progress.task("Imputing", int(np.any(list(open_.values()), axis=0).sum()), "rows") as task:
        rng = np.random.default_rng([seed, 3])
        _draw_events(log, open_, limit, said, users, past, events_model, rng, task.advance)
    events = {name: log.arrays[name] for name in layout.event_columns}
    made = events_model.with_unlearned(events, {name: open_[name] for name in events}, seed=seed)
    found = {**log.arrays, **{name: made[name] for name in events}}
    found = with_what_follows(found, schema, layout.time, layout.event_columns, layout.relative)
    place = np.argsort(log.rows)
    return with_cells(table, {name: found[name][place] for name in schema.names}, holes, schema)


def _log(
    given: Mapping[str, np.ndarray], holes: Holes, schema: Schema, layout: Layout, seed: int
) -> tuple[EventLog, Arrays]:
    """The log, in which every row has a user and some time, and its holes in the order of its rows."""
    arrays = dict(given)
    nameless = holes[layout.by]
    if nameless.any():
        arrays[layout.by] = np.where(nameless, unlike(arrays[layout.by], schema[layout.by], seed), arrays[layout.by])
    if holes[layout.time].any():
        arrays[layout.time] = _neighbours_time(arrays[layout.by], arrays[layout.time], schema[layout.time].minimum)
    log = read_log(arrays, schema, layout.by, layout.time, own=layout.user_columns)
    return log, {name: hole[log.rows] for name, hole in holes.items()}


def _neighbours_time(user: np.ndarray, times: np.ndarray, lowest: float | None) -> np.ndarray:
    """``times`` with missing ones as of the row of the same user before, else after it, in the order of the rows."""
    by_user = pd.Series(times).groupby(pd.factorize(user)[0])
    known = by_user.ffill().fillna(by_user.bfill())
    return np.asarray(known.fillna(0.0 if lowest is None else lowest), dtype=np.float64)


def _with_users(
    log: EventLog, open_: Arrays, limit: np.ndarray, said: KnownParts, layout: Layout, model: TableLM, seed: int
) -> tuple[EventLog, Arrays]:
    """The log with the users' own columns and a time in every row, and canonical arrays of the table of users."""
    arrays = dict(log.arrays)
    own_open: Arrays = {}
    for name in layout.user_columns:
        known = np.flatnonzero(~open_[name])
        user, place = np.unique(log.user[known], return_index=True)
        row = log.first.copy()
        row[user] = known[place]
        arrays[name] = arrays[name][row][log.user]
        own_open[name] = np.ones(len(log.first), dtype=bool)
        own_open[name][user] = False
    users = user_arrays(relative_log(replace(log, arrays=arrays), layout.relative), layout)
    untimed = open_[layout.time]
    holes = {name: np.zeros(len(log.first), dtype=bool) for name in model.schema.names}
    holes |= own_open
    holes[layout.first] = untimed[log.first]
    holes[layout.span] = (untimed[log.first] | untimed[log.last]) & (log.counts > 1)
    holes |= {typical: is_missing(users[typical]) for typical in layout.typical.values()}
    some = np.flatnonzero(np.any(list(holes.values()), axis=0))
    if len(some):
        rows, open_rows = ({name: values[some] for name, values in each.items()} for each in (users, holes))
        for name, values in model.complete_arrays(rows, open_rows, seed=seed).items():
            users[name] = users[name].copy()
            users[name][some] = np.where(open_rows[name], values, rows[name])
    for name in layout.user_columns:
        arrays[name] = users[name][log.user]
    if untimed.any():
        rng = np.random.default_rng([seed, 5])
        arrays[layout.time] = _laid_out(log, untimed, limit, said, users, layout, rng)
    return replace(log, arrays=arrays), users


def _laid_out(
    log: EventLog,
    untimed: np.ndarray,
    limit: np.ndarray,
    said: KnownParts,
    users: Arrays,
    layout: Layout,
    rng: np.random.Generator,
) -> np.ndarray:
    """float64[rows]: times, missing ones spread evenly between those of the events before and after them.

    Where the first or the last event has none it is as the model of users says.
    """
    unit = 1.0 if layout.clock.unit == "numbers" else DAY
    until = said.latest(_until(log.times, ~untimed, limit, log.user), untimed, log.user)
    times = np.where(untimed, np.nan, log.times)
    begin = np.where(untimed[log.first], np.minimum(users[layout.first], until[log.first]), times[log.first])
    late = np.flatnonzero(untimed[log.first])
    rows, before = log.first[late], np.full(len(late), -np.inf)
    begin[late] = said.agreeing(rows, on_grid(begin[late], log.schema[layout.time]), before, until[rows], rng)
    end = begin + np.maximum(np.nan_to_num(users[layout.span]), 0) * unit
    latest = np.asarray(pd.Series(times).groupby(log.user).max())
    times[log.last] = np.where(untimed[log.last], np.minimum(np.fmax(end, latest), until[log.last]), times[log.last])
    times[log.first] = begin
    known = np.flatnonzero(~np.isnan(times))
    spread = np.interp(np.arange(len(times)), known, times[known])
    return np.where(untimed, on_grid(np.minimum(spread, until), log.schema[layout.time]), times)


def _draw_events(
    log: EventLog,
    open_: Arrays,
    limit: np.ndarray,
    said: KnownParts,
    users: Arrays,
    past: Past,
    model: EventModel,
    rng: np.random.Generator,
    advance: Callable[[int], None],
) -> None:
    """Fill what is learned of events and of their times, in place: in ``log.arrays``."""
    layout, time = past.layout, past.layout.time
    clock = replace(layout.clock, column=log.schema[time])
    columns = [name for name in layout.event_columns if open_[name].any() and name in model.learned]
    untimed = open_[time] & (log.position > 0)  # the first event's time is a matter of its user
    level, fixed = _rounds(
        np.any([open_[name] for name in layout.given] + [untimed], axis=0),
        np.any([open_[name] for name in columns] + [untimed], axis=0),
        log,
        layout.window + 1,
    )
    untimed = untimed & ~fixed
    until = said.latest(_until(log.times, ~untimed, limit, log.user), untimed, log.user)
    for step in range(int(level.max(initial=-1)) + 1):
        rows = np.flatnonzero(level == step)
        before = log.before(log.times, 1, rows)
        gaps = clock.split(log.times[rows], before)
        arrays = {
            **past.of_log(log, users, rows),
            **gaps,
            **{name: log.arrays[name][rows] for name in layout.event_columns},
        }
        holes = {name: np.zeros(len(rows), dtype=bool) for name in model.schema.names}
        holes |= dict.fromkeys(gaps, untimed[rows]) | {name: open_[name][rows] for name in layout.event_columns}
        drawn = model.complete_events(arrays, holes, gaps, rng)
        for name in columns:
            if name in drawn:
                log.arrays[name][rows] = np.where(holes[name], drawn[name], log.arrays[name][rows])
        late = untimed[rows]
        if late.any():
            begin, end = before[late], until[rows[late]]
            found = clock.join({name: drawn[name][late] for name in gaps if name in drawn}, begin, end)
            between = on_grid(begin + rng.random(len(begin)) * (end - begin), clock.column)
            found = np.where(found > end, np.minimum(between, end), found)
            log.arrays[time][rows[late]] = said.agreeing(rows[late], found, begin, end, rng)
        advance(len(rows))


def _until(times: np.ndarray, known: np.ndarray, limit: np.ndarray, user: np.ndarray) -> np.ndarray:
    """float64[rows]: the time that each event cannot be after, for the events of its user from it on.

    Args:
        known: bool[rows], which ``times`` are.
        limit: float64[rows], what other instants of an event say of its time; infinity where they say nothing.
    """
    bound = np.where(known, times, limit)[::-1]
    return np.asarray(pd.Series(bound).groupby(user[::-1]).cummin())[::-1]


def _rounds(given: np.ndarray, drawn: np.ndarray, log: EventLog, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """In which round each row is drawn.

    Args:
        given: bool[rows], the rows with a hole that later events are given.
        drawn: bool[rows], the rows with any hole.
        reach: how many events before it an event is given.

    Returns:
        int64[rows], -1 for rows without a hole; and bool[rows], rows whose time is left as it was laid out, since a
        chain of holes longer than :data:`MAX_STEPS` is cut behind them.
    """
    level, fixed = np.full(len(given), -1), np.zeros(len(given), dtype=bool)
    chain = np.flatnonzero(given)
    rank = np.arange(len(chain))
    starts = np.ones(len(chain), dtype=bool)
    starts[1:] = (np.diff(chain) > reach) | (np.diff(log.user[chain]) != 0)
    rank = (rank - np.maximum.accumulate(np.where(starts, rank, 0))) % MAX_STEPS
    cut = np.flatnonzero((rank == 0) & ~starts)
    fixed[chain[cut - 1]] = True
    rows = np.flatnonzero(drawn)
    if len(chain):
        place = np.searchsorted(chain, rows) - 1
        near = (place >= 0) & (rows - chain[place] <= reach) & (log.user[rows] == log.user[chain[place]])
        level[rows] = np.where(near, rank[place] + 1, 0)
    else:
        level[rows] = 0
    level[chain] = rank
    return level, fixed
