"""An expression solved for one of its columns; what a function leaves open is taken over from drawn cells."""

from __future__ import annotations

import numpy as np

from ...dates.text import from_seconds
from ..language.evaluation import Rows
from ..language.syntax import Call, Constant, Expression, Operation, Reference, columns_of

__all__ = ["DAY", "loses", "rearranged", "solve", "years_later"]

DAY = 86400.0


def loses(expression: Expression) -> bool:
    """Whether a function stands in the expression: most of them leave open what they are taken of."""
    if isinstance(expression, Operation):
        return loses(expression.left) or loses(expression.right)
    return isinstance(expression, Call)


def solve(expression: Expression, unknown: str, value: np.ndarray, rows: Rows) -> np.ndarray | None:
    """What ``unknown`` must be for ``expression`` to be ``value``; ``None`` where nothing tells.

    Args:
        rows: with drawn cells of ``unknown``, of which what the expression leaves open is taken over.
    """
    if isinstance(expression, Reference):
        return value if expression.column == unknown else None
    if isinstance(expression, Constant):
        return None
    if isinstance(expression, Call):
        return _solve_call(expression, unknown, value, rows)
    left, right = (unknown in columns_of(side) for side in (expression.left, expression.right))
    if left == right:
        return None
    known = rows.number(expression.right if left else expression.left)
    side = expression.left if left else expression.right
    with np.errstate(divide="ignore", invalid="ignore"):
        if expression.sign == "+":
            rest = value - known
        elif expression.sign == "-":
            rest = value + known if left else known - value
        elif expression.sign == "*":
            rest = np.where(known == 0, np.nan, value / known)
        else:
            rest = value * known if left else np.where(value == 0, np.nan, known / value)
    return solve(side, unknown, rest, rows)


def rearranged(expression: Expression, unknown: str, value: Expression) -> Expression | None:
    """What ``unknown`` is where ``expression``, of sums and differences, is ``value``; else ``None``."""
    if isinstance(expression, Reference):
        return value if expression.column == unknown else None
    if not isinstance(expression, Operation) or expression.sign not in ("+", "-"):
        return None
    left, right = (unknown in columns_of(side) for side in (expression.left, expression.right))
    if left == right:
        return None
    if left:
        rest = Operation("-" if expression.sign == "+" else "+", value, expression.right)
        return rearranged(expression.left, unknown, rest)
    rest = Operation("-", value, expression.left) if expression.sign == "+" else Operation("-", expression.left, value)
    return rearranged(expression.right, unknown, rest)


def _solve_call(call: Call, unknown: str, value: np.ndarray, rows: Rows) -> np.ndarray | None:
    inside = [unknown in columns_of(argument) for argument in call.arguments]
    if sum(inside) != 1:
        return None
    argument = call.arguments[inside.index(True)]
    drawn = rows.number(argument)
    if call.function in ("date", "hour_start", "week_start"):
        rest = value + (drawn - rows.number(Call(call.function, (argument,))))
    elif call.function == "floor":
        rest = value + drawn % 1.0
    elif call.function == "round":
        rest = value + (drawn - np.rint(drawn))
    elif call.function == "abs":
        rest = np.where(drawn < 0, -value, value)
    elif call.function == "years":
        off = value - rows.number(call)
        rest = years_later(drawn, off if inside[0] else -off)
    elif call.function == "year":
        rest = years_later(drawn, value - rows.number(call))
    else:
        return None
    return solve(argument, unknown, rest, rows)


def years_later(seconds: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Instants so many years later, at the same time of the same day; the 28th in place of a 29th of February."""
    at = from_seconds(seconds)
    there = ~(np.isnan(seconds) | np.isnan(years))
    year = np.where(there, at.year + np.nan_to_num(years), 1970).astype(np.int64)
    month, day = (np.where(there, part, 1).astype(np.int64) for part in (at.month, at.day))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    day = np.where((month == 2) & (day == 29) & ~leap, 28, day)
    days = (np.clip(year, 1, 9999) - 1970).astype("datetime64[Y]") + (month - 1).astype("timedelta64[M]")
    start = days.astype("datetime64[D]").astype(np.float64) + day - 1
    return np.where(there, start * DAY + seconds % DAY, np.nan)
