"""What a row is drawn from: its parent, those above, the elder siblings of its table and of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tabular.links.similarity import similarity_of_numbers, similarity_of_values
from tabular.relations.log import unused_name
from tabular.schema import Column, Schema

from .siblings import Siblings, means, modes, rows_by_parent
from .tables import Given

__all__ = [
    "Family",
    "can_be_given",
    "choose_given",
    "elder_values",
    "nothing",
    "similarity",
    "take",
    "typical",
    "typical_of_parents",
]

Arrays = dict[str, np.ndarray]
#: Columns of the parent that a row is drawn given, and of each table above.
MAX_PARENT, MAX_ABOVE = 16, 6
#: Columns whose typical value among earlier siblings is given, and those of which the last sibling's is given too.
MAX_TYPICAL, MAX_LAST = 8, 4
#: Columns of another child of the parent whose typical value is given.
MAX_ELDER = 4
#: A column of more categories tells too little by each.
MAX_CATEGORIES = 200


@dataclass(frozen=True)
class Family:
    """Rows of one table, and what they belong to.

    Attributes:
        siblings: the rows in order.
        own: canonical arrays of the row's columns that siblings are given; missing where not made yet.
        above: table -> (canonical arrays of its rows, int64[parents] which of these is above each parent, or -1).
        elder: name in the model -> the typical value, one for each parent.
        ends: float64[parents] each: the least value of the column in which siblings ascend, how far the greatest is
            from it, and how much of that way siblings have gone at the end of each stretch but the last; nothing where
            there is no such column.
    """

    siblings: Siblings
    own: Arrays
    above: Mapping[str, tuple[Mapping[str, np.ndarray], np.ndarray]]
    elder: Mapping[str, np.ndarray]
    ends: tuple[np.ndarray, ...] = ()

    def arrays(self, given: Iterable[Given], rows: np.ndarray) -> Arrays:
        """Canonical arrays of the ``given`` columns for some rows."""
        of = self.siblings
        owner, first = of.owner[rows], of.first[rows]
        before = first + of.known[rows]
        found: Arrays = {}
        for each in given:
            if each.source == "count":
                counts = of.counts[of.group[rows]]
                found[each.name] = np.where(owner < 0, np.nan, counts.astype(np.float64))
            elif each.source == "position":
                found[each.name] = of.position[rows].astype(np.float64)
            elif each.source == "above":
                arrays, place = self.above[each.table]
                found[each.name] = take(arrays[each.column], take(place, owner))
            elif each.source == "elder":
                found[each.name] = take(self.elder[each.name], owner)
            elif each.source == "due":
                found[each.name] = self._due(rows)
            elif each.source == "last":
                found[each.name] = take(self.own[each.column], np.where(before > first, before - 1, -1))
            else:
                found[each.name] = typical(self.own[each.column], of.group, first, before)
        return found

    def _due(self, rows: np.ndarray) -> np.ndarray:
        """float64[rows]: where each would be if siblings went through each stretch at one pace."""
        of = self.siblings
        least, span, *ways = (take(values, of.owner[rows]) for values in self.ends)
        steps = of.counts[of.group[rows]] - 1
        at = of.position[rows] / np.maximum(steps, 1) * (len(ways) + 1)
        stretch = np.minimum(at.astype(np.int64), len(ways))
        # Drawn parts of a way need not ascend.
        gone = np.sort([np.zeros(len(rows)), *ways, np.ones(len(rows))], axis=0)
        every = np.arange(len(rows))
        before, after = gone[stretch, every], gone[stretch + 1, every]
        return np.asarray(least + span * (before + (after - before) * (at - stretch)))


def take(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """``values[place]``, missing where ``place`` is below 0."""
    if not len(values):
        return nothing(values.dtype.kind == "f", len(place))
    found = values[place]
    found[place < 0] = np.nan if values.dtype.kind == "f" else None if values.dtype == object else -1
    return found


def nothing(numeric: bool, rows: int) -> np.ndarray:
    """So many missing values of a column."""
    return np.full(rows, np.nan) if numeric else np.full(rows, -1, np.int32)


def typical(values: np.ndarray, group: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The mean of numbers, or the most frequent code, of ``values[first:end]``; missing where there are none."""
    return means(values, first, end) if values.dtype.kind == "f" else modes(values, group, first, end)


def typical_of_parents(values: np.ndarray, owner: np.ndarray, parents: int) -> np.ndarray:
    """:func:`typical` of all rows of each of so many parents; ``owner``: int64[rows], the parent of each or -1."""
    rows = rows_by_parent(owner)
    counts = np.bincount(owner[rows], minlength=parents)
    first = np.cumsum(counts) - counts
    return typical(values[rows], owner[rows], first, first + counts)


def can_be_given(column: Column) -> bool:
    """Whether values of a column can tell anything of another row."""
    if column.is_numeric:
        return column.minimum is None or column.minimum != column.maximum
    return column.has_categories and 1 < len(column.categories) <= MAX_CATEGORIES


def choose_given(
    child: Schema,
    own: Sequence[str],
    arrays: Mapping[str, np.ndarray],
    owner: np.ndarray,
    above: Mapping[str, Schema],
    elder: Mapping[str, Schema],
    taken: set[str],
    *,
    time: str = "",
    order: str = "",
    ends: Sequence[str] = (),
    apart: bool = False,
) -> list[tuple[Given, Column]]:
    """What rows of a table are given, and the columns that hold it in the model.

    Args:
        own: columns of ``child`` that siblings may be given: those most alike among them are.
        arrays: canonical arrays of the child's rows.
        owner: int64[rows], the parent of each row.
        above: table -> its learned columns, the parent first.
        elder: other children of the parent that are made before -> their learned columns.
        taken: names in the model's table; those that are chosen come to them.
        time: the column that is encoded as gaps, of which the last one is always given.
        order: the column in which siblings ascend. Not the latest value is given but where each would be at one pace:
            of what is learned and drawn given the latest one, a little wrong each time, ends elsewhere.
        ends: columns of the parent for where it begins, how far it goes and how much of that way is gone at the ends of
            stretches; empty where they are not known.
        apart: whether no values of siblings are given.
    """
    found: list[tuple[Given, Column]] = []

    def add(source: str, table: str, column: Column) -> None:
        words = {"above": f"{table}'s", "elder": f"{table}: typical"}.get(source, source)
        name = unused_name(f"{words} {column.name}".strip(), taken)
        like = Column(name, "continuous", "Float64") if column.is_numeric else column
        hidden = replace(like, name=name, missing_rate=0.5, label=None, notes=(), personal=None)
        found.append((Given(source, table, column.name, name), hidden))

    for depth, (table, schema) in enumerate(above.items()):
        # How far siblings go is given as where each is due.
        usable = [column for column in schema if can_be_given(column) and column.name not in ends[1:]]
        for column in usable[: MAX_ABOVE if depth else MAX_PARENT]:
            add("above", table, column)
    for table, schema in elder.items():
        for column in [column for column in schema if can_be_given(column)][:MAX_ELDER]:
            add("elder", table, column)
    likeness = {
        name: similarity(arrays[name], owner) or 0.0
        for name in (() if apart else own)
        if can_be_given(child[name]) and name != order
    }
    ordered = sorted(likeness, key=lambda name: -likeness[name])[:MAX_TYPICAL]
    for name in ordered:
        add("typical", "", child[name])
    for name in dict.fromkeys([*filter(None, [time]), *ordered[:MAX_LAST]]):
        add("last", "", child[name])
    number = Column("", "continuous", "Float64")
    add("count", "", number)
    if ends:
        add("due", "", replace(number, name=order))
    else:
        add("position", "", number)
    return found


def similarity(values: np.ndarray, owner: np.ndarray) -> float | None:
    """How alike rows of one parent are in a column, of canonical values."""
    if values.dtype.kind == "f":
        return similarity_of_numbers(values, owner)
    return similarity_of_values(values, owner)


def elder_values(
    given: Iterable[Given], made: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]], parents: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(name in the model, the typical value of each parent's rows) of what is given of elder tables.

    Args:
        made: table -> (int64[rows], the parent of each row, canonical arrays of the rows).
        parents: rows of the parent.
    """
    for each in given:
        if each.source != "elder":
            continue
        owner, arrays = made[each.table]
        yield each.name, typical_of_parents(arrays[each.column], owner, parents)
