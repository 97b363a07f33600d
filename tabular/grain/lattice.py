"""The values of a grain, and the next one below, above, and nearest to any number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..dates.calendar import days_of, months_of, weekdays
from .text import DAY, Grain, grain_from_text

__all__ = ["Lattice", "lattice_of"]

#: Beyond this many ticks float64 holds no neighbours: such values are left as they are.
_MOST_TICKS = 2.0**52


class Lattice:
    """The values that a grain allows, as whole ticks of ``10 ** -decimals``.

    Args:
        instants: the values are seconds since 1970.
    """

    def __init__(self, grain: Grain, decimals: int, *, instants: bool) -> None:
        self.grain, self.instants = grain, instants
        self._unit = 10**decimals
        step = grain.step if grain.step is not None else 1.0 / self._unit
        self._step = max(1, self._ticks_of(step))
        self._offsets = np.array(sorted({self._ticks_of(offset) for offset in grain.offsets}), np.int64)
        self._day = self._ticks_of(DAY)
        first, last = grain.hours if grain.hours is not None else (0.0, DAY - 1.0 / self._unit)
        within = min(self._step, self._day)
        clock = np.array([self._ticks_of(first), self._ticks_of(last)], np.int64)
        self._first = int(_up(clock[:1], within, self._offsets % within)[0])
        self._last = int(_down(clock[1:], within, self._offsets % within)[0])

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The nearest value of the grain to each of ``values`` (float64[n], NaN stays); of two, the lower."""
        below, above = self.floor(values), self.ceil(values)
        with np.errstate(invalid="ignore"):
            return np.where(values - below <= above - values, below, above)

    def floor(self, values: np.ndarray) -> np.ndarray:
        """The greatest value of the grain that is not above each of ``values``."""
        return self._moved(values, np.floor, self._floor_instants if self.instants else self._floor_numbers)

    def ceil(self, values: np.ndarray) -> np.ndarray:
        """The least value of the grain that is not below each of ``values``."""
        return self._moved(values, np.ceil, self._ceil_instants if self.instants else self._ceil_numbers)

    def _moved(
        self, values: np.ndarray, whole: Callable[[np.ndarray], np.ndarray], move: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        found = np.array(values, np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            usable = np.abs(found) * self._unit < _MOST_TICKS
        scaled = found[usable] * self._unit
        # What binary fractions are off by is no distance.
        near = np.rint(scaled)
        close = np.abs(scaled - near) <= np.maximum(1e-9, 2.0**-49 * np.abs(scaled))
        ticks = np.where(close, near, whole(scaled)).astype(np.int64)
        found[usable] = move(ticks) / self._unit
        return found

    def _ticks_of(self, value: float) -> int:
        return round(value * self._unit)

    def _floor_numbers(self, ticks: np.ndarray) -> np.ndarray:
        return _down(ticks, self._step, self._offsets)

    def _ceil_numbers(self, ticks: np.ndarray) -> np.ndarray:
        return _up(ticks, self._step, self._offsets)

    def _floor_instants(self, ticks: np.ndarray) -> np.ndarray:
        days, clock = np.divmod(ticks, self._day)
        clock = _down(np.minimum(clock, self._last), min(self._step, self._day), self._offsets % self._day)
        days = np.where(clock < self._first, days - 1, days)
        allowed = self._day_below(days)
        clock = np.where((allowed < days) | (clock < self._first), self._last, clock)
        return allowed * self._day + clock

    def _ceil_instants(self, ticks: np.ndarray) -> np.ndarray:
        days, clock = np.divmod(ticks, self._day)
        clock = _up(np.maximum(clock, self._first), min(self._step, self._day), self._offsets % self._day)
        days = np.where(clock > self._last, days + 1, days)
        allowed = self._day_above(days)
        clock = np.where((allowed > days) | (clock > self._last), self._first, clock)
        return allowed * self._day + clock

    def _day_below(self, days: np.ndarray) -> np.ndarray:
        grain = self.grain
        if grain.weekdays:
            return days - _distances(grain.weekdays, -1)[weekdays(days)]
        if grain.month_day:
            months = months_of(days) // grain.months * grain.months
            return np.where(
                self._month_day(months) > days, self._month_day(months - grain.months), self._month_day(months)
            )
        if self._step > self._day:
            return _down(days, self._step // self._day, self._offsets // self._day)
        return days

    def _day_above(self, days: np.ndarray) -> np.ndarray:
        grain = self.grain
        if grain.weekdays:
            return days + _distances(grain.weekdays, 1)[weekdays(days)]
        if grain.month_day:
            months = months_of(days) // grain.months * grain.months
            return np.where(
                self._month_day(months) < days, self._month_day(months + grain.months), self._month_day(months)
            )
        if self._step > self._day:
            return _up(days, self._step // self._day, self._offsets // self._day)
        return days

    def _month_day(self, months: np.ndarray) -> np.ndarray:
        """The day of the grain in the periods that begin with ``months``; the last one in the period's last month."""
        if self.grain.month_day < 0:
            return days_of(months + self.grain.months) - 1
        return days_of(months) + self.grain.month_day - 1


def _down(ticks: np.ndarray, step: int, offsets: np.ndarray) -> np.ndarray:
    count, rest = np.divmod(ticks, step)
    position = np.searchsorted(offsets, rest, "right") - 1
    return np.where(position < 0, (count - 1) * step + offsets[-1], count * step + offsets[position])


def _up(ticks: np.ndarray, step: int, offsets: np.ndarray) -> np.ndarray:
    count, rest = np.divmod(ticks, step)
    position = np.searchsorted(offsets, rest, "left")
    past = position == len(offsets)
    return np.where(past, (count + 1) * step + offsets[0], count * step + offsets[np.where(past, 0, position)])


def _distances(allowed: tuple[int, ...], direction: int) -> np.ndarray:
    """int64[7]: days from each weekday to the next allowed one."""
    return np.array([next(k for k in range(7) if (day + direction * k) % 7 in allowed) for day in range(7)])


@lru_cache(maxsize=1024)
def lattice_of(text: str, decimals: int, instants: bool) -> Lattice:
    """The lattice of a grain given as text. Raises :class:`ValueError` for a text that is none."""
    return Lattice(grain_from_text(text, instants=instants), decimals, instants=instants)
