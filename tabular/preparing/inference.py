"""Infers the schema of a table: which kind each column is, and what a generator must keep to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from ..codes.patterns import find_pattern
from ..columns.facts import ColumnFacts, column_facts
from ..columns.keys import counts_rows, reads_as_identifier, written_as_codes
from ..columns.kinds import build_column
from ..columns.names import named_like_a_code, named_like_an_identifier
from ..dates.text import is_duration
from ..encoding.boolean_words import are_boolean_words
from ..encoding.cells import columns_of, plain_cells
from ..encoding.frames import as_pandas
from ..errors import KindError, SchemaError
from ..free_text.tokens import has_structure
from ..personal import find_personal
from ..personal.faker_words import check_locale, note_of_locale
from ..personal.repetition import with_repetition
from ..personal.surrogates import surrogate_pattern
from ..schema import KINDS, Column, Schema, kind_hint
from ..schema_checks import check_schema

__all__ = ["infer_schema", "schema_of_facts", "with_decimal_mark"]

#: Up to so many distinct integers read as labels (flags, regions, codes) and not as quantities.
LABEL_LIMIT = 20
#: A label, and not a measurement of a small table, comes back so often on average.
LABEL_REPEATS = 5
#: More categories than this are beyond any generator; such text is free text.
CATEGORY_LIMIT = 100_000
#: Text of which a larger share is distinct does not repeat: it is an identifier or free text.
NEARLY_UNIQUE = 0.95
#: Above this, float64 no longer tells neighbouring integers apart.
EXACT_INTEGERS = 2.0**53


def infer_schema(
    table: pd.DataFrame,
    *,
    overrides: Mapping[str, str | Mapping[str, Any]] | None = None,
    rare_below: int = 0,
    faker: str | None = None,
) -> Schema:
    """What ``table`` is, column by column.

    Args:
        table: a pandas (2 or 3), Polars or Arrow table.
        overrides: per column the kind to take instead (``{"zip": "categorical"}``), or fields of
            :class:`Column` to set (``{"price": {"kind": "continuous", "decimals": 2}}``).
        rare_below: categories in fewer rows than this are folded: text ones into ``(other)``, numeric
            ones into the most frequent; bounds and atoms of numbers then also stand on so many rows.
        faker: locale of the package Faker (``"de_DE"``), whose names, streets and towns stand in what is made up for
            columns that name persons. The words are kept in the schema, so nobody else needs Faker.

    Rules between columns are not searched: :func:`tabular.rules.with_rules` adds them.

    A column that no kind can hold (complex numbers, pictures, ...) is left out, and a note of the schema says so.

    Raises:
        SchemaError: if no column can be held, or an override is unknown or does not fit.
        UsageError: if Faker is requested and is not installed, or has no such locale.
    """
    if faker is not None:
        check_locale(faker)
    table = as_pandas(table)
    columns = columns_of(table)
    overrides = dict(overrides or {})
    for name in overrides:
        if name not in columns:
            raise KindError(f"There is no column {name!r} to override; the table has {', '.join(map(repr, columns))}.")
    plain = {name: plain_cells(series) for name, series in columns.items()}
    skip = repeated_headers(plain)
    known, left_out = _facts(columns, skip)
    notes = [f"Left out: {str(error)[0].lower()}{str(error)[1:]}" for error in left_out]
    repeated = 0 if skip is None else int(skip.sum())
    return schema_of_facts(
        known, plain, len(table), repeated, notes, overrides=overrides, rare_below=rare_below, faker=faker
    )


def schema_of_facts(
    known: Mapping[str, ColumnFacts],
    plain: Mapping[str, pd.Series],
    rows: int,
    repeated: int,
    notes: Sequence[str],
    *,
    overrides: Mapping[str, str | Mapping[str, Any]],
    rare_below: int,
    faker: str | None,
) -> Schema:
    """The schema of a table of which ``known`` are the facts; see :func:`infer_schema`.

    Args:
        plain: cells of the columns, all or a sample: what names persons is inferred from them.
        rows: of the table.
        repeated: how many of them repeat the header.
        notes: what there is to say of the table already.
    """
    plain = {name: plain[name] for name in known}
    found = []
    persons = {name: found.sort for name, found in find_personal(plain).items()}
    persons |= {
        name: persons[of]
        for name in plain
        if name not in persons
        for of in persons
        if plain[name].dtype == plain[of].dtype and plain[name].equals(plain[of])
    }
    for name, facts in known.items():
        if name in persons:
            found.append(_of_persons(facts, persons[name], overrides.get(name), rare_below, faker))
        else:
            found.append(_column(facts, overrides.get(name), rare_below))
    found = with_repetition(found, plain, {column.name for column in found if column.personal})
    notes = list(notes)
    if repeated:
        notes.append(f"{repeated:,} row(s) repeat the header: read as missing; remove them from the file.")
    if faker is not None and not any(column.words for column in found):
        notes.append(f"Faker's words of {faker} stand nowhere: no column has made-up names, streets or e-mails.")
    elif faker is not None and (note := note_of_locale(faker)) is not None:
        notes.append(note)
    return Schema(tuple(found), rows=rows, notes=tuple(notes))


def _facts(
    columns: Mapping[str, pd.Series], skip: np.ndarray | None
) -> tuple[dict[str, ColumnFacts], list[SchemaError]]:
    """The facts per column, each with the decimal mark that the columns together show, and why others have none.

    Somebody writes all columns of a table with one mark: ``3.685`` is three thousands beside ``4,50``.

    Raises:
        SchemaError: if no column can be held.
    """
    facts, left_out = {}, []
    for name, series in columns.items():
        try:
            facts[name] = column_facts(name, series, skip)
        except SchemaError as error:
            left_out.append(error)
    if left_out and not facts:
        raise left_out[0]
    return with_decimal_mark(facts), left_out


def with_decimal_mark(facts: dict[str, ColumnFacts]) -> dict[str, ColumnFacts]:
    """``facts``, each with the decimal mark that the columns together show; see :func:`_facts`."""
    shown = Counter(mark for each in facts.values() if (mark := _decimal_mark(each)) is not None)
    if shown[","] <= shown["."]:
        return facts  # a point is what is taken for granted
    return {
        name: replace(each, point=",") if each.number_text is not None and each.number_text.point is None else each
        for name, each in facts.items()
    }


def _decimal_mark(facts: ColumnFacts) -> str | None:
    if facts.type == "float":
        return "."  # it was read as a number
    return None if facts.number_text is None else facts.number_text.point


def _of_persons(
    facts: ColumnFacts,
    personal: str,
    override: str | Mapping[str, Any] | None,
    rare_below: int,
    locale: str | None,
) -> Column:
    """A column of persons: an identifier by which none of its real values is made, unless another kind was asked."""
    if override is None and facts.cells:
        # Whatever the values might be learned as (a category each) is not even examined.
        missing_rate = facts.missing / facts.rows
        column = Column(facts.name, "identifier", facts.dtype, missing_rate, notes=facts.notes)
    else:
        column = _column(facts, override, rare_below)
    if column.kind == "identifier" and not (isinstance(override, Mapping) and override.get("pattern")):
        pattern, words = surrogate_pattern(facts, personal, locale=locale)
        column = replace(column, pattern=pattern, words=words)
    return replace(column, personal=personal)


def _column(facts: ColumnFacts, override: str | Mapping[str, Any] | None, rare_below: int) -> Column:
    if override is None:
        return build_column(facts, guess_kind(facts), rare_below=rare_below)
    changes = {"kind": override} if isinstance(override, str) else dict(override)
    kind = changes.pop("kind", None) or guess_kind(facts)
    if kind not in KINDS:
        raise KindError(f"Column {facts.name!r} cannot be {kind!r}; {kind_hint(kind)}")
    unknown = set(changes) - {field.name for field in fields(Column)} | set(changes) & {"name", "dtype"}
    if unknown:
        raise SchemaError(f"The override of column {facts.name!r} cannot set {min(unknown)!r}.")
    column = build_column(facts, kind, rare_below=rare_below, forced=True)
    given: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in changes.items()}
    changed = replace(column, **given)
    check_schema(Schema((changed,)))
    return changed


def guess_kind(facts: ColumnFacts) -> str:
    """The kind that fits ``facts`` best; the rules stand in the functions below."""
    if not facts.cells:
        return "constant"
    if facts.type == "boolean":
        return "boolean" if facts.kinds == 2 or facts.missing else "constant"
    if facts.kinds == 1:
        # With missing cells it is a choice of two, and whether the cell is filled may tell much.
        return "categorical" if facts.missing else "constant"
    if facts.type == "category":
        return "categorical"
    if facts.type in ("datetime", "date"):
        return "datetime"
    if facts.type == "string":
        return _kind_of_text(facts)
    if facts.date_text is not None:  # numbers such as 20240317
        return "datetime"
    whole = not np.any(facts.numbers % 1)
    if whole and np.abs(facts.numbers).max() > EXACT_INTEGERS and facts.type == "integer":
        return "identifier" if facts.distinct_share > 0.5 else "categorical"
    if whole and reads_as_identifier(facts):
        return "identifier"
    if whole and reads_as_label(facts):
        return "categorical"
    return "integer" if facts.type == "integer" else "continuous"


def reads_as_label(facts: ColumnFacts) -> bool:
    """Whether whole numbers name things: few distinct ones that repeat, or a column named like a code.

    A float column of whole numbers counts only if cells are missing: pandas turns integers with gaps
    into floats, whereas floats without gaps were written as floats (``41.0``) and measure something.
    """
    if facts.type == "float" and not facts.missing:
        return False
    repeats = facts.cells / facts.kinds
    if facts.kinds <= 2 and repeats >= 2:
        return True
    if facts.kinds <= LABEL_LIMIT:
        return repeats >= LABEL_REPEATS
    return named_like_a_code(facts.name) and repeats >= 2 and facts.kinds <= CATEGORY_LIMIT


def _kind_of_text(facts: ColumnFacts) -> str:
    few = facts.kinds <= LABEL_LIMIT and facts.cells / facts.kinds >= LABEL_REPEATS
    if facts.date_text is not None and not (few and is_duration(facts.date_text.format)):
        return "datetime"
    found = facts.number_text
    if found is not None and found.decimals != 0 and (found.is_plain or not few):
        return "continuous"
    if found is not None and not few:
        return _kind_of_digits(facts) if found.is_plain else "integer"
    if are_boolean_words(facts.texts.tolist()):
        return "boolean"
    if few:
        return "categorical"
    if has_structure(facts.texts, facts.distinct_share) and not counts_rows(facts):
        return "text"
    nearly_unique = facts.distinct_share > NEARLY_UNIQUE
    if nearly_unique and (find_pattern(facts.texts) is not None or counts_rows(facts)):
        return "identifier"
    if reads_as_prose(facts):
        return "text"
    if nearly_unique and named_like_an_identifier(facts.name):
        return "identifier"
    if (nearly_unique and facts.kinds > LABEL_LIMIT) or facts.kinds > CATEGORY_LIMIT:
        return "text"
    return "categorical"


def _kind_of_digits(facts: ColumnFacts) -> str:
    """Whole numbers written as text: mostly quantities, but the name may say that they are codes."""
    unique = facts.is_unique
    too_large = np.nanmax(np.abs(facts.numbers)) > EXACT_INTEGERS
    if unique and (too_large or named_like_an_identifier(facts.name) or written_as_codes(facts.texts)):
        return "identifier"
    if not unique and (too_large or named_like_a_code(facts.name)):
        return "categorical" if facts.kinds <= CATEGORY_LIMIT else "identifier"
    return "integer"


def reads_as_prose(facts: ColumnFacts) -> bool:
    """Whether strings are free text: mostly distinct, and of several words or long with blanks."""
    if facts.distinct_share <= 0.5 or facts.kinds < 3:
        return False
    sample = [str(text) for text in facts.texts.iloc[:1000]]
    blanks = np.array([text.count(" ") for text in sample])
    lengths = np.array([len(text) for text in sample])
    return bool(blanks.mean() >= 3 or (lengths.mean() >= 40 and (blanks > 0).mean() >= 0.5))


def repeated_headers(columns: Mapping[str, pd.Series]) -> np.ndarray | None:
    """Rows in which every cell is its column's own name (files pasted together), or ``None`` if there are none."""
    rows: np.ndarray | None = None
    if len(columns) < 2:
        return None  # a single column may well hold its own name as a value
    for name, series in columns.items():
        if series.dtype != object and not pd.api.types.is_string_dtype(series.dtype):
            return None  # with such a row in it, every column of a CSV file is one of text
        same = (series == name).fillna(False).to_numpy(dtype=bool)
        rows = same if rows is None else rows & same
        if not rows.any():
            return None
    return rows
