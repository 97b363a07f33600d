"""The facts of a column, from the summary of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ..columns.facts import ColumnFacts, as_whole, column_facts
from ..encoding.cells import missing_cells, value_type
from ..errors import SchemaError
from .order import Order
from .summary import Summary

__all__ = ["StreamedFacts", "streamed_facts"]


@dataclass(frozen=True)
class StreamedFacts(ColumnFacts):
    """The facts of a column whose cells are not held: :attr:`filled` has its distinct values, each once.

    Attributes:
        tally: int64[distinct], how often each occurs.
        total: filled cells.
        estimated: about how many distinct values there are.
        unique: whether none is seen twice.
        order: what the order of the rows says.
        bounds: the least and the greatest number, where they are known of all rows.
        is_exact: whether all of this is counted in all rows; else in drawn ones, and scaled.
    """

    tally: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    total: int = 0
    estimated: int = 0
    unique: bool = False
    order: Order | None = None
    bounds: tuple[float, float] | None = None
    is_exact: bool = True

    @cached_property
    def counts(self) -> np.ndarray:
        return self.tally

    @cached_property
    def distinct(self) -> pd.Series:
        return self.filled

    @property
    def cells(self) -> int:
        return self.total

    @property
    def kinds(self) -> int:
        return self.estimated

    @property
    def is_unique(self) -> bool:
        return self.unique

    def ends(self) -> tuple[float, float]:
        return super().ends() if self.bounds is None else self.bounds

    def counting(self, *, gaps: bool = True, shuffled: bool = False, whole: bool = False) -> str | None:
        if self.order is None:
            return None
        order = self.order.as_whole(as_whole(self.filled).dtype) if whole else self.order
        if (found := order.counting(gaps=gaps)) is not None:
            return found
        if not shuffled:
            return None
        if self.is_exact:
            return super().counting(gaps=gaps, shuffled=True, whole=whole)
        low, high = self.ends()
        dense = whole and high - low < 2 * self.cells
        return f"count:{{{int(high) + 1}}}+1" if dense else None

    def from_one(self) -> bool:
        return self.order is not None and self.order.from_one()


def streamed_facts(summary: Summary) -> tuple[dict[str, ColumnFacts], list[SchemaError]]:
    """The facts per column, and why others have none.

    Raises:
        SchemaError: if no column can be held.
    """
    found: dict[str, ColumnFacts] = {}
    left_out: list[SchemaError] = []
    sample = summary.frame(summary.sample)
    for name in sample.columns:
        try:
            found[str(name)] = _facts(summary, str(name), sample[name])
        except SchemaError as error:
            left_out.append(error)
    if left_out and not found:
        raise left_out[0]
    return found, left_out


def _facts(summary: Summary, name: str, drawn: pd.Series) -> StreamedFacts:
    column = summary.columns[name]
    if column.tally is None:
        return _of_sample(summary, name, drawn, None)
    values, counts = column.tally.counted()
    if column.tally.level:
        return _of_sample(summary, name, drawn, (counts, column.tally.level))
    if column.levels:
        levels = pd.CategoricalDtype([v for v in column.levels if v is not None], ordered=drawn.cat.ordered)
        cells = pd.Series(pd.Categorical(values.to_pylist(), dtype=levels))
    else:
        cells = summary.frame(pa.table({name: pa.chunked_array([values])}))[name]
    base = column_facts(name, cells, None)
    kind = value_type(cells, name)
    kept = ~missing_cells(cells, kind)
    notes = tuple(note for note in base.notes if "infinite" not in note)
    if infinite := int(counts[~kept & cells.notna().to_numpy(dtype=bool)].sum()):
        notes = (*notes, f"{infinite:,} infinite values: read as missing.")
    counts = counts[kept]
    total = int(counts.sum())
    return _made(
        base,
        summary,
        notes=notes,
        tally=counts,
        total=total,
        estimated=len(counts),
        unique=len(counts) == total,
        order=_order(summary, name, total, len(counts) == total),
    )


def _of_sample(summary: Summary, name: str, drawn: pd.Series, counted: tuple[np.ndarray, int] | None) -> StreamedFacts:
    """The facts of a column of too many distinct values: those of the drawn rows, their counts scaled to all rows."""
    base = column_facts(name, drawn, None)
    scale = summary.rows / len(drawn)
    sizes = base.counts
    total = min(summary.rows, round(base.cells * scale))
    estimated, unique = len(sizes), False
    if counted is not None:
        counts, level = counted
        total = summary.columns[name].filled
        estimated, unique = min(total, len(counts) << level), bool((counts == 1).all())
    native = summary.columns[name].native
    bounds = None
    if native is not None and native.low is not None and native.high is not None and native.settled != "text":
        bounds = float(native.low), float(native.high)
    return _made(
        base,
        summary,
        filled=base.distinct,
        tally=np.rint(sizes * scale).astype(np.int64),
        total=total,
        estimated=estimated if not unique else total,
        unique=unique,
        order=_order(summary, name, total, unique),
        bounds=bounds,
        is_exact=False,
    )


def _made(base: ColumnFacts, summary: Summary, **changes: Any) -> StreamedFacts:
    known: dict[str, Any] = {each.name: getattr(base, each.name) for each in fields(ColumnFacts)}
    return StreamedFacts(**{**known, "rows": summary.rows, **changes})


def _order(summary: Summary, name: str, total: int, unique: bool) -> Order | None:
    return summary.order(name) if unique and total == summary.rows else None
