"""Conditions on histories: on users, and on their first, their last, any or every event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.encoding.unmodelled import unmodelled
from tabular.errors import ConditionError
from tabular.schema import Column, Schema
from tabular.where.conditions import Allowed, conditions_of, parse_where
from tabular.where.text import Condition, Where

from .layout import Layout

__all__ = ["Asked", "asked_of"]

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

    def parts(
        self,
        n: int,
        draw: Callable[[int, int], Iterator[dict[str, np.ndarray]]],
        by: str,
        identifiers: Sequence[Column],
        seed: int,
        advance: Callable[[int], None],
    ) -> Iterator[dict[str, np.ndarray]]:
        """Canonical arrays, part by part, of ``n`` users whose events are as asked: others are made and left out.

        Args:
            draw: (users, turn) -> the parts of so many, those of each user together; whose turn it is makes others.
            by: the column that tells users apart.
            identifiers: columns of users whose values are made up.

        Raises:
            ConditionError: where hardly any of many users are as asked.
        """
        found = made = turn = 0
        while found < n:
            wanted = int(np.clip(1.2 * (n - found) * max(made, 1) / max(found, 0.5 if made else 1), 50, PATIENT_USERS))
            drawn = draw(wanted, turn)
            turn, made = turn + 1, made + wanted
            for arrays in drawn:
                rows, place = self.rows_kept(arrays, by, n - found)
                if not len(rows):
                    continue
                users_kept = int(place[-1]) + 1
                ids = {
                    column.name: unmodelled(
                        column, users_kept, np.random.default_rng([seed, turn]), start=found, seed=seed, present=False
                    )[place]
                    for column in identifiers
                }
                found += users_kept
                advance(users_kept)
                yield {**{name: values[rows] for name, values in arrays.items()}, **ids}
            if made >= PATIENT_USERS and found < min(n, LEAST_SHARE * made):
                raise ConditionError(
                    f"Only {found:,} of {made:,} users that were made have the events that the conditions ask for; "
                    "loosen them."
                )


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
