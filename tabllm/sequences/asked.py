"""Conditions on histories: on users, and on their first, their last, any or every event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.errors import ConditionError
from tabular.schema import Schema
from tabular.where.conditions import Allowed, conditions_of, parse_where
from tabular.where.text import Condition, Where

from .layout import Layout

__all__ = ["LEAST_SHARE", "PATIENT_USERS", "Asked", "asked_of"]

#: Which events a condition may be on; beside these ``exactly 2``, or any other number: so many events and no more.
WHICH = ("first", "last", "any", "every")
_EXACTLY = re.compile(r"exactly (\d+) ")
#: Users that are made in search of some that are wanted before the search may be given up, and the share of them that
#: must be.
PATIENT_USERS, LEAST_SHARE = 20_000, 1e-3


@dataclass(frozen=True)
class Asked:
    """What is asked of histories.

    Attributes:
        users: conditions on columns of users.
        events: (which events: one of :data:`WHICH` or ``exactly 2``; column; what it may be).
        schema: of the whole table.
    """

    users: list[Condition]
    events: tuple[tuple[str, str, Allowed], ...]
    schema: Schema

    def kept(self, arrays: Mapping[str, np.ndarray], first: np.ndarray) -> np.ndarray:
        """bool[users]: whose histories keep all conditions on events.

        Args:
            arrays: canonical arrays of rows, those of a user together and in time order.
            first: int64[users], the first row of each.
        """
        found = np.ones(len(first), dtype=bool)
        rows = len(next(iter(arrays.values())))
        last = np.append(first[1:], rows) - 1
        for which, name, allowed in self.events:
            column = self.schema[name]
            held = allowed.contains(on_grid(arrays[name], column) if column.is_numeric else arrays[name])
            if which in ("first", "last"):
                found &= held[first if which == "first" else last]
            else:
                count = np.add.reduceat(held.astype(np.int64), first)
                wanted = {"any": np.maximum(count, 1), "every": last - first + 1}
                found &= count == (wanted[which] if which in wanted else int(which.split()[1]))
        return found

    def rows_kept(self, arrays: Mapping[str, np.ndarray], by: str, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of at most so many users whose histories keep all conditions.

        Args:
            arrays: as :meth:`kept` takes them.
            by: the column that tells users apart.

        Returns:
            int64[rows], where they stand in ``arrays``, and int64[rows], the number of each row's user, from 0 on.
        """
        users = arrays[by]
        first = np.flatnonzero(np.append(True, users[1:] != users[:-1]))
        chosen = np.flatnonzero(self.kept(arrays, first))[:most]
        counts = np.diff(np.append(first, len(users)))[chosen]
        place = np.repeat(np.arange(len(chosen)), counts)
        return np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts) + first[chosen][place], place


def asked_of(where: Where, users: Schema, whole: Schema, layout: Layout) -> Asked:
    """What ``where`` asks of histories.

    Raises:
        ConditionError: for a column of events without saying of which, an unknown column, or a value that cannot be.
    """
    parts: dict[str, tuple[str, str]] = {}
    columns = list(users.columns)
    for which in (*WHICH, *(f"exactly {number}" for number in _numbers(where))):
        for name in (*layout.event_columns, layout.time):
            named = f"{which} {name}"
            if named not in users:
                parts[named] = which, name
                columns.append(replace(whole[name], name=named, label=None))
    schema = Schema(tuple(columns), whole.rows)
    try:
        conditions = conditions_of(where, schema)
    except ConditionError as error:
        raise _of_which(error, where, layout) from None
    allowed = parse_where([condition for condition in conditions if condition.column in parts], schema)
    events = tuple((*parts[name], found) for name, found in allowed.items())
    return Asked([condition for condition in conditions if condition.column not in parts], events, whole)


def _numbers(where: Any) -> set[str]:
    """The numbers of events that conditions, in any of their forms, ask for."""
    if isinstance(where, str):
        return set(_EXACTLY.findall(where))
    if isinstance(where, Condition):
        return _numbers(where.column)
    return {number for part in where or () for number in _numbers(part)}


def _of_which(error: ConditionError, where: Where, layout: Layout) -> ConditionError:
    """``error``, or one that says how to name a column of events, where ``where`` names one plainly."""
    for name in (*layout.event_columns, layout.time):
        if f"no column {name!r}" in str(error):
            listed = ", ".join(repr(f"{which} {name}") for which in (*WHICH, "exactly 2"))
            return ConditionError(f"Column {name!r} changes from event to event; say of which event: {listed}.")
    return error
