"""The time of an event as the gap since the event before: bursts in seconds, longer gaps in weeks, days and a clock.

A gap in seconds alone would blur the hour and the weekday of every event that comes days later. So a gap of less than
:data:`BURST` is kept in seconds, and a longer one as whole weeks, days beyond them and the time of day of the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..encoding.arrays import on_grid
from ..schema import Column

__all__ = ["BURST", "DAY", "Clock", "Names"]

DAY = 86_400.0
#: Seconds; shorter gaps are of one visit, longer ones are found by the calendar.
BURST = 6 * 3600.0

Unit = Literal["days", "instants", "numbers"]


@dataclass(frozen=True)
class Names:
    """The columns that stand for a gap: ``gap`` in seconds, or in units of the time; ``weeks``, ``days``, ``clock``."""

    gap: str
    weeks: str
    days: str
    clock: str

    @classmethod
    def of(cls, name: Callable[[str], str]) -> Names:
        """Names that ``name`` lets through."""
        return cls(name("gap"), name("weeks"), name("days"), name("clock"))


@dataclass(frozen=True)
class Clock:
    """How times of ``column`` are encoded.

    Attributes:
        unit: ``"days"`` for dates, ``"instants"`` for dates with a time of day, ``"numbers"`` for all else.
    """

    column: Column
    unit: Unit
    names: Names

    @classmethod
    def of(cls, column: Column, times: np.ndarray, names: Names) -> Clock:
        """How ``times`` (float64[rows], seconds since 1970 where ``column`` is of instants) are encoded best."""
        if column.kind != "datetime":
            return cls(column, "numbers", names)
        return cls(column, "days" if bool((times % DAY == 0).all()) else "instants", names)

    def split(self, times: np.ndarray, before: np.ndarray) -> dict[str, np.ndarray]:
        """Canonical arrays of the gaps: missing where ``before``, the time of the event before, is missing."""
        if self.unit == "numbers":
            return {self.names.gap: times - before}
        burst = times - before < BURST if self.unit == "instants" else np.zeros(len(times), dtype=bool)
        days = np.floor(times / DAY) - np.floor(before / DAY)
        long = ~burst & ~np.isnan(before)
        found = {
            self.names.weeks: np.where(long, days // 7, np.nan),
            self.names.days: np.where(long, np.nan_to_num(days) % 7, -1).astype(np.int32),
        }
        if self.unit == "instants":
            found = {self.names.gap: np.where(burst, times - before, np.nan), **found}
            found[self.names.clock] = np.where(long, times % DAY, np.nan)
        return found

    def whole(self, distance: np.ndarray) -> dict[str, np.ndarray]:
        """What is known of gaps, in the form of :meth:`split`, that lead so far on: in units of :meth:`day`, not 0."""
        if self.unit == "numbers":
            return {self.names.gap: distance}
        found = {self.names.weeks: distance // 7, self.names.days: (distance % 7).astype(np.int32)}
        return found if self.unit == "days" else {self.names.gap: np.full(len(distance), np.nan), **found}

    def join(self, parts: Mapping[str, np.ndarray], before: np.ndarray, last_day: np.ndarray) -> np.ndarray:
        """The times that gaps lead to: not before ``before``, and as the column can hold them.

        Args:
            last_day: what no time goes beyond, in units of :meth:`day`.
        """
        if self.unit == "numbers":
            times = np.minimum(self.reach(parts, before), np.maximum(last_day, before))
        else:
            times = self.reach(parts, before, np.maximum(last_day, np.floor(before / DAY)))
        return np.maximum(on_grid(times, self.column), before)

    def reach(
        self, parts: Mapping[str, np.ndarray], before: np.ndarray, last_day: np.ndarray | float = np.inf
    ) -> np.ndarray:
        """The times as they were drawn: of a long gap and a time of day that has passed, one before ``before``."""
        zero = np.zeros(len(before))
        gap = np.nan_to_num(parts.get(self.names.gap, zero), nan=0.0)
        times = before + np.maximum(gap, 0)
        if self.unit != "numbers":
            weeks = parts.get(self.names.weeks, zero)
            # Where no event is of a burst nothing is missing, and where all are, no codec holds these columns.
            long = ~np.isnan(weeks) if self.names.weeks in parts else np.isnan(parts.get(self.names.gap, zero * np.nan))
            days = np.maximum(parts.get(self.names.days, zero), 0) + 7 * np.nan_to_num(np.rint(weeks))
            there = np.minimum(np.floor(before / DAY) + days, last_day)
            clock = np.nan_to_num(parts.get(self.names.clock, zero))
            times = np.where(long, there * DAY + clock, times)
        return times

    def day(self, times: np.ndarray) -> np.ndarray:
        """Whole days since 1970 of instants; numbers as they are."""
        return times if self.unit == "numbers" else np.floor(times / DAY)

    def columns(self, parts: Mapping[str, np.ndarray]) -> list[Column]:
        """The columns of what :meth:`split` gave."""
        found = []
        for name, values in parts.items():
            if name == self.names.days:
                found.append(Column(name, "categorical", "int64", missing_rate=0.5, categories=tuple(range(7))))
                continue
            whole = name == self.names.weeks or self.column.kind == "integer"
            decimals = None if whole else self.column.decimals
            present = values[~np.isnan(values)]
            low, high = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)
            kind = "integer" if whole else "continuous"
            found.append(Column(name, kind, "Float64", missing_rate=0.5, minimum=low, maximum=high, decimals=decimals))
        return found
