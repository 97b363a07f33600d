"""Columns that are made from others by a rule, and therefore not learned.

Each kind says from which columns its ``target`` is made, what is learned in the target's place (``parts``), and goes
both ways: :meth:`split` from the columns of a table to the parts, :meth:`join` back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...encoding.arrays import on_grid
from ...encoding.unmodelled import is_missing, unmodelled
from ...schema import Column, Schema
from ...where.conditions import Allowed
from ..language.evaluation import Rows
from ..language.instants import as_instants, has_zones, placed, zone_numbers
from ..language.keys import canonical, category_numbers, looked_up
from ..language.listed import listed_rows
from ..language.syntax import Expression, columns_of
from ..rule import Rule

__all__ = ["Computed", "Derivation", "Gap", "LookedUp", "Mapped", "codes_of", "constant", "is_missing"]

Arrays = Mapping[str, np.ndarray]
DAY = 86400.0
#: What lasts less than so many seconds ends when it began, and not at hours of its own.
SHORT = DAY / 4


@dataclass(frozen=True)
class _OfExpression:
    """A column of which nothing is learned, as an expression decides it."""

    target: str
    rule: Rule
    expression: Expression
    schema: Schema

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that it is computed from."""
        return columns_of(self.expression)

    @property
    def parts(self) -> tuple[Column, ...]:
        """What is learned in place of the column."""
        return ()

    def split(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """Canonical arrays of the parts."""
        return {}


@dataclass(frozen=True)
class Computed(_OfExpression):
    """``total = price * quantity``: computed, and rounded as the column is."""

    def join(self, arrays: Arrays) -> np.ndarray:
        """Canonical values of the column, missing where a column is that it is computed from."""
        column = self.schema[self.target]
        numbers = Rows(arrays, self.schema, "").number(self.expression)
        if not column.is_numeric:
            return codes_of(numbers, column)
        return on_grid(numbers, column)


@dataclass(frozen=True)
class LookedUp:
    """``city -> country``: looked up among the combinations that the rule lists."""

    target: str
    rule: Rule
    sources: tuple[str, ...]
    schema: Schema

    @property
    def parts(self) -> tuple[Column, ...]:
        """What is learned in place of the column."""
        return ()

    def split(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """Canonical arrays of the parts."""
        return {}

    def join(self, arrays: Arrays) -> np.ndarray:
        """Canonical values of the column; missing where the combination is not listed."""
        listed = listed_rows(self.rule, self.sources, self.schema)
        codes = listed.codes_of(arrays)
        place = listed.find(codes)
        gone = np.nan if self._values.dtype.kind == "f" else -1
        return np.where((place >= 0) & (codes >= 0).all(axis=1), self._values[place], gone).astype(self._values.dtype)

    def narrowed(self, condition: Allowed) -> Allowed | None:
        """What the deciding column may be where this one keeps ``condition``; ``None`` where several decide."""
        if len(self.sources) != 1 or condition.missing or not self.schema[self.sources[0]].has_categories:
            return None
        listed = listed_rows(self.rule, self.sources, self.schema).codes
        codes = listed[condition.contains(self._values), 0]
        return Allowed(self.sources[0], tuple(sorted({int(code) for code in codes if code >= 0})), None, missing=False)

    def listed(self, name: str) -> np.ndarray:
        """The canonical values of a column in the combinations that the rule lists."""
        position = (*self.sources, self.target).index(name)
        return canonical([row[position] for row in self.rule.values], self.schema[name])

    @cached_property
    def _values(self) -> np.ndarray:
        """The canonical values of the column in the combinations."""
        return self.listed(self.target)


@dataclass(frozen=True)
class Mapped(_OfExpression):
    """``month(sent) -> month_name``: looked up beside what the expression comes to."""

    def join(self, arrays: Arrays) -> np.ndarray:
        """Canonical values of the column; missing where the rule lists nothing for the number."""
        return looked_up(Rows(arrays, self.schema, "").number(self.expression), self.rule, self.schema[self.target])


@dataclass(frozen=True)
class Gap:
    """``start <= end``: the time from one to the other is learned in place of the later one.

    Attributes:
        zone: learned besides, where the later one is written with a zone: which.
        time: learned besides, where the later one has hours of its own, such as those of a shop: its time of day.
    """

    target: str
    rule: Rule
    source: str
    schema: Schema
    gap: Column
    zone: Column | None = None
    time: Column | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The earlier column."""
        return (self.source,)

    @property
    def parts(self) -> tuple[Column, ...]:
        """What is learned in place of the column."""
        return tuple(part for part in (self.gap, self.zone, self.time) if part is not None)

    def split(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """Canonical arrays of the parts."""
        found = {self.gap.name: self.between(arrays)}
        if self.zone is not None:
            later = arrays[self.target]
            zones = np.where(np.isnan(later), -1, zone_numbers(later, self.schema[self.target]))
            found[self.zone.name] = zones.astype(np.int32)
        if self.time is not None:
            found[self.time.name] = arrays[self.target] % DAY
        return found

    def join(self, arrays: Arrays) -> np.ndarray:
        """Canonical values of the column, on its grid, and missing where the earlier one is."""
        gap = np.clip(arrays[self.gap.name], self.gap.minimum, self.gap.maximum)
        zone = np.zeros(len(gap), dtype=np.int64)
        if self.zone is not None and self.zone.name in arrays:
            zone = np.maximum(arrays[self.zone.name], 0)
        if self.time is not None and self.time.name in arrays:
            gap = self._at_time(arrays[self.source], gap, arrays[self.time.name], self.time)
        return self._after(arrays[self.source], gap, zone)

    def _at_time(self, earlier: np.ndarray, gap: np.ndarray, time: np.ndarray, column: Column) -> np.ndarray:
        """The gap that is nearest to ``gap`` and ends at this time of a day; short ones are as they are."""
        start = as_instants(earlier, self.schema[self.source])
        clock = on_grid(time, column)
        near = np.rint((start + gap - clock) / DAY) * DAY + clock - start
        near = np.where(near < self.gap.minimum, near + DAY, near)
        near = np.where(near > self.gap.maximum, near - DAY, near)
        fits = (gap >= SHORT) & (near >= self.gap.minimum) & (near <= self.gap.maximum)
        return np.where(fits, near, gap)

    def between(self, arrays: Arrays) -> np.ndarray:
        """The seconds from the earlier to the later instant."""
        later, earlier = (as_instants(arrays[name], self.schema[name]) for name in (self.target, self.source))
        return later - earlier

    def after(self, earlier: np.ndarray, gap: np.ndarray, like: np.ndarray) -> np.ndarray:
        """The later instants, so many seconds after ``earlier`` ones; in the zones of instants ``like`` them."""
        return self._after(earlier, gap, _zones(like, self.schema[self.target]))

    def before(self, later: np.ndarray, gap: np.ndarray, like: np.ndarray) -> np.ndarray:
        """The earlier instants, so many seconds before ``later`` ones; in the zones of instants ``like`` them."""
        column = self.schema[self.source]
        instants = as_instants(later, self.schema[self.target]) - gap
        return on_grid(placed(instants, column, _zones(like, column)), column)

    def _after(self, earlier: np.ndarray, gap: np.ndarray, zone: np.ndarray) -> np.ndarray:
        column = self.schema[self.target]
        return on_grid(placed(as_instants(earlier, self.schema[self.source]) + gap, column, zone), column)


def _zones(values: np.ndarray, column: Column) -> np.ndarray:
    return zone_numbers(values, column) if has_zones(column) else np.zeros(len(values), dtype=np.int64)


Derivation = Computed | LookedUp | Mapped | Gap


def constant(column: Column, rows: int) -> np.ndarray | None:
    """What rows hold of a column that no model learns because it never varies; ``None`` for made-up values."""
    if column.kind in ("identifier", "text"):
        return None
    return unmodelled(column, rows, np.random.default_rng(0), start=0, seed=0, present=True)


def codes_of(numbers: np.ndarray, column: Column) -> np.ndarray:
    """Codes of the categories that are these numbers; -1 for others."""
    known = category_numbers(column)
    assert known is not None
    order = np.argsort(known)
    position = np.clip(np.searchsorted(known[order], np.nan_to_num(numbers) - 1e-9), 0, len(known) - 1)
    near = np.abs(known[order][position] - numbers) <= 1e-6 * np.maximum(np.abs(numbers), 1.0)
    return np.where(near, order[position], -1).astype(np.int32)
