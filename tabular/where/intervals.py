"""Intervals of numbers and instants: what a condition on a numeric column allows, on the column's own grid."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..dates.forms import ZONE, compiled
from ..dates.text import format_dates, parse_dates, to_seconds
from ..encoding.cells import grain_lattice, grid_step
from ..errors import ConditionError
from ..numbers.text import parse_numbers
from ..plain_json import shown
from ..schema import Column
from .text import Condition

__all__ = ["Interval", "intervals_of", "number_span"]

#: A closed interval.
Interval = tuple[float, float]


def intervals_of(condition: Condition, values: tuple[Any, ...], column: Column) -> tuple[Interval, ...]:
    """What ``condition`` with its filled ``values`` allows of a numeric ``column``; empty if nothing.

    Raises:
        ConditionError: if a value is no number or no date.
    """
    if column.minimum is None or column.maximum is None or condition.operator == "missing":
        return ()
    spans = [number_span(value, column) for value in values]
    operator = condition.operator
    found: list[Interval]
    if operator == "not missing":
        found = [(-math.inf, math.inf)]
    elif operator in ("==", "in"):
        found = spans
    elif operator in ("!=", "not in"):
        found = [(-math.inf, math.inf)]
        for low, high in spans:
            gap = [(-math.inf, _before(low, column)), (_after(high, column), math.inf)]
            found = [(max(a, c), min(b, d)) for a, b in found for c, d in gap]
    elif operator == "between":
        found = [(min(spans[0][0], spans[1][0]), max(spans[0][1], spans[1][1]))]
    else:
        low, high = spans[0]
        found = [
            {
                "<": (-math.inf, _before(low, column)),
                "<=": (-math.inf, high),
                ">": (_after(high, column), math.inf),
                ">=": (low, math.inf),
            }[operator]
        ]
    return _tidy(found, column)


def _tidy(intervals: Sequence[Interval], column: Column) -> tuple[Interval, ...]:
    """Closed intervals on the column's grid and within its bounds; empty ones dropped, touching ones joined."""
    kept: list[Interval] = []
    for low, high in sorted(intervals):
        start = max(_snap(low, column, up=True), float(column.minimum or 0.0))
        end = min(_snap(high, column, up=False), float(column.maximum or 0.0)) + _zone_span(column)
        if start > end:
            continue
        if kept and start <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return tuple(kept)


def _zone_span(column: Column) -> float:
    """What the zones of an instant add to its local time at most."""
    form = compiled(column.format) if column.kind == "datetime" and column.format else None
    if form is None or not form.zones:
        return 0.0
    return 0.5e-6 if form.has_fine_zones else (len(form.zones) - 1) * ZONE


def _snap(value: float, column: Column, *, up: bool) -> float:
    """The nearest value of the grid, and of the grain, that is not below (``up``) or not above ``value``."""
    lattice = grain_lattice(column)
    if lattice is not None and math.isfinite(value):
        return float((lattice.ceil if up else lattice.floor)(np.array([value]))[0])
    step = _step_at(value, column)
    if step is None:
        return value
    count = _count(value, step)
    return _at(math.ceil(count) if up else math.floor(count), step)


def _after(value: float, column: Column) -> float:
    """The least value of the column above ``value``."""
    step = _step_at(value, column)
    return math.nextafter(value, math.inf) if step is None else _at(math.floor(_count(value, step)) + 1, step)


def _before(value: float, column: Column) -> float:
    """The greatest value of the column below ``value``."""
    step = _step_at(value, column)
    return math.nextafter(value, -math.inf) if step is None else _at(math.ceil(_count(value, step)) - 1, step)


def _step_at(value: float, column: Column) -> float | None:
    """The step of the column's grid; ``None`` without one, and so far from 0 that float64 holds whole steps alone."""
    step = grid_step(column)
    return None if step is None or not abs(value) < 2.0**53 * step else step


def _count(value: float, step: float) -> float:
    """``value`` in steps; a whole number if only the rounding of binary fractions stands against it."""
    count = value / step if step >= 1 else value * round(1 / step)
    return float(round(count)) if math.isclose(count, round(count), rel_tol=1e-12, abs_tol=1e-9) else count


def _at(count: int, step: float) -> float:
    return count * step if step >= 1 else count / round(1 / step)


def number_span(value: Any, column: Column) -> Interval:
    """The first and last instant (or twice the number) that ``value`` stands for: a day has 86,400 seconds."""
    if column.kind == "datetime":
        return _span(value, column)
    if isinstance(value, str):
        number = float(parse_numbers(pd.Series([value], dtype=object), column.format)[0])
        if math.isnan(number):
            number = float(parse_numbers(pd.Series([value], dtype=object), None)[0])
    else:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise ConditionError(
            f"Column {column.name!r} holds numbers, and {shown(value)} is none; write such as {column.name}>=30."
        )
    return number, number


def _example(column: Column) -> str:
    form = compiled(column.format or "")
    if form is None or form.has_date or column.minimum is None:
        return "2024-01-31"
    return str(format_dates(np.array([column.minimum]), column.format or "")[0])


def _span(value: Any, column: Column) -> Interval:
    zone = column.dtype.partition(", ")[2].rstrip("]") if column.dtype.startswith("datetime64[") else ""
    try:
        if isinstance(value, int | float | np.number) and not isinstance(value, bool) and column.format:
            value = f"{value:.15g}"  # 20240317, as dates may be written
        if isinstance(value, str):
            if column.format and not zone:
                exact = float(parse_dates(pd.Series([value], dtype=object), column.format)[0])
                if not math.isnan(exact):
                    return exact, exact
            if not re.match(r"\s*\d{4}", value):  # 05.01.2024 would be guessed at
                raise ValueError(f"{value!r} does not begin with a year")
            period = pd.Period(value.strip().replace("T", " ").removesuffix("Z"))
            first, last = period.start_time, (period + 1).start_time
        elif isinstance(value, pd.Timestamp) or hasattr(value, "hour"):
            first = last = pd.Timestamp(value)
        elif hasattr(value, "isoformat"):
            first = pd.Timestamp(value)
            last = first + pd.Timedelta(days=1)
        else:
            raise ValueError(f"{value!r} is no date")
        ends = [end.tz_localize(zone or "UTC") if end.tzinfo is None else end for end in (first, last)]
        low, high = to_seconds(pd.Series(ends).dt.tz_convert("UTC")).tolist()
    except (ValueError, TypeError, OverflowError):
        raise ConditionError(
            f"Column {column.name!r} holds dates or times, and {shown(str(value))} is none; write such as "
            f"{column.name}>={_example(column)}."
        ) from None
    return (low, low) if low == high else (low, _before(high, column))
