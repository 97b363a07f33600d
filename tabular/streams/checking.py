"""A second pass over a stream: what a sample said of bounds, grain and rules holds for every row, or is mended."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..columns.kinds import needed_decimals
from ..encoding.arrays import to_arrays
from ..encoding.cells import grain_lattice, missing_cells, value_type
from ..errors import RuleError
from ..progress import Reporter
from ..rules import Rule
from ..schema import Column, Schema
from .stream import Stream
from .summary import Summary, frames

__all__ = ["check_rows"]

#: A value lies on the grain of its column if it is this near to it, by its size.
_NEAR = 1e-9


@dataclass
class _Numbers:
    """What all rows say of a column of numbers."""

    low: float = np.inf
    high: float = -np.inf
    decimals: int | None = 0
    on_grain: bool = True
    unread: int = 0

    def add(self, values: np.ndarray, cells: pd.Series, column: Column) -> None:
        """The next rows: float64[rows], and the cells as they stand in the table."""
        filled = ~missing_cells(cells, value_type(cells, column.name))
        present = values[np.isfinite(values)]
        self.unread += int(filled.sum()) - len(present)
        if not len(present):
            return
        self.low, self.high = min(self.low, float(present.min())), max(self.high, float(present.max()))
        distinct = np.unique(present)
        if column.kind == "continuous" and self.decimals is not None:
            needed = needed_decimals(distinct, column.dtype)
            self.decimals = None if needed is None else max(self.decimals, needed)
        if (lattice := grain_lattice(column)) is not None and self.on_grain:
            off = np.abs(lattice.nearest(distinct) - distinct)
            self.on_grain = bool((off <= _NEAR * np.maximum(np.abs(distinct), 1.0)).all())

    def mended(self, column: Column, rows: int, missing: int, rare_below: int) -> Column:
        """``column`` as all rows are."""
        changes: dict[str, Any] = {"missing_rate": (missing + self.unread) / rows}
        if rare_below <= 1 and self.low <= self.high:  # bounds of single rows otherwise
            changes |= {"minimum": self.low + 0.0, "maximum": self.high + 0.0}
        if column.kind == "continuous" and column.format is None:
            changes["decimals"] = self.decimals
        if not self.on_grain:
            changes["grain"] = None
        return replace(column, **changes)


@dataclass
class _Kept:
    """Whether all rows keep a rule."""

    rule: Rule
    broken: int = 0
    first: int | None = None

    def add(self, arrays: dict[str, np.ndarray], schema: Schema, start: int, before: int) -> None:
        """The next rows, of which the first ``before`` were seen already; ``start`` is the number of the first."""
        kept = self.rule.kept(arrays, schema)[before:]
        if not kept.all():
            self.broken += int((~kept).sum())
            self.first = start + before + int(np.argmin(kept)) if self.first is None else self.first


@dataclass
class _Pass:
    numbers: dict[str, _Numbers] = field(default_factory=dict)
    rules: list[_Kept] = field(default_factory=list)


def check_rows(
    stream: Stream,
    summary: Summary,
    schema: Schema,
    *,
    sampled: Collection[str],
    given: Collection[str],
    rare_below: int = 0,
    progress: Reporter | None = None,
) -> Schema:
    """``schema`` as all rows of ``stream`` are, read once more if there is anything to check.

    Args:
        sampled: columns of which a sample said what they are.
        given: the texts of rules that a person gave; others are left out where a row breaks them.

    Raises:
        RuleError: for a rule of ``given`` that a row breaks.
    """
    progress = progress or Reporter()
    found = _Pass(
        {name: _Numbers() for name in sampled if schema[name].is_numeric},
        [_Kept(rule) for rule in schema.rules if not rule.forced],
    )
    if not found.numbers and not found.rules:
        return schema
    _read(stream, summary, schema, found, progress)
    columns = tuple(
        found.numbers[column.name].mended(column, summary.rows, summary.missing(column.name), rare_below)
        if column.name in found.numbers
        else column
        for column in schema
    )
    broken = [kept for kept in found.rules if kept.broken]
    for kept in broken:
        if kept.rule.text in given:
            raise RuleError(
                f"The rule {kept.rule.text!r} is broken by {kept.broken:,} of {summary.rows:,} rows, first by row "
                f"{(kept.first or 0) + 1:,} of the table; correct the rule or these rows, or make it a wish for the "
                f"synthetic rows with --force-rule {shlex.quote(kept.rule.text)}."
            )
    left = {kept.rule for kept in broken}
    return replace(schema, columns=columns, rules=tuple(rule for rule in schema.rules if rule not in left))


def _read(stream: Stream, summary: Summary, schema: Schema, found: _Pass, progress: Reporter) -> None:
    used = set(found.numbers).union(*(kept.rule.columns(schema.names) for kept in found.rules))
    part = replace(schema, columns=tuple(column for column in schema if column.name in used), rules=())
    before: pd.DataFrame | None = None
    row = 0
    with progress.task("Checking", summary.rows, "rows") as task:
        for table in frames(stream, summary):
            for name, numbers in found.numbers.items():
                alone = replace(part, columns=(part[name],))
                values = to_arrays(table, alone, unseen="missing")[name]
                numbers.add(values, table[name], part[name])
            if found.rules:
                # Some rules are about neighbouring rows, so each part begins with the last row of the one before.
                both = table if before is None else pd.concat([before, table], ignore_index=True)
                arrays = to_arrays(both, part, unseen="missing")
                for kept in found.rules:
                    kept.add(arrays, schema, row - len(both) + len(table), len(both) - len(table))
            before = table.tail(1)
            row += len(table)
            task.advance(len(table))
