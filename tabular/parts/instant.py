"""One column of instants <-> its parts: week and weekday, or day, and the time of day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..dates.calendar import weekdays
from ..dates.forms import Form, compiled
from ..dates.zones import in_zones, without_zones
from ..encoding.arrays import local_time, on_grid
from ..encoding.clock import time_of_day
from ..grain.text import DAY, WEEKDAYS, grain_from_text
from ..schema import Column
from ..where.conditions import Allowed
from ..where.intervals import Interval

__all__ = ["InstantParts", "instant_parts"]

#: Multiples of it are spread evenly over 0 to 1, whatever the number of them (Weyl).
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class InstantParts:
    """How a column of instants is taken apart.

    Attributes:
        column: the whole.
        week, weekday, day, time: its parts; week and weekday stand in place of day, and there is no time where all
            instants are whole days.
        weekdays: 0 (Monday) to 6 of each category of ``weekday``.
        local: the local time, whole, in place of all of them.
        zone: which of the format's zones it is in.
    """

    column: Column
    week: Column | None
    weekday: Column | None
    day: Column | None
    time: Column | None
    weekdays: tuple[int, ...]
    local: Column | None = None
    zone: Column | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The parts, in the order in which they are learned."""
        parts = (self.local, self.week, self.day, self.weekday, self.time, self.zone)
        return tuple(part for part in parts if part is not None)

    @property
    def _form(self) -> Form:
        return compiled(self.column.format or "") or Form(())

    def split(self, seconds: np.ndarray) -> dict[str, np.ndarray]:
        """Canonical values of the column (float64[n]) -> those of its parts; all are missing where it is."""
        gone = np.isnan(seconds)
        zones: dict[str, np.ndarray] = {}
        if self.zone is not None:
            seconds, number = without_zones(seconds, self._form)
            zones = {self.zone.name: np.where(gone, -1, number).astype(np.int32)}
        if self.local is not None:
            return {self.local.name: seconds, **zones}
        days, clock = np.divmod(np.where(gone, 0.0, seconds), DAY)
        days = days.astype(np.int64)
        found: dict[str, np.ndarray] = {}
        if self.week is not None and self.weekday is not None:
            found[self.week.name] = np.where(gone, np.nan, (days + 3) // 7)
            code = np.searchsorted(self.weekdays, weekdays(days))
            found[self.weekday.name] = np.where(gone, -1, np.minimum(code, len(self.weekdays) - 1)).astype(np.int32)
        if self.day is not None:
            found[self.day.name] = np.where(gone, np.nan, days)
        if self.time is not None:
            found[self.time.name] = np.where(gone, np.nan, clock)
        return found | zones

    def join(self, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Canonical values of the parts -> those of the column, on its grain.

        The first part says which are missing. A model may say otherwise of another part of the same row: such a part
        is spread evenly over what it can be.
        """
        first = parts[self.columns[0].name]
        spread = np.arange(len(first)) * GOLDEN % 1.0
        if self.local is not None:
            seconds = first
        elif self.day is not None:
            seconds = np.rint(first) * DAY
        else:
            assert self.weekday is not None
            code = parts[self.weekday.name]
            code = np.where(code < 0, (spread * len(self.weekdays)).astype(np.int64), code)
            seconds = (np.rint(first) * 7 - 3 + np.asarray(self.weekdays)[code]) * DAY
        if self.time is not None:
            assert self.time.minimum is not None
            assert self.time.maximum is not None
            clock = parts[self.time.name]
            even = self.time.minimum + spread * (self.time.maximum - self.time.minimum)
            seconds = seconds + on_grid(np.where(np.isnan(clock), even, clock), self.time)
        if self.zone is None:
            return on_grid(seconds, self.column)
        zone = np.maximum(parts[self.zone.name], 0)
        local = on_grid(seconds, local_time(self.column))
        return on_grid(in_zones(local, zone, self._form), self.column)

    def allowed(self, condition: Allowed) -> dict[str, Allowed]:
        """What the parts may be where the column keeps ``condition``: necessary, and enough for most instants.

        A condition on the column itself is to be held after :meth:`join`.
        """
        spans = condition.intervals or ()
        found: dict[str, Allowed] = {}

        def put(part: Column, intervals: list[Interval]) -> None:
            found[part.name] = Allowed(part.name, None, _joined(intervals), condition.missing)

        if self.zone is not None:
            codes = tuple(range(len(self.zone.categories))) if spans else ()
            found[self.zone.name] = Allowed(self.zone.name, codes, None, condition.missing)
        if self.local is not None:
            put(self.local, list(spans))
            return found
        days = [(low // DAY, high // DAY) for low, high in spans]
        if self.day is not None:
            put(self.day, days)
        if self.week is not None and self.weekday is not None:
            put(self.week, [((low + 3) // 7, (high + 3) // 7) for low, high in days])
            some: set[int] = set()
            for low, high in days:
                if high - low >= 6 or len(some) == 7:
                    some.update(range(7))
                else:
                    some.update(weekdays(np.arange(int(low), int(high) + 1)).tolist())
            codes = tuple(code for code, day in enumerate(self.weekdays) if day in some)
            found[self.weekday.name] = Allowed(self.weekday.name, codes, None, condition.missing)
        if self.time is not None and all(low // DAY == high // DAY for low, high in spans):
            put(self.time, [(low % DAY, high % DAY) for low, high in spans])
        return found


def _joined(intervals: list[Interval]) -> tuple[Interval, ...]:
    """The intervals in order, overlapping ones as one."""
    kept: list[Interval] = []
    for low, high in sorted(intervals):
        if kept and low <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(high, kept[-1][1]))
        else:
            kept.append((low, high))
    return tuple(kept)


def instant_parts(column: Column, new_name: Callable[[str], str], *, calendar: bool = True) -> InstantParts | None:
    """The parts of a column, ``None`` for one that is learned whole.

    Args:
        new_name: what a part is called, given what it is, such as ``"weekday"``.
        calendar: whether weekdays and times of day are parts; else the zone is the only one beside the local time.
    """
    if column.kind != "datetime" or column.minimum is None or column.maximum is None:
        return None
    grain = grain_from_text(column.grain or "", instants=True)
    grain = grain if calendar else replace(grain, parts=())
    zones = (compiled(column.format or "") or Form(())).zones
    if not grain.parts and not zones:
        return None
    zone = None
    if zones:
        zone = Column(new_name("zone"), "categorical", "str", column.missing_rate, categories=zones)
    if not grain.parts:
        local = replace(local_time(column), name=new_name("local"), marks=(), mark_shares=())
        return InstantParts(column, None, None, None, None, (), local, zone)
    low, high = column.minimum // DAY, column.maximum // DAY
    rate = column.missing_rate
    week = weekday = day = None
    days = grain.weekdays or tuple(range(7))
    if "weekday" in grain.parts:
        names = tuple(WEEKDAYS[number] for number in days)
        weekday = Column(new_name("weekday"), "categorical", "str", rate, categories=names)
        week = Column(new_name("week"), "integer", "float64", rate, minimum=(low + 3) // 7, maximum=(high + 3) // 7)
    else:
        day = Column(new_name("day"), "integer", "float64", rate, minimum=low, maximum=high)
    time = time_of_day(local_time(column) if zones else column, grain, low == high)
    if time is not None:
        time = replace(time, name=new_name("time"))
    return InstantParts(column, week, weekday, day, time, days, zone=zone)
