"""Conditions on rows (``where``): from what a person writes to what each column may hold."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..encoding.boolean_words import truth
from ..encoding.cells import grid_step
from ..errors import ConditionError
from ..numbers.text import parse_numbers
from ..schema import Column, Schema
from .intervals import Interval, intervals_of, number_span
from .text import EXAMPLES, Condition, Where, operator_at, read_conditions, unknown_column

__all__ = ["Allowed", "both", "conditions_of", "parse_where", "satisfied"]


@dataclass(frozen=True)
class Allowed:
    """What one column may hold.

    Attributes:
        codes: the allowed places in :attr:`Column.categories`, ascending; ``None`` for numeric kinds.
        intervals: closed, disjoint and ascending, within the bounds of the column; ``None`` for kinds
            with categories.
        missing: whether the cell may be missing.

    Example:
        >>> import pandas as pd
        >>> from tabular import infer_schema, parse_where
        >>> schema = infer_schema(pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)}))
        >>> parse_where("device=web and age>=97", schema)["age"].intervals
        ((97.0, 99.0),)
    """

    column: str
    codes: tuple[int, ...] | None
    intervals: tuple[Interval, ...] | None
    missing: bool

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Which canonical ``values`` (:func:`tabular.to_arrays`) are allowed: ``bool[rows]``."""
        if self.codes is not None:
            kept = np.isin(values, self.codes)
            return kept | (values < 0) if self.missing else kept
        kept = np.zeros(len(values), dtype=bool)
        for low, high in self.intervals or ():
            kept |= (values >= low) & (values <= high)
        return kept | np.isnan(values) if self.missing else kept

    def moved_inside(self, values: np.ndarray) -> np.ndarray:
        """Numbers that are not allowed moved to the nearest allowed ones: by a rounding, or between two parts."""
        wrong = np.flatnonzero(~self.contains(values))
        if not len(wrong) or not self.intervals:
            return values
        low, high = (np.array(side) for side in zip(*self.intervals, strict=True))
        inside = np.clip(values[wrong, None], low, high)
        nearest = np.abs(inside - values[wrong, None]).argmin(axis=1)
        moved = values.copy()
        moved[wrong] = inside[np.arange(len(wrong)), nearest]
        return moved


def parse_where(where: Where | Sequence[Condition], schema: Schema) -> dict[str, Allowed]:
    """What ``where`` allows per column; columns without a condition are left out.

    A string holds conditions joined with ``and`` or ``;``: ``age>=30``, ``clicked=1``,
    ``device in [ios, android]``, ``country not in [US]``, ``age between 30 and 40``, ``30 <= age < 40``,
    ``email is missing``, ``email is not missing``. Names and values may stand in quotes. A list holds
    such strings, or mappings. A mapping gives per column a value, a list of values, a tuple of two numbers (a range
    with both ends), a text that begins with an operator (``">=30"``), or ``None`` (missing).

    All conditions must hold. A comparison, ``!=`` and ``not in`` too, is never met by a missing cell.

    Raises:
        ConditionError: for an unknown column, a value that cannot be, or text that is no condition.
    """
    allowed: dict[str, Allowed] = {}
    for condition in conditions_of(where, schema):
        column = schema[condition.column]
        found = _meaning(condition, column)
        if column.name in allowed:
            found = both(allowed[column.name], found)
        allowed[column.name] = found
    return allowed


def satisfied(arrays: Mapping[str, np.ndarray], allowed: Mapping[str, Allowed]) -> np.ndarray:
    """Which rows of canonical ``arrays`` keep every condition: ``bool[rows]``."""
    rows = len(next(iter(arrays.values())))
    kept = np.ones(rows, dtype=bool)
    for name, condition in allowed.items():
        kept &= condition.contains(arrays[name])
    return kept


def conditions_of(where: Where | Sequence[Condition], schema: Schema) -> list[Condition]:
    """The conditions that ``where`` says; see :func:`parse_where`."""
    if where is None:
        return []
    if isinstance(where, str):
        return read_conditions(where, schema.names)
    if isinstance(where, Mapping):
        found = []
        for label, value in where.items():
            name = str(label)
            if name not in schema:
                raise unknown_column(name, schema.names)
            found.append(_of_mapping(schema[name], value))
        return found
    if isinstance(where, Sequence) and all(isinstance(part, str | Mapping | Condition) for part in where):
        read = ([part] if isinstance(part, Condition) else conditions_of(part, schema) for part in where)
        return [condition for part in read for condition in part]
    raise ConditionError(f"A condition must be text, a list of texts or a mapping, not {where!r}; such as {EXAMPLES}.")


def _of_mapping(column: Column, value: Any) -> Condition:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return Condition(column.name, "missing", ())
    if isinstance(value, tuple) and len(value) == 2 and not any(isinstance(v, str | bool | None) for v in value):
        return Condition(column.name, "between", value)
    if isinstance(value, list | tuple | set | frozenset | range | np.ndarray):
        if not len(value):
            raise ConditionError(f"The list of values of {column.name!r} is empty; name at least one.")
        return Condition(column.name, "in", tuple(value))
    # ">50K" may itself be a category, so the categories come before the operators.
    if isinstance(value, str) and value not in column.categories:
        found = operator_at(value, 0, needs_blank=False)
        if found and found[0] in ("missing", "not missing"):
            return Condition(column.name, found[0], ())
        if found and found[0] in ("==", "!=", "<", "<=", ">", ">="):
            return Condition(column.name, found[0], (value[found[1] :].strip().strip("\"'"),))
    return Condition(column.name, "==", (value,))


def _meaning(condition: Condition, column: Column) -> Allowed:
    if column.kind in ("text", "identifier"):
        raise ConditionError(f"Column {column.name!r} is of the kind {column.kind}, which takes no condition; drop it.")
    operator = condition.operator
    values = tuple(v for v in condition.values if not _is_missing(v))
    missing = operator == "missing" or (operator in ("in", "==") and len(values) < len(condition.values))
    if missing and column.missing_rate == 0:
        raise ConditionError(f"Column {column.name!r} is never missing in the table, so no row can have it missing.")
    if column.has_categories:
        found = Allowed(column.name, _codes(condition, values, column), None, missing)
    else:
        found = Allowed(column.name, None, intervals_of(condition, values, column), missing)
    if not found.codes and not found.intervals and not missing:
        raise _empty(condition, column)
    return found


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _empty(condition: Condition, column: Column) -> ConditionError:
    if column.has_categories:
        reach = f"its values are {_listed(column)}"
    else:
        reach = f"it goes from {_shown(column.minimum, column)} to {_shown(column.maximum, column)}"
        step = grid_step(column)
        low, high = number_span(condition.values[0], column) if condition.values else (math.nan, math.nan)
        if step is not None and float(column.minimum or 0.0) < low <= high < float(column.maximum or 0.0):
            reach += f" in steps of {step:g}" + (" seconds" if column.kind == "datetime" else "")
    return ConditionError(f"No value of {column.name!r} satisfies {_written(condition)}: {reach}.")


def _written(condition: Condition) -> str:
    values = [str(value) for value in condition.values]
    if condition.operator in ("in", "not in"):
        return f"{condition.column} {condition.operator} [{', '.join(values)}]"
    if condition.operator == "between":
        return f"{condition.column} between {' and '.join(values)}"
    if not values:
        return f"{condition.column} is {condition.operator}"
    return f"{condition.column}{condition.operator.replace('==', '=')}{values[0]}"


def _shown(number: float | None, column: Column) -> str:
    if number is None:
        return "nothing"
    if column.kind != "datetime":
        return f"{number:.15g}"
    moment = pd.Timestamp(number, unit="s")
    return moment.strftime("%Y-%m-%d" if number % 86400 == 0 else "%Y-%m-%d %H:%M:%S")


def _listed(column: Column, most: int = 8) -> str:
    shown = ", ".join(repr(value) for value in column.categories[:most])
    return shown + (f", ... ({len(column.categories):,} in all)" if len(column.categories) > most else "")


def both(first: Allowed, second: Allowed) -> Allowed:
    """What both allow."""
    missing = first.missing and second.missing
    codes: tuple[int, ...] | None = None
    intervals: tuple[Interval, ...] | None = None
    if first.codes is not None:
        codes = tuple(code for code in first.codes if code in set(second.codes or ()))
    else:
        pairs = ((max(a, c), min(b, d)) for a, b in first.intervals or () for c, d in second.intervals or ())
        intervals = tuple(sorted((low, high) for low, high in pairs if low <= high))
    if not codes and not intervals and not missing:
        raise ConditionError(f"The conditions on {first.column!r} contradict each other: no value satisfies them all.")
    return Allowed(first.column, codes, intervals, missing)


def _codes(condition: Condition, values: tuple[Any, ...], column: Column) -> tuple[int, ...]:
    every = range(len(column.categories))
    operator = condition.operator
    if operator in ("missing", "not missing"):
        return () if operator == "missing" else tuple(every)
    if operator in ("==", "in"):
        return tuple(sorted({_code(value, column) for value in values}))
    if operator in ("!=", "not in"):
        out = {_code(value, column) for value in values}
        return tuple(code for code in every if code not in out)
    ranks, bounds = _ranks(condition, values, column)
    if operator == "between":
        return tuple(code for code in every if bounds[0] <= ranks[code] <= bounds[1])
    bound = bounds[0]
    compare = {
        "<": lambda rank: rank < bound,
        "<=": lambda rank: rank <= bound,
        ">": lambda rank: rank > bound,
        ">=": lambda rank: rank >= bound,
    }[operator]
    return tuple(code for code in every if compare(ranks[code]))


def _code(value: Any, column: Column) -> int:
    """The place of ``value`` among the categories, however it is written."""
    if isinstance(value, np.generic):
        value = value.item()
    texts = [str(category) for category in column.categories]
    if str(value) in texts:
        return texts.index(str(value))
    # A boolean in whatever words, or a flag written as 0 and 1.
    if column.kind == "boolean" or {0, 1}.issuperset(column.categories):
        wanted, truths = truth(value), [truth(category) for category in column.categories]
        if wanted is not None and wanted in truths:
            return truths.index(wanted)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    for code, category in enumerate(column.categories):
        if not isinstance(category, str) and float(category) == number:
            return code
    close = difflib.get_close_matches(str(value), texts, n=3)
    lower = [text for text in texts if text.lower() == str(value).lower()]
    hint = f"did you mean {' or '.join(map(repr, lower or close))}?" if lower or close else f"it has {_listed(column)}."
    raise ConditionError(f"Column {column.name!r} never holds {str(value)!r}; {hint}")


def _ranks(condition: Condition, values: tuple[Any, ...], column: Column) -> tuple[list[float], list[float]]:
    """What ``<`` and ``>`` compare: the numbers of the categories, or their positions if they are ordered."""
    if column.dtype == "category[ordered]":
        return [float(code) for code in range(len(column.categories))], [float(_code(v, column)) for v in values]
    ranks = parse_numbers(pd.Series([str(category) for category in column.categories], dtype=object), None)
    if np.isnan(ranks).any() or any(isinstance(category, bool) for category in column.categories):
        whole = f"{condition.operator}{condition.values[0]}"
        hint = (
            f"write {column.name}='{whole}' for that category."
            if whole in column.categories
            else "use =, != or in [...]."
        )
        raise ConditionError(
            f"Column {column.name!r} holds no numbers, so {condition.operator!r} cannot compare it; {hint}"
        )
    return ranks.tolist(), [number_span(value, column)[0] for value in values]
