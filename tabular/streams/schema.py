"""The schema of a stream: the same as that of the table in memory, as far as counts and a sample can tell.

What is counted in all rows is exact: kinds, categories, missing cells, bounds, decimals. Of a column of more distinct
values than are counted, the forms and the frequent values are inferred from rows drawn at random, and a note of the
column says so. Rules are found in these rows, and kept where every row of the table keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..columns.facts import ColumnFacts
from ..encoding.cells import plain_cells
from ..errors import KindError
from ..io.reading import check_table
from ..personal.repetition import repeats_of
from ..preparing.inference import infer_schema, schema_of_facts, with_decimal_mark
from ..progress import Reporter
from ..rules.choice import RuleChoice
from ..rules.choosing import ruled
from ..schema import Column, Schema
from .checking import check_rows
from .facts import StreamedFacts, streamed_facts
from .stream import Stream
from .summary import Summary, summarize

__all__ = ["StreamedTable", "stream_schema"]


@dataclass(frozen=True)
class StreamedTable:
    """A table that is not held.

    Attributes:
        schema: of all rows.
        sample: rows drawn at random, in their order; all of them where there are few.
        summary: what the first pass found.
    """

    stream: Stream
    schema: Schema
    sample: pd.DataFrame
    summary: Summary


def stream_schema(
    stream: Stream,
    *,
    schema: Schema | None = None,
    overrides: Mapping[str, str | Mapping[str, Any]] | None = None,
    rare_below: int = 0,
    faker: str | None = None,
    rules: RuleChoice | None = None,
    find_rules: bool = True,
    seed: int = 0,
    progress: Reporter | None = None,
) -> StreamedTable:
    """Read ``stream``, once or twice, and say what it is.

    Args:
        schema: taken in place of an inferred one.
        overrides, rare_below, faker: as in :func:`tabular.infer_schema`.
        rules, find_rules, seed: as in :func:`tabular.rules.choosing.ruled`.

    Raises:
        TableError: if the table cannot be read.
        SchemaError, RuleError: as :func:`tabular.infer_schema` and :func:`tabular.rules.choosing.ruled`.
    """
    overrides, choice = dict(overrides or {}), rules or RuleChoice()
    summary = summarize(stream, progress)
    sample = check_table(summary.frame(summary.sample))
    sampled: dict[str, ColumnFacts] = {}
    given = schema
    if schema is None and summary.is_whole:
        schema = infer_schema(sample, overrides=overrides, rare_below=rare_below, faker=faker)
    elif schema is None:
        schema, sampled = _inferred(summary, sample, overrides, rare_below, faker)
    numbers = summary.numbers
    schema = ruled(
        sample,
        schema,
        choice,
        find=find_rules and given is None,
        seed=seed,
        row_numbers=lambda: numbers,
        progress=progress,
    )
    if not summary.is_whole:
        by_person = {*choice.add, *(rule.text for rule in given.rules)} if given is not None else {*choice.add}
        schema = check_rows(
            stream, summary, schema, sampled=sampled, given=by_person, rare_below=rare_below, progress=progress
        )
        if given is None:
            schema = _with_notes(schema, summary, sampled)
    return StreamedTable(stream, replace(schema, rows=summary.rows), sample, summary)


def _inferred(
    summary: Summary,
    sample: pd.DataFrame,
    overrides: Mapping[str, str | Mapping[str, Any]],
    rare_below: int,
    faker: str | None,
) -> tuple[Schema, dict[str, ColumnFacts]]:
    """The schema by counts and drawn rows, without rules; and the facts of the columns that the rows speak for."""
    for name in overrides:
        if name not in sample:
            raise KindError(
                f"There is no column {name!r} to override; the table has {', '.join(map(repr, sample.columns))}."
            )
    known, left_out = streamed_facts(summary)
    known = with_decimal_mark(known)
    notes = [f"Left out: {str(error)[0].lower()}{str(error)[1:]}" for error in left_out]
    plain = {name: plain_cells(sample[name]) for name in known}
    schema = schema_of_facts(
        known, plain, summary.rows, summary.repeated, notes, overrides=overrides, rare_below=rare_below, faker=faker
    )
    columns = tuple(_repeating(column, summary) for column in schema)
    sampled: dict[str, ColumnFacts] = {
        name: each for name, each in known.items() if isinstance(each, StreamedFacts) and not each.is_exact
    }
    return replace(schema, columns=columns), sampled


def _repeating(column: Column, summary: Summary) -> Column:
    """``column`` with how often its identifiers come back in all rows; a sample has few rows of each."""
    tally = summary.columns[column.name].tally
    if column.kind != "identifier" or column.personal is None or column.goes_with is not None or tally is None:
        return column
    _, counts = tally.counted()
    repeats = repeats_of(counts)
    if all(rows == 1 for rows, _ in repeats):
        return replace(column, repeats=())
    return replace(column, repeats=tuple((rows, values << tally.level) for rows, values in repeats))


def _with_notes(schema: Schema, summary: Summary, sampled: Mapping[str, ColumnFacts]) -> Schema:
    """``schema`` with what it says by a sample alone."""
    drawn = f"{len(summary.numbers):,} of {summary.rows:,} rows"
    columns = []
    for column in schema:
        if column.name in sampled:
            values = _distinct(summary, column.name)
            what = "frequent values and grain" if column.is_numeric else "form"
            note = f"Has {values} distinct values: its {what} are told by {drawn}, drawn at random."
            if not column.is_numeric:
                note = note.replace(" are told", " is told")
            column = replace(column, notes=(*column.notes, note))
        columns.append(column)
    note = f"Rules and personal data were searched in {drawn}, drawn at random; every row keeps the rules."
    return replace(schema, columns=tuple(columns), notes=(*schema.notes, note))


def _distinct(summary: Summary, name: str) -> str:
    tally = summary.columns[name].tally
    if tally is None or not len(tally.counted()[1]):
        return "nested or too many"
    found = min(len(tally.counted()[1]) << tally.level, summary.columns[name].filled)
    digits = int(np.floor(np.log10(max(1, found))))
    return f"about {round(found, 2 - digits):,}"
