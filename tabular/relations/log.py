"""A log of events: rows grouped by user and in time order, and which columns are the user's own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..encoding.unmodelled import is_missing
from ..errors import SchemaError, TableError, UsageError
from ..preparing.inference import infer_schema
from ..progress import Reporter
from ..schema import Column, Schema

__all__ = ["EventLog", "check_log_columns", "infer_log_schema", "is_constant", "read_log", "unused_name"]


@dataclass(frozen=True)
class EventLog:
    """Events in rows, those of one user together and in time order.

    Attributes:
        schema: of the table as it came, ``by`` an identifier and ``time`` numeric.
        by, time: the columns that name the user and the time of an event.
        rows: int64[rows], where each sorted row stands in the table.
        arrays: canonical arrays of the sorted rows.
        user: int64[rows], the number of each row's user, ascending.
        first: int64[users], the first row of each user.
        counts: int64[users], events of each user.
        user_columns: the columns that are the same in all events of each user, without ``by``.
        event_columns: the others, without ``time``.
    """

    schema: Schema
    by: str
    time: str
    rows: np.ndarray
    arrays: Mapping[str, np.ndarray]
    user: np.ndarray
    first: np.ndarray
    counts: np.ndarray
    user_columns: tuple[str, ...]
    event_columns: tuple[str, ...]

    @property
    def times(self) -> np.ndarray:
        """float64[rows], ascending within each user."""
        return self.arrays[self.time]

    @property
    def in_time_order(self) -> bool:
        """Whether the table's rows are in time order, and those of a user do not all stand together."""
        user, times = np.empty_like(self.user), np.empty(len(self.user))
        position = np.argsort(np.argsort(self.rows))
        user[position], times[position] = self.user, self.times
        return bool((np.diff(times) >= 0).all() and (np.diff(user) != 0).sum() >= len(self.first))

    @property
    def position(self) -> np.ndarray:
        """int64[rows], how many events of the same user come before."""
        return np.arange(len(self.user)) - self.first[self.user]

    @property
    def last(self) -> np.ndarray:
        """int64[users], the last row of each user."""
        return self.first + self.counts - 1

    def before(self, values: np.ndarray, steps: int, rows: np.ndarray | None = None) -> np.ndarray:
        """``values`` (one per row) of the event ``steps`` earlier of the same user, missing where there is none.

        Args:
            rows: int64[some], the rows of which this is wanted; all if absent.
        """
        rows = np.arange(len(self.user)) if rows is None else rows
        moved = values[np.maximum(rows - steps, 0)]
        absent: Any = None if values.dtype == object else np.nan if values.dtype.kind == "f" else -1
        moved[rows - self.first[self.user[rows]] < steps] = absent
        return moved


def check_log_columns(table: pd.DataFrame, by: str, time: str) -> None:
    """Raise :class:`UsageError` if ``table`` lacks one of the columns, or they are the same."""
    for option, name in (("by", by), ("time", time)):
        if name not in table:
            raise UsageError(
                f"--{option} names {name!r}, and the table has no such column; it has "
                f"{', '.join(map(repr, table.columns))}."
            )
    if by == time:
        raise UsageError(f"--by and --time both name {by!r}; one names the user, the other the time of an event.")


def infer_log_schema(
    table: pd.DataFrame, by: str, time: str, *, overrides: Mapping[str, Any] | None = None, **options: Any
) -> Schema:
    """:func:`tabular.infer_schema`, in which ``by`` is an identifier and ``time`` a number or an instant.

    Args:
        options: of :func:`tabular.infer_schema`.

    Raises:
        UsageError: if the table lacks one of the columns.
        TableError: if the times are neither numbers nor instants.
    """
    check_log_columns(table, by, time)
    requested = {by: "identifier", **(overrides or {})}
    schema = infer_schema(table, overrides=requested, **options)
    if time in schema and not schema[time].is_numeric and time not in (overrides or {}):
        # Few distinct numbers or dates read as categories.
        for kind in ("integer", "continuous", "datetime"):
            with contextlib.suppress(SchemaError):
                found = infer_schema(table[[time]], overrides={time: kind})[time]
                schema = replace(schema, columns=tuple(found if each.name == time else each for each in schema))
                break
    _check_time(schema, time)
    return schema


def _check_time(schema: Schema, time: str) -> None:
    if time not in schema or not schema[time].is_numeric:
        kind = f"is of the kind {schema[time].kind}" if time in schema else "cannot be read"
        raise TableError(
            f"Column {time!r} {kind}, so events cannot be put in order by it; name a column of instants or numbers "
            f"with --time, or say what it is with --kind '{time}=datetime'."
        )


def read_log(
    arrays: Mapping[str, np.ndarray],
    schema: Schema,
    by: str,
    time: str,
    *,
    own: Sequence[str] | None = None,
    progress: Reporter | None = None,
) -> EventLog:
    """The log that canonical ``arrays`` of a table are.

    Args:
        own: the users' own columns, where they are known; then one user, and one event of each, will do.
        progress: notified of rows that are left out because they have no user or no time.

    Raises:
        TableError: if no row has a user and a time; to find the users' own columns, if there are fewer than two users
            or each has one event only.
    """
    _check_time(schema, time)
    absent = is_missing(arrays[by]) | np.isnan(arrays[time])
    kept = np.flatnonzero(~absent)
    if absent.any() and progress is not None:
        progress.note(f"{int(absent.sum()):,} rows have no {by} or no {time}; they are left out.")
    user = pd.factorize(arrays[by][kept])[0]
    order = np.lexsort((arrays[time][kept], user))  # stable: events of one instant keep their order
    rows, user = kept[order], user[order].astype(np.int64)
    if not len(rows) or (own is None and user[-1] < 1):
        raise TableError(
            f"Column {by!r} names {'no user' if not len(rows) else 'one user'}, and two are needed to learn from; name "
            "the column of users with --by."
        )
    counts = np.bincount(user)
    if own is None and counts.max() == 1:
        raise TableError(
            f"Every value of {by!r} stands in one row, so there are no sequences of events; fit without --by."
        )
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    ordered = {name: values[rows] for name, values in arrays.items()}
    if own is None:
        own = [name for name in schema.names if name not in (by, time) and is_constant(ordered[name], user)]
    others = tuple(name for name in schema.names if name not in (by, time, *own))
    schema = replace(schema, columns=tuple(map(_plain_identifier, schema)))
    return EventLog(schema, by, time, rows, ordered, user, first, counts, tuple(own), others)


def is_constant(values: np.ndarray, user: np.ndarray) -> bool:
    """Whether all values of each user, whose rows stand together, are the same."""
    if values.dtype == object:
        values = pd.factorize(values)[0]
    same = (values[1:] == values[:-1]) | (is_missing(values[1:]) & is_missing(values[:-1]))
    return bool((same | (user[1:] != user[:-1])).all())


def _plain_identifier(column: Column) -> Column:
    """Without how often an identifier comes back: the number of events says that of users."""
    return replace(column, repeats=(), goes_with=None, per_value=())


def unused_name(name: str, taken: set[str]) -> str:
    """``name``, with dashes behind it where a column is called so; it is then taken."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name
