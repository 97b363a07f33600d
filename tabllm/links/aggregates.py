"""What a row of a parent says ahead of its children: of what kind they are, and from where to where they go.

A child that is given only its elder siblings drifts: by chance the first ones are alike or not, and nothing says where
the last one is to stand. So both are learned with the parent, as columns beside its own, and children are given them.
Of parents with many children that is so much that a child is given nothing of its siblings but how many there are: all
are drawn at once, and none can follow a sibling that was drawn a little wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tabular.relations.log import EventLog, unused_name
from tabular.schema import Column, Schema

from ..sequences.kinds import MANY_EVENTS, Kinds
from .context import similarity, typical_of_parents
from .siblings import rows_by_parent

__all__ = ["Aggregates", "ascending_column"]

Arrays = dict[str, np.ndarray]
#: A column is ascending where it falls in at most this share of the pairs of neighbouring siblings, and rises in at
#: least that share of them; so many pairs are needed to tell.
FALLS, RISES, MIN_PAIRS = 0.05, 0.3, 100
#: Stretches with the same number of siblings, each of which has a pace of its own where there are many siblings.
STRETCHES = 8
#: Columns of categories whose most frequent value is learned with a parent of many rows, and how alike rows of one
#: parent have to be in them. A plane flies for one airline: of its kind, which has planes of several, that does not
#: follow.
MAX_USUAL, MIN_ALIKE = 3, 0.1


@dataclass(frozen=True)
class Aggregates:
    """Columns of a parent that say something of its rows of one child.

    Attributes:
        columns: in their order.
        arrays: canonical arrays of these, missing for parents without children.
        order: the column of the child in which siblings ascend; empty where there is none.
        in_order: whether all rows of the child ascend in it, as they stand in the file.
        first, span: names of the columns for the least of its values, and how far the greatest is from it; or empty.
        parts: names of the columns for how much of that way siblings have gone at the end of each stretch but the last
            one, where there are :attr:`many`.
        many: whether parents of at least two kinds have so many rows that nothing else has to be said of siblings.
    """

    columns: tuple[Column, ...]
    arrays: Arrays
    order: str = ""
    in_order: bool = False
    first: str = ""
    span: str = ""
    parts: tuple[str, ...] = ()
    many: bool = False

    @property
    def ends(self) -> tuple[str, ...]:
        """Names of the columns that say where siblings are due; nothing where they ascend in no column."""
        return (self.first, self.span, *self.parts) if self.order else ()

    @classmethod
    def of(
        cls,
        child: str,
        schema: Schema,
        arrays: Arrays,
        owner: np.ndarray,
        parents: int,
        given: Sequence[str],
        taken: set[str],
        *,
        time: str,
    ) -> Aggregates:
        """Those of the rows of ``child``.

        Args:
            schema, arrays: of the child, rows as in the file.
            owner: int64[rows], the parent of each row; -1 for none.
            parents: rows of the parent.
            given: the columns of the child that tell one kind of parent from another.
            taken: names in the parent's table; those of the columns come to them.
            time: the column that orders siblings; empty for their order in the file.
        """
        order = time or ascending_column(schema, arrays, owner)
        log, of = _log(schema, arrays, owner, tuple(name for name in given if name != order))
        columns, found = _kinds(child, log, of, parents, taken)
        many = bool(columns) and float(np.median(log.counts)) >= MANY_EVENTS
        if many:
            for column, usual in _usual(child, schema, arrays, owner, parents, log.event_columns, taken):
                columns.append(column)
                found[column.name] = usual
        if not order:
            return cls(tuple(columns), found, many=many)
        first, span = (unused_name(f"{word} {order} of {child}", taken) for word in ("first", "span of"))
        values = arrays[order]
        known = (owner >= 0) & ~np.isnan(values)
        low, high = np.full(parents, np.inf), np.full(parents, -np.inf)
        np.minimum.at(low, owner[known], values[known])
        np.maximum.at(high, owner[known], values[known])
        none = high < low
        low[none] = high[none] = np.nan
        found |= {first: low, span: high - low}
        missing, like = float(none.mean()), schema[order]
        columns.append(_number(first, low, missing, like))
        columns.append(_number(span, high - low, missing))
        names = []
        if many:
            names = [unused_name(f"way to {order} {end} of {child}", taken) for end in range(1, STRETCHES)]
            for part, way in zip(names, _ways(values[known], owner[known], low, high - low), strict=True):
                found[part] = way
                columns.append(_number(part, way, missing))
        falls = np.diff(values[~np.isnan(values)]) < 0
        in_order = bool(falls.sum() <= FALLS * len(falls))
        return cls(tuple(columns), found, order, in_order, first, span, tuple(names), many)


def _log(schema: Schema, arrays: Arrays, owner: np.ndarray, given: tuple[str, ...]) -> tuple[EventLog, np.ndarray]:
    """The rows with a parent as a log of its columns ``given``, and int64[users], which parent each of its users is."""
    rows = rows_by_parent(owner)
    of, first, user, counts = np.unique(owner[rows], return_index=True, return_inverse=True, return_counts=True)
    ordered = {name: arrays[name][rows] for name in given}
    return EventLog(schema, "", "", rows, ordered, user.ravel(), first, counts, (), given), of


def _kinds(child: str, log: EventLog, of: np.ndarray, parents: int, taken: set[str]) -> tuple[list[Column], Arrays]:
    """The kinds of parents by what their rows of ``child`` have in common, one column for each level."""
    kinds = Kinds.of(log, log.event_columns)
    columns, found = [], {}
    for level, (codes, centers) in enumerate(zip(kinds.assign(log), kinds.centers, strict=True) if kinds else (), 1):
        name = unused_name(f"kind of {child}, {level}", taken)
        found[name] = np.full(parents, -1, np.int32)
        found[name][of] = codes
        missing = 1 - len(of) / max(parents, 1)
        numbers = tuple(range(len(centers)))
        columns.append(Column(name, "categorical", "Int64", missing_rate=missing, categories=numbers))
    return columns, found


def _usual(
    child: str,
    schema: Schema,
    arrays: Arrays,
    owner: np.ndarray,
    parents: int,
    given: Collection[str],
    taken: set[str],
) -> Iterator[tuple[Column, np.ndarray]]:
    """The most frequent category of each parent's rows, int32[parents], in the columns in which they are most alike."""
    alike = {name: similarity(arrays[name], owner) or 0.0 for name in given if not schema[name].is_numeric}
    often = sorted((name for name in alike if alike[name] >= MIN_ALIKE), key=lambda name: -alike[name])[:MAX_USUAL]
    for name in often:
        usual = typical_of_parents(arrays[name], owner, parents)
        missing = float((usual < 0).mean())
        label = unused_name(f"usual {name} of {child}", taken)
        yield replace(schema[name], name=label, missing_rate=missing, label=None, notes=(), personal=None), usual


def _ways(values: np.ndarray, owner: np.ndarray, low: np.ndarray, span: np.ndarray) -> Iterator[np.ndarray]:
    """float64[parents] for the end of each stretch but the last: how much of the way siblings have gone, 0 to 1.

    Args:
        values, owner: float64[rows], int64[rows]: of the rows with a parent and a value.
        low, span: float64[parents], the least of the values and how far the greatest is from it; NaN without any.
    """
    ordered = values[np.lexsort((values, owner))]
    counts = np.bincount(owner, minlength=len(low))
    some = np.flatnonzero(counts)
    begin, last = (np.cumsum(counts) - counts)[some], counts[some] - 1
    for end in range(1, STRETCHES):
        place = last * end / STRETCHES
        below = place.astype(np.int64)
        before, after = ordered[begin + below], ordered[begin + np.minimum(below + 1, last)]
        gone = before + (after - before) * (place - below) - low[some]
        way = np.full(len(low), np.nan)
        way[some] = np.divide(gone, span[some], out=np.full(len(some), end / STRETCHES), where=span[some] > 0)
        yield way


def _number(name: str, values: np.ndarray, missing: float, like: Column | None = None) -> Column:
    """The column for ``values``, instants of the form of ``like`` where that holds instants."""
    present = values[~np.isnan(values)]
    low, high = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)
    plain = Column(name, "continuous", "Float64", missing_rate=missing, minimum=low, maximum=high)
    if like is None or like.kind != "datetime":
        return plain
    return replace(
        like,
        name=name,
        missing_rate=missing,
        minimum=low,
        maximum=high,
        atoms=(),
        marks=(),
        mark_shares=(),
        notes=(),
        label=None,
        personal=None,
    )


def ascending_column(schema: Schema, arrays: Arrays, owner: np.ndarray) -> str:
    """The column in which siblings ascend as they stand in the file, an instant before a number; empty without one."""
    rows = rows_by_parent(owner)
    pairs = owner[rows[1:]] == owner[rows[:-1]]
    best, found = (False, 0.0), ""
    for column in schema:
        if not column.is_numeric:
            continue
        steps = np.diff(arrays[column.name][rows])[pairs]
        steps = steps[~np.isnan(steps)]
        if len(steps) < max(MIN_PAIRS, pairs.sum() / 2) or (steps < 0).mean() > FALLS:
            continue
        rank = (column.kind == "datetime", float((steps > 0).mean()))
        if rank[1] >= RISES and rank > best:
            best, found = rank, column.name
    return found
