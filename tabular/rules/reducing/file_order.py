"""Rows in the order that a rule wants of a file: ``increasing(at)``, as the timestamps of a log are.

Nothing of it is learned: finished rows are sorted. Of several such columns the first sorts the rows; identifiers that
count stand in order already; and a column that no other rule is about is sorted by itself, since two columns that rise
together go with each other by their rank alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from ...encoding.arrays import on_grid, to_arrays
from ...encoding.cells import grid_step
from ...schema import Column, Schema
from ..language.instants import as_instants, has_zones, is_local
from ..language.keys import falls, order_keys
from ..language.syntax import Call, Increasing, Reference
from ..rule import Rule
from .derivations import Computed, Gap
from .reduction import reduction_of

__all__ = ["FileOrder", "Limits", "counts", "in_file_order", "order_of", "order_rules", "unordered", "without_order"]

#: Column -> float64[rows], what its holes become.
Limits = dict[str, np.ndarray]
#: Values of a column by which it is decided whether what is made from it rises with it.
_TRIED = 2_000


@dataclass(frozen=True)
class FileOrder:
    """How the rows of a file are put in order.

    Attributes:
        schema: of the table.
        by: the column that the rows are sorted by; ``None`` where identifiers alone are in order.
        down: whether from the greatest to the least.
        alone: columns that are sorted by themselves, and whether from the greatest to the least.
        with_it: columns that are made from ``by`` and rise with it: they tell where a row without it goes.
    """

    schema: Schema
    by: str | None
    down: bool
    alone: tuple[tuple[str, bool], ...]
    with_it: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are put in order; one goes with the other by their ranks, whatever a model makes of them."""
        return frozenset({name for name, _ in self.alone} | set(self.with_it) | ({self.by} if self.by else set()))

    @property
    def sorts(self) -> bool:
        """Whether rows or cells are moved at all; identifiers that count are made in order."""
        return self.by is not None or bool(self.alone)

    def sorted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``rows`` in order. A row without the value stays where it is, and so does an identifier that counts."""
        if self.by is not None:
            position = self._places(rows, self.by, self.down)
            moved = rows.take(position).reset_index(drop=True)
            for column in self.schema:
                if counts(column) and column.name in rows:
                    moved[column.name] = rows[column.name].reset_index(drop=True)
            rows = moved
        for name, down in self.alone:
            rows[name] = rows[name].take(self._places(rows, name, down)).reset_index(drop=True)
        return rows

    def _keys(self, rows: pd.DataFrame, name: str) -> np.ndarray:
        part = Schema((self.schema[name],))
        return order_keys(to_arrays(rows[[name]], part, unseen="missing")[name], self.schema[name])

    def _places(self, rows: pd.DataFrame, name: str, down: bool) -> np.ndarray:
        """int64[rows]: the positions of the rows in order; those that nothing says the position of stay."""
        sign = -1 if down else 1
        keys = sign * self._keys(rows, name)
        before = np.zeros(len(keys))  # of rows with the same key: those without a value of their own, in their order
        for other in self.with_it if name == self.by else ():
            lacking = np.isnan(keys)
            if lacking.any():
                others = sign * self._keys(rows, other)
                # Such a row goes before the first one whose value, made from its key, is not less.
                there = np.flatnonzero(~lacking & ~np.isnan(others))
                there = there[np.argsort(keys[there], kind="stable")]
                follows = np.searchsorted(others[there], others[lacking])
                keys[lacking] = np.where(np.isnan(others[lacking]), np.nan, np.append(keys[there], np.inf)[follows])
                before[lacking] = others[lacking] - np.nanmax(others) - 1
        there = np.flatnonzero(~np.isnan(keys))
        found = np.arange(len(keys))
        found[there] = there[np.lexsort((before[there], keys[there]))]
        return found

    def parts(self, made: Iterator[pd.DataFrame], part_rows: int, done: int) -> Iterator[pd.DataFrame]:
        """All rows that were ``made``, in order, in parts of so many, without the first ``done`` rows.

        They are held in memory until the last one is made: any of them may be the first of the file.
        """
        whole = self.sorted(pd.concat(list(made), ignore_index=True))
        for start in range(done, len(whole), part_rows):
            yield whole.iloc[start : start + part_rows].reset_index(drop=True)

    def limits(self, given: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray]) -> Limits:
        """What holes of the columns in order may be, by what was given of their own and the neighbouring rows."""
        found: Limits = {}
        rng = np.random.default_rng(0)
        for name, down in ((self.by, self.down), *self.alone):
            column = None if name is None else self.schema[name]
            if column is None or column.minimum is None or has_zones(column) or not holes[column.name].any():
                continue
            keys = np.where(holes[column.name], np.nan, given[column.name])
            if falls(-keys if down else keys).any():
                continue  # the given rows are in another order
            low, high = _spans(column, given, holes, self.schema)
            point = -_between(-keys, -high, -low, rng) if down else _between(keys, low, high, rng)
            found[column.name] = on_grid(point, column)
        return found


def _spans(
    column: Column, given: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray], schema: Schema
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that each cell of ``column`` may be beside the given cells of its own row."""
    rows = len(given[column.name])
    low = np.full(rows, -np.inf if column.minimum is None else column.minimum)
    high = np.full(rows, np.inf if column.maximum is None else column.maximum)
    for each in reduction_of(schema).derivations:
        if each.target not in holes or not set(each.sources) <= holes.keys():
            continue
        if isinstance(each, Gap) and column.name in (each.source, each.target):
            other = each.target if column.name == each.source else each.source
            cells = np.where(holes[other], np.nan, as_instants(given[other], schema[other]))
            ends = (each.gap.minimum or 0.0, np.inf if each.gap.maximum is None else each.gap.maximum)
            first, last = cells + ends[0], cells + ends[1]
            if other == each.target:
                first, last = cells - ends[1], cells - ends[0]
        elif isinstance(each, Computed) and (size := _piece(each, column)) is not None:
            first = np.where(holes[each.target], np.nan, given[each.target])
            last = first + size - (grid_step(column) or 1.0)
        else:
            continue
        low, high = np.fmax(low, first), np.fmin(high, last)
    return low, np.maximum(low, high)


def _piece(made: Computed, column: Column) -> float | None:
    """The seconds of the days, hours or weeks of ``column`` whose beginnings a column holds."""
    call = made.expression
    if isinstance(call, Call) and call.arguments == (Reference(column.name),) and is_local(column):
        return {"date": 86400.0, "hour_start": 3600.0, "week_start": 604800.0}.get(call.function)
    return None


def _between(keys: np.ndarray, low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``keys`` with the missing ones drawn between the neighbouring ones and their own ``low`` and ``high``."""
    hole = np.isnan(keys)
    following = np.fmin.accumulate(np.where(hole, np.inf, keys)[::-1])[::-1]
    low = np.fmax.accumulate(np.where(hole, np.minimum(low, following), keys))
    high = np.fmin.accumulate(np.where(hole, np.maximum(high, low), keys)[::-1])[::-1]
    # Within a run of missing ones the fractions of the space between rise, and so do both ends.
    run = np.cumsum(np.diff(np.concatenate([[0], hole.astype(np.int64)])) > 0)
    rows = np.flatnonzero(hole)
    fraction = np.zeros(len(keys))
    fraction[rows] = np.sort(run[rows] + rng.random(len(rows))) - run[rows]
    return np.where(hole, low + fraction * (np.maximum(high, low) - low), keys)


def counts(column: Column) -> bool:
    """Whether identifiers of ``column`` are made in the order of the rows."""
    pattern = column.pattern or "sequence"
    counting = pattern == "sequence" or pattern.startswith("count:")
    return column.kind == "identifier" and counting and not column.repeats and column.goes_with is None


def order_rules(schema: Schema) -> list[tuple[Rule, str, bool]]:
    """The rules of ``schema`` on the order of rows: (rule, column, whether from the greatest to the least)."""
    found = []
    for rule in schema.rules:
        form = rule.form(schema.names)
        if isinstance(form, Increasing):
            found.append((rule, form.columns[0], form.down))
    return found


@lru_cache(maxsize=16)
def order_of(schema: Schema) -> FileOrder | None:
    """How files of a table with this ``schema`` are put in order; ``None`` where no rule says so."""
    return _arranged(schema)[0]


def without_order(schema: Schema) -> Schema:
    """``schema`` without rules on the order of rows, for a file whose rows stand in another order."""
    ordered = {rule for rule, _, _ in order_rules(schema)}
    return replace(schema, rules=tuple(rule for rule in schema.rules if rule not in ordered)) if ordered else schema


def in_file_order(
    schema: Schema, part_rows: int, done: int, made: Callable[[int], Iterator[pd.DataFrame]]
) -> Iterator[pd.DataFrame]:
    """The parts of a file that ``made`` makes (given how many rows to leave out), in the order that its rules want."""
    order = order_of(schema)
    if order is None or not order.sorts:
        yield from made(done)
    else:
        yield from order.parts(made(0), part_rows, done)


def unordered(schema: Schema) -> list[Rule]:
    """Rules on the order of rows that cannot be kept beside the others."""
    return _arranged(schema)[1]


def _arranged(schema: Schema) -> tuple[FileOrder | None, list[Rule]]:
    wanted = order_rules(schema)
    if not wanted:
        return None, []
    others = {
        name for rule in schema.rules if rule not in [each[0] for each in wanted] for name in rule.columns(schema.names)
    }
    left = [each for each in wanted if not counts(schema[each[1]])]
    tied = [each for each in left if each[1] in others] or left[:1]
    made = {each.target: each for each in reduction_of(schema).derivations}
    tied.sort(key=lambda each: each[1] in made)
    alone = tuple((name, down) for _, name, down in left if name not in others and (not tied or name != tied[0][1]))
    refused, with_it = [], []
    for rule, name, down in tied[1:]:
        found = made.get(name)
        if found is None or isinstance(found, Gap) or found.sources != (tied[0][1],):
            refused.append(rule)
            continue
        source = schema[tied[0][1]]
        tried = on_grid(np.linspace(source.minimum or 0.0, source.maximum or 0.0, _TRIED), source)
        keys = order_keys(found.join({source.name: tried}), schema[name])
        if falls(keys if down == tied[0][2] else -keys).any():
            refused.append(rule)
        elif down == tied[0][2]:
            with_it.append(name)
    by, down = (tied[0][1], tied[0][2]) if tied else (None, False)
    return FileOrder(schema, by, down, alone, tuple(with_it)), refused
