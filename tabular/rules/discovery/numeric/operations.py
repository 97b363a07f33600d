"""What the columns of a row can be computed to: each operation with its text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...language.functions import FUNCTIONS

__all__ = ["BINARY", "UNARY", "Operation", "age", "age_on"]

_DAY = 86400.0
#: Seconds of the units that durations are counted in, the plainest first.
_UNITS = (3600.0, _DAY, 60.0, 1.0, 604800.0)


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        text: with ``{a}`` and ``{b}`` for the columns.
        compute: from float64 arrays that broadcast against each other.
        dates: whether the columns must be dates, or must be numbers.
        family: relations of one family between the same columns say the same thing.
        symmetric: whether the columns can change places.
        gives_dates: whether the result is an instant.
        local: whether dates count by the clocks that they are written by.
        terms: the factors of the columns, and a constant, where the result is linear in them.
    """

    text: str
    compute: Callable[..., np.ndarray]
    dates: bool
    family: str
    symmetric: bool = False
    gives_dates: bool = False
    terms: tuple[float, ...] = ()
    local: bool = False


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(b == 0, np.nan, a / b)


def _days(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (np.floor(a / _DAY) * _DAY - np.floor(b / _DAY) * _DAY) / _DAY


def _span(unit: float, offset: int) -> Operation:
    def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a - b) / unit + offset

    text = "{a} - {b}" if unit == 1 else f"({{a}} - {{b}}) / {unit:.0f}"
    terms = (1 / unit, -1 / unit, float(offset))
    return Operation(text + (f" + {offset}" if offset else ""), compute, True, "span", terms=terms)


def _whole_span(unit: float) -> Operation:
    def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.floor((a - b) / unit)

    return Operation(f"floor(({{a}} - {{b}}) / {unit:.0f})", compute, True, "span")


def _years(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    return FUNCTIONS["years"](a.ravel(), b.ravel()).reshape(a.shape)


#: In the order in which a reader prefers them where several say the same.
BINARY = (
    Operation("{a} * {b}", np.multiply, False, "product", symmetric=True),
    Operation("{a} + {b}", np.add, False, "sum", symmetric=True, terms=(1.0, 1.0, 0.0)),
    Operation("{a} - {b}", np.subtract, False, "sum", terms=(1.0, -1.0, 0.0)),
    Operation("{a} / {b}", _quotient, False, "product"),
    Operation("{a} / ({b} * {b})", lambda a, b: _quotient(a, b * b), False, "square"),
    Operation("100 * {a} / {b}", lambda a, b: _quotient(100 * a, b), False, "percentage"),
    Operation("{a} * {b} / 100", lambda a, b: a * b / 100, False, "percentage", symmetric=True),
    Operation("{a} * (1 - {b})", lambda a, b: a * (1 - b), False, "discount"),
    Operation("{a} * (1 + {b})", lambda a, b: a * (1 + b), False, "discount"),
    Operation("{a} * (1 - {b} / 100)", lambda a, b: a * (1 - b / 100), False, "discount"),
    Operation("{a} * (1 + {b} / 100)", lambda a, b: a * (1 + b / 100), False, "discount"),
    *(_span(unit, 0) for unit in _UNITS),
    _span(_DAY, 1),
    *(_whole_span(unit) for unit in _UNITS if unit != 1),
    Operation("(date({a}) - date({b})) / 86400", _days, True, "span", local=True),
    Operation("years({a}, {b})", _years, True, "span", local=True),
)


def age(year: float) -> Operation:
    """An age, or what else is counted back from one year."""
    return Operation(f"{year:.0f} - year({{a}})", lambda a: year - FUNCTIONS["year"](a), True, "calendar", local=True)


def age_on(day: float) -> Operation:
    """An age in whole years on one day, in seconds since 1970."""
    text = f"years({np.datetime64(int(day), 's').astype('datetime64[D]')}, {{a}})"
    return Operation(text, lambda born: _years(np.full_like(born, day), born), True, "calendar", local=True)


UNARY = (
    *(
        Operation(f"{part}({{a}})", FUNCTIONS[part], True, "calendar", local=True)
        for part in ("year", "month", "day", "hour", "minute", "weekday", "quarter", "week", "yearday", "second")
    ),
    Operation("weekday({a}) + 1", lambda a: FUNCTIONS["weekday"](a) + 1, True, "calendar", local=True),
    *(
        Operation(f"{start}({{a}})", FUNCTIONS[start], True, "calendar", gives_dates=True, local=True)
        for start in ("date", "month_start", "week_start", "hour_start", "quarter_start", "year_start")
    ),
    Operation("floor({a})", np.floor, False, "rounding"),
    Operation("abs({a})", np.abs, False, "rounding"),
)
