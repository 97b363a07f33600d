"""The time of a row encoded as the gap since the row of the same parent before it, as in a log of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabular.relations.log import unused_name
from tabular.relations.times import Clock, Names
from tabular.schema import Column, Schema

from .context import take
from .siblings import Siblings
from .tables import TablePlan

__all__ = ["Gaps"]

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Gaps:
    """How times of a table are encoded: the first of a parent as it is, others as the gap since the latest known one.

    Attributes:
        time: the column.
        clock: how gaps are encoded, as columns of the model that hold nothing for first rows.
    """

    time: str
    clock: Clock

    @property
    def names(self) -> tuple[str, str, str, str]:
        """The names for columns of gaps."""
        names = self.clock.names
        return names.gap, names.weeks, names.days, names.clock

    @classmethod
    def of(cls, column: Column, times: np.ndarray, taken: set[str]) -> Gaps:
        """For ``times``, float64[rows]; names of columns come to ``taken``."""
        return cls(
            column.name, Clock.of(column, times[~np.isnan(times)], Names.of(lambda name: unused_name(name, taken)))
        )

    def before(self, times: np.ndarray, siblings: Siblings, rows: np.ndarray) -> np.ndarray:
        """float64[rows]: the time of the latest row of the same parent that is known; NaN for first rows."""
        first, known = siblings.first[rows], siblings.known[rows]
        return take(times, np.where(known > 0, first + known - 1, -1))

    def split(self, times: np.ndarray, siblings: Siblings) -> tuple[np.ndarray, Arrays, list[Column]]:
        """The times that first rows are given, NaN for others; the gaps of these; and their columns."""
        before = self.before(times, siblings, np.arange(len(times)))
        parts = self.clock.split(times, before)
        return np.where(np.isnan(before), times, np.nan), parts, self.clock.columns(parts)

    @classmethod
    def of_plan(cls, plan: TablePlan, schema: Schema) -> Gaps | None:
        """As they were encoded in the fit; ``None`` where times are not."""
        if not plan.gaps:
            return None
        unit: Any = plan.unit
        return cls(plan.time, Clock(schema[plan.time], unit, Names(*plan.gaps)))

    def join(self, drawn: Mapping[str, np.ndarray], before: np.ndarray) -> np.ndarray:
        """float64[rows]: the times of rows that were drawn; those after ``before`` by their gaps."""
        column = self.clock.column
        lowest, highest = column.minimum or 0.0, np.array([column.maximum or 0.0])
        firsts = drawn.get(self.time, np.full(len(before), lowest))
        some = firsts[~np.isnan(firsts)]
        # A first row without a time of its own, which is hardly ever drawn, has that of another.
        own = np.where(np.isnan(firsts), np.resize(some if len(some) else [lowest], len(firsts)), firsts)
        start = np.where(np.isnan(before), own, before)
        last = np.full(len(start), float(self.clock.day(highest)[0]))
        return np.where(np.isnan(before), own, self.clock.join(drawn, start, last))

    def encoded(self, schema: Schema) -> Schema:
        """``schema`` in which times may be missing, and without rules on them."""
        columns = tuple(replace(c, missing_rate=0.5) if c.name == self.time else c for c in schema)
        rules = tuple(rule for rule in schema.rules if self.time not in rule.columns(schema.names))
        return replace(schema, columns=columns, rules=rules)
