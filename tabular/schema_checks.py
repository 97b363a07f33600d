"""Whether a schema that a person may have edited can serve: field by field, then by writing a few values with it."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from .codes.forms import WordLists
from .codes.identifiers import check_pattern, make_identifiers
from .dates.forms import compiled
from .encoding.arrays import from_arrays, holds_text, known_dtype, on_grid, to_arrays
from .encoding.cells import numbers
from .errors import SchemaError
from .grain.text import grain_from_text
from .numbers.template import is_template
from .numbers.text import MAX_DIGITS
from .plain_json import TEXT, FieldError, Kind, check_fields, list_of, maybe, one_of, real, shown, whole
from .rules import Rule, rule_from_data
from .rules.language.evaluation import check_rules
from .schema import KINDS, NUMERIC_KINDS, TOKEN_KINDS, Column, Schema

__all__ = ["check_column", "check_schema", "columns_from", "rules_from"]

#: Digits after the point that a column may keep.
MAX_DECIMALS = MAX_DIGITS
#: Characters of a format, in which many zones may stand.
MAX_FORMAT = 8_000
#: Characters of a pattern of identifiers, which may be several kinds side by side.
MAX_PATTERN = 8_000
#: Years 1 to 9999, which is what dates can be written in, as seconds since 1970.
EARLIEST, LATEST = -62135596800.0, 253402300799.999999
#: How far a number may be off when it comes back from its dtype: float16 has three digits.
ROUND_TRIP = 0.01

#: Each directive alone: the C library would take a width, such as of ``%1000000000d``, for meant.
_DATE_FORMAT = re.compile(r"(?:[^%]|%-?[A-Za-z]|%%)+")

_SCALAR = Kind("text, a finite number, true or false", lambda v: isinstance(v, str | bool) or real().holds(v))
_NUMBER = real()
_COUNT = whole(1, 2**53)
_PAIR = Kind("two whole numbers above 0", lambda v: list_of(_COUNT, 2).holds(v) and len(v) == 2)
_WORDS = Kind(
    "the name of a list in small letters, and its words in one text",
    lambda v: list_of(TEXT, 2).holds(v) and len(v) == 2 and v[0].isalpha() and v[0].islower() and bool(v[1].split()),
)
_FIELDS = {
    "name": TEXT,
    "kind": one_of(*sorted(KINDS)),
    "dtype": TEXT,
    "missing_rate": real(0, 1),
    "minimum": maybe(_NUMBER),
    "maximum": maybe(_NUMBER),
    "decimals": maybe(whole(0, MAX_DECIMALS)),
    "categories": list_of(_SCALAR),
    "atoms": list_of(_NUMBER),
    "format": maybe(TEXT),
    "grain": maybe(TEXT),
    "pattern": maybe(TEXT),
    "other": maybe(_SCALAR),
    "notes": list_of(TEXT),
    "personal": maybe(TEXT),
    "label": maybe(_NUMBER),
    "repeats": list_of(_PAIR),
    "goes_with": maybe(TEXT),
    "per_value": list_of(TEXT),
    "marks": list_of(TEXT),
    "mark_shares": list_of(real(0, 1)),
    "levels": list_of(_SCALAR),
    "words": list_of(_WORDS),
}
_NAMED = frozenset({"identifier"})
#: Fields of some kinds alone.
_KINDS_OF = {
    "minimum": NUMERIC_KINDS,
    "maximum": NUMERIC_KINDS,
    "decimals": NUMERIC_KINDS,
    "atoms": NUMERIC_KINDS,
    "format": NUMERIC_KINDS,
    "grain": NUMERIC_KINDS,
    "categories": TOKEN_KINDS,
    "other": TOKEN_KINDS,
    "pattern": _NAMED,
    "repeats": _NAMED,
    "goes_with": _NAMED,
    "per_value": _NAMED,
    "words": _NAMED,
    "marks": NUMERIC_KINDS,
    "mark_shares": NUMERIC_KINDS,
    "levels": TOKEN_KINDS,
}
_TOP = {
    "version": whole(1),
    "rows": whole(0),
    "notes": list_of(TEXT),
    "rules": Kind("a list of rules", lambda v: isinstance(v, list)),
    "columns": Kind("a list of at least one column", lambda v: isinstance(v, list) and len(v) > 0),
}


def columns_from(data: Any) -> tuple[Column, ...]:
    """The columns in what :meth:`Schema.to_dict` wrote, or a person.

    Raises:
        FieldError: naming the column, the field, its value and what it must be.
    """
    if not isinstance(data, Mapping) or "columns" not in data:
        raise FieldError("it is no schema: it must be an object with a list 'columns'")
    _refuse_unknown(data, _TOP, "it")
    check_fields(data, _TOP, "it", needed=["columns"])
    columns = []
    for index, entry in enumerate(data["columns"], 1):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        what = f"column {name!r}" if isinstance(name, str) else f"column {index}"
        check_fields(entry, _FIELDS, what, needed=("name", "kind", "dtype"))
        _refuse_unknown(entry, _FIELDS, what)
        values: dict[str, Any] = {k: _as_tuples(v) for k, v in entry.items()}
        columns.append(Column(**values))
        check_column(columns[-1])
    _refuse_twice([column.name for column in columns])
    return tuple(columns)


def rules_from(data: Mapping[str, Any], columns: tuple[Column, ...]) -> tuple[Rule, ...]:
    """The rules in what :meth:`Schema.to_dict` wrote, or a person.

    Raises:
        RuleError: if one cannot be a rule on a table with these ``columns``.
    """
    rules = tuple(rule_from_data(rule, [column.name for column in columns]) for rule in data.get("rules", []))
    if rules:
        check_rules(Schema(columns, rules=rules))
    return rules


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def check_schema(schema: Schema) -> None:
    """Raise :class:`SchemaError` for a schema, made by whatever code, that could not be read again."""
    try:
        if not len(schema):
            raise FieldError("it has no columns; list at least one")
        for column in schema:
            check_fields(vars(column), _FIELDS, f"column {shown(column.name)}")
            check_column(column)
        _refuse_twice(schema.names)
    except FieldError as error:
        raise SchemaError(f"The schema cannot be used: {error}.") from None


def check_column(column: Column) -> None:
    """Raise :class:`FieldError` for fields that do not fit each other; each by itself has been checked."""
    for field, kinds in _KINDS_OF.items():
        if column.kind not in kinds and getattr(column, field) not in (None, ()):
            raise FieldError(
                f"column {column.name!r} has {field} {shown(getattr(column, field))}, which only the kinds "
                f"{', '.join(sorted(kinds))} have, and its kind is {column.kind!r}"
            )
    _check_numbers(column)
    _check_categories(column)
    _check_marks(column)
    if column.format is not None:
        if column.kind == "datetime":
            fits = _DATE_FORMAT.fullmatch(column.format) or compiled(column.format) is not None
            meant = "of dates such as '%Y-%m-%d'"
        else:
            fits, meant = is_template(column.format), "of numbers such as '{:,.2f} EUR'"
        if len(column.format) > MAX_FORMAT or not fits:
            raise FieldError(f"column {column.name!r} has format {shown(column.format)}, but must have one {meant}")
    if column.grain is not None:
        try:
            grain_from_text(column.grain, instants=column.kind == "datetime")
        except ValueError as error:
            raise FieldError(f"column {column.name!r} has grain {shown(column.grain)}, of which {error}") from None
    if column.pattern is not None:
        _check_pattern(column.name, column.pattern, column.words)
    if not known_dtype(column.dtype):
        raise FieldError(f"column {column.name!r} has dtype {shown(column.dtype)}, which pandas does not know")
    if (why := _unwritable(column)) is not None:
        raise FieldError(
            f"column {column.name!r} of the kind {column.kind!r} cannot be written with its dtype {column.dtype!r}"
            f"{f' and format {column.format!r}' if column.format else ''} ({why}); correct what does not fit"
        )


def _check_pattern(name: str, pattern: str, words: WordLists) -> None:
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise FieldError(f"column {name!r} has pattern {shown(pattern)}, but must have 1 to {MAX_PATTERN:,} characters")
    try:
        check_pattern(pattern, words)
    except (ValueError, OverflowError) as error:
        raise FieldError(f"column {name!r} has pattern {shown(pattern)}, but {error}") from None


def _check_numbers(column: Column) -> None:
    low, high = column.minimum, column.maximum
    bounds = {name: value for name, value in (("minimum", low), ("maximum", high)) if value is not None}
    for name, value in bounds.items():
        if column.kind == "integer" and value % 1:
            raise FieldError(f"column {column.name!r} has {name} {value!r}, but must have a whole number as an integer")
        if column.kind == "datetime" and not EARLIEST <= value <= LATEST:
            raise FieldError(
                f"column {column.name!r} has {name} {value!r}, but must have seconds since 1970 of the years 1 to 9999"
            )
    if low is not None and high is not None and low > high:
        raise FieldError(f"column {column.name!r} has minimum {low!r} above its maximum {high!r}; swap them")
    # Atoms may lie outside: who narrows the bounds need not know of them, and they count no more.


def _check_marks(column: Column) -> None:
    marks, fractions = column.marks, column.mark_shares
    if not marks and not fractions:
        return
    if len(marks) != len(fractions) or sum(fractions) > 1 + 1e-9:
        raise FieldError(
            f"column {column.name!r} has {len(marks)} marks and the mark_shares {list(fractions)}, but must have one "
            "share for each mark, together at most 1"
        )
    if not holds_text(column):
        raise FieldError(f"column {column.name!r} has marks, which its dtype {column.dtype!r} cannot hold; remove them")


def _check_categories(column: Column) -> None:
    if not column.has_categories:
        return
    known: set[Any] = set()
    for value in column.categories:
        if value in known:
            raise FieldError(f"column {column.name!r} lists the category {shown(value)} more than once")
        known.add(value)
    most = {"boolean": 2, "constant": 1}.get(column.kind)
    if most is not None and len(known) > most:
        raise FieldError(
            f"column {column.name!r} is {column.kind} and lists {len(known):,} categories, at most {most} can be; "
            "its kind may be 'categorical'"
        )
    if not known and column.kind != "constant" and column.missing_rate < 1:
        raise FieldError(f"column {column.name!r} is {column.kind} and lists no categories; list them")
    if column.other is not None and column.other not in known:
        raise FieldError(f"column {column.name!r} has other {shown(column.other)}, which is none of its categories")
    if column.levels and (len(set(column.levels)) < len(column.levels) or not known <= set(column.levels)):
        raise FieldError(f"column {column.name!r} has levels that do not name each of its categories, or one twice")


def _refuse_unknown(entry: Mapping[str, Any], known: Mapping[str, Kind], what: str) -> None:
    for name in entry:
        if name not in known:
            close = difflib.get_close_matches(str(name)[:50], known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it can have {', '.join(known)}"
            raise FieldError(f"{what} has the unknown field {shown(name)}; {hint}")


def _refuse_twice(names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FieldError(f"the column {shown(twice)} stands in it more than once; rename or remove one")


@lru_cache(maxsize=4096)
def _unwritable(column: Column) -> str | None:
    """Why values of ``column`` cannot be written as its dtype and read again; ``None`` if they can.

    The bounds, the atoms, every category and a missing cell are written: a dtype, a format or a pattern that does not
    fit would otherwise be met when rows are made, after the fit.
    """
    schema = Schema((column,))
    values = _probe(column)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            frame = from_arrays({column.name: values}, schema)
            if column.is_numeric:
                wanted, found = on_grid(values, column), numbers(frame[column.name], column)
                near = ROUND_TRIP * np.abs(wanted) + 1.0
                if column.kind == "datetime":  # dates may be written more coarsely than they are kept
                    near = np.full(len(wanted), 366 * 86400.0 if holds_text(column) else 86400.0)
                lost = ~np.isnan(wanted) & ~(np.abs(found - wanted) <= near)
            else:
                found = to_arrays(frame, schema)[column.name]
                lost = (values >= 0) & (found < 0) if column.has_categories else np.zeros(len(values), bool)
                wanted = values
        except Exception as error:  # whatever pandas, numpy or a format stumble over
            return str(error).strip().partition("\n")[0].rstrip(".")[:200] or type(error).__name__
    if lost.any():
        return f"{shown(wanted[lost].tolist()[0])} would come back as {shown(found[lost].tolist()[0])}"
    return None


def _probe(column: Column) -> np.ndarray:
    """Canonical values that must be writable."""
    missing = column.missing_rate > 0
    if column.is_numeric:
        ends = (column.minimum, column.maximum, *column.atoms[:1], *column.atoms[-1:])
        given = [float(value) for value in ends if value is not None]
        return np.array([*(given or [0.0]), *[np.nan] * missing])
    if column.has_categories:
        return np.array([*range(len(column.categories)), *[-1] * missing], dtype=np.int32)
    number = column.dtype.lower().startswith(("int", "uint"))
    made = (
        make_identifiers(column.pattern, 2, number=number, name=column.name, words=column.words)
        if column.kind == "identifier"
        else ["a", "b"]
    )
    return np.array([*made, *[None] * missing], dtype=object)
