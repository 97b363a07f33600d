"""Where a fit begins: the schema of its table, and whether the table keeps to a schema that was given."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..columns.facts import BAD_SHARE
from ..encoding.arrays import on_grid, to_arrays
from ..encoding.cells import columns_of, labels, missing_cells, value_type
from ..encoding.marks import mark_cells
from ..errors import SchemaError, UsageError
from ..free_text.words import MIN_ROWS, has_nothing_in_common
from ..personal.telling import warn_of_persons
from ..plain_json import shown
from ..progress import Reporter
from ..rules.choice import RuleChoice
from ..rules.choosing import FOUND_BY_DEFAULT, chosen_rules
from ..rules.listing import without_rare
from ..rules.telling import rules_line
from ..schema import Column, Schema
from ..schema_checks import check_schema
from .inference import infer_schema

__all__ = ["check_schema_fits", "discrete_names", "schema_and_arrays"]

#: A column of which more cells are clipped to its bounds is ruined, not narrowed: a slip, or another unit.
MOST_CLIPPED = 0.9
#: The same for rounding: its mean squared error as a fraction of the column's variance.
MOST_ROUNDED = 0.25
#: Columns that are reported by name.
_TOLD_COLUMNS = 5


def schema_and_arrays(
    table: pd.DataFrame,
    schema: Schema | None,
    *,
    rare_below: int,
    progress: Reporter,
    private: bool = False,
    discrete: Sequence[str] = (),
) -> tuple[Schema, dict[str, np.ndarray]]:
    """What every generator learns from: the schema, inferred if there is none, and the canonical arrays by it.

    An inferred schema has the rules that hold between the columns (:mod:`tabular.rules`).

    Args:
        progress: notified where a given schema changes values of the table.
        private: nothing of the rows may come out: a given schema's rules are not checked against them.
        discrete: columns to be taken for categories where the schema is inferred.

    Raises:
        UsageError: for ``discrete`` beside a schema.
        SchemaError: if the schema cannot serve, or ruins a column of the table.
        RuleError: for a rule of the schema that rows break, or that no generator can keep.
    """
    given = schema is not None
    if discrete and given:
        raise UsageError("discrete_columns and schema contradict each other; say in the schema what is categorical.")
    if schema is None:
        schema = infer_schema(table, rare_below=rare_below, overrides=dict.fromkeys(discrete, "categorical"))
    check_schema(schema)
    warn_of_persons(schema, progress)
    for note in (*schema.notes, *_read_as_missing(schema)):
        progress.note(note)
    arrays = to_arrays(table, schema)
    for column in schema:
        if column.kind == "text" and has_nothing_in_common(arrays[column.name]):
            progress.warn(
                f"Column {column.name!r}: nothing of its texts comes back in {MIN_ROWS} rows, so its words are made up "
                f"and mean nothing; leave it out with --drop {shlex.quote(column.name)}."
            )
    for note in check_schema_fits(table, schema, arrays) if given else ():
        progress.note(note)
    # Without a bar of its own: a second at most for a million rows.
    rules = chosen_rules(None if private else arrays, schema, RuleChoice(), find=FOUND_BY_DEFAULT and not given)
    if not private and rare_below > 1:
        frequent = {rule.text: without_rare(rule, arrays, schema, rare_below) for rule in rules}
        if rare := [text for text, rule in frequent.items() if rule is None]:
            progress.note(
                f"Not kept: {', '.join(rare)}; a run would have to list values that fewer than {rare_below} rows have."
            )
        rules = tuple(rule for rule in frequent.values() if rule is not None)
    if rules and not given:
        progress.note(rules_line(rules))
    return replace(schema, rules=rules), arrays


def _read_as_missing(schema: Schema) -> Iterator[str]:
    """Of each column that has filled cells which are read as missing one sentence; of many columns the first."""
    reported = [(column.name, note) for column in schema for note in column.notes if "read as missing" in note]
    for name, note in reported[:_TOLD_COLUMNS]:
        yield f"Column {name!r}: {note}"
    if len(reported) > _TOLD_COLUMNS:
        more = len(reported) - _TOLD_COLUMNS
        yield f"{more:,} more columns hold cells that are read as missing; 'schema' lists them."


def check_schema_fits(table: pd.DataFrame, schema: Schema, arrays: dict[str, np.ndarray] | None = None) -> list[str]:
    """What ``schema`` changes in the values of ``table``, one sentence each.

    Args:
        table: may hold more columns than the schema, or the same in another order, which is reported.
        arrays: ``to_arrays(table, schema)``, where it is at hand.

    Raises:
        SchemaError: if a column does not parse by its schema, or next to nothing of it would be left.
    """
    arrays = to_arrays(table, schema) if arrays is None else arrays
    columns = columns_of(table)
    notes = []
    # A column that inferring the schema left out is reported by a note of its own.
    reported = [note for note in schema.notes if note.startswith("Left out:")]
    listed = set(schema.names)
    if more := [name for name in columns if name not in listed and not any(repr(name) in note for note in reported)]:
        notes.append(
            f"The schema does not list {', '.join(map(repr, more[:5]))}{', ...' if len(more) > 5 else ''}: left out."
        )
    elif [name for name in columns if name in listed] != schema.names:
        notes.append("The schema lists the columns in another order than the table: rows are made in its order.")
    for column in schema:
        series, values = columns[column.name], arrays[column.name]
        if column.is_numeric:
            notes += _numeric(series, values, column)
        elif column.other is not None and not any("folded into" in note for note in column.notes):
            notes += _folded(series, values, column)
    return notes


def _numeric(series: pd.Series, values: np.ndarray, column: Column) -> Iterator[str]:
    filled = ~missing_cells(series, value_type(series, column.name))
    cells = int(filled.sum())
    if not cells:
        return
    # A cell that repeats its column's name stems from files that were pasted together.
    unread = filled & np.isnan(values)
    if unread.any():
        unread &= ~mark_cells(series, column)
    if unread.any():
        form = f" of the format {column.format!r}" if column.format else ""
        what = f"does not read as {column.kind}{form}"
        if _share(unread, cells) > BAD_SHARE:
            raise _ruined(column, series, unread, cells, what, "correct the kind or the format there")
        if not any("read as missing" in note for note in column.notes):
            yield _changed_cells(column, series, unread, cells, f"{what}: taken for missing")
    rounded = on_grid(
        values,
        Column(
            column.name, column.kind, column.dtype, decimals=column.decimals, format=column.format, grain=column.grain
        ),
    )
    off = np.abs(rounded - values)
    changed = off > 1e-6 * np.maximum(np.abs(values), 1.0) if column.kind == "datetime" else off > 1e-9 * np.abs(values)
    if changed.any():
        grain = "whole numbers" if column.kind == "integer" else f"{column.decimals or 0} decimals"
        if column.kind == "datetime":
            grain = column.format or "whole seconds"
        what = f"does not keep to {grain}{f' ({column.grain})' if column.grain else ''}"
        scale = np.nanmax(np.abs(values))
        if np.nanmean((off / scale) ** 2) > MOST_ROUNDED * np.nanvar(values / scale):
            raise _ruined(column, series, changed, cells, what, "rounding leaves nothing of it: allow more decimals")
        yield _changed_cells(column, series, changed, cells, f"{what}: rounded")
    low = -np.inf if column.minimum is None else column.minimum
    high = np.inf if column.maximum is None else column.maximum
    slack = 1e-6 * np.maximum(np.abs(values), 1.0) if column.kind == "datetime" else 1e-9 * np.abs(values)
    outside = (values < low - slack) | (values > high + slack)
    if outside.any():
        what = f"lies outside its bounds {low!r} to {high!r}"
        if _share(outside, cells) > MOST_CLIPPED:
            raise _ruined(column, series, outside, cells, what, "widen the bounds")
        yield _changed_cells(column, series, outside, cells, f"{what}: clipped to them")


def _folded(series: pd.Series, codes: np.ndarray, column: Column) -> Iterator[str]:
    found, distinct = labels(series, column.name)
    listed = {str(value) for value in column.categories}
    unlisted = [index for index, value in enumerate(distinct) if str(value) not in listed]
    folded = np.isin(found, unlisted) & (codes == column.categories.index(column.other))
    if folded.any():
        cells = int((found >= 0).sum())
        yield _changed_cells(column, series, folded, cells, f"is not among its categories: taken for {column.other!r}")


def _share(which: np.ndarray, cells: int) -> float:
    return float(which.sum()) / cells


def _changed_cells(column: Column, series: pd.Series, which: np.ndarray, cells: int, what: str) -> str:
    return f"{100 * _share(which, cells):.3g} % of column {column.name!r} {what} (such as {_example(series, which)})."


def _ruined(column: Column, series: pd.Series, which: np.ndarray, cells: int, what: str, way_out: str) -> SchemaError:
    return SchemaError(
        f"{100 * _share(which, cells):.3g} % of column {column.name!r} {what}, such as {_example(series, which)}; "
        f"{way_out}, or infer the schema anew."
    )


def _example(series: pd.Series, which: np.ndarray) -> str:
    value: Any = series.iloc[int(np.argmax(which))]
    return repr(str(value)[:40])


def discrete_names(names: Any, y: Any, table: pd.DataFrame) -> list[str]:
    """The columns that are to be categories: ``names``, or ``y`` if it is a list of names of columns."""
    known = set(table.columns)
    if names is None:
        second = list(y) if isinstance(y, list | tuple | set) else []
        return second if all(isinstance(name, str) and name in known for name in second) else []
    found = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else [names]
    if strange := [name for name in found if not isinstance(name, str) or name not in known]:
        raise UsageError(f"discrete_columns names {shown(strange[0])}, and the table has no such column.")
    return found
