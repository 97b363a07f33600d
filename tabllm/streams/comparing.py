"""What ``eval`` compares of tables that are read by parts: rows drawn at random, and the schema of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tabular.io.file_form import ReadOptions
from tabular.io.reading import check_table
from tabular.preparing.source import Source, check_same_file
from tabular.progress import Reporter
from tabular.schema import Schema
from tabular.streams.limits import Limits
from tabular.streams.schema import stream_schema
from tabular.streams.stream import Stream, open_stream
from tabular.streams.summary import Summary, count_rows, summarize

__all__ = ["DrawnRows", "drawn_of_run", "drawn_rows", "drawn_with_schema"]


@dataclass(frozen=True)
class DrawnRows:
    """Rows of a table that is not held.

    Attributes:
        rows: drawn at random, in their order; all of them where there are few.
        schema: of all rows, where it was requested.
        notes: how many were drawn of how many, and what was guessed of the file.
    """

    rows: pd.DataFrame
    schema: Schema | None
    notes: tuple[str, ...]


def drawn_rows(origin: str, options: ReadOptions, seed: int, progress: Reporter) -> DrawnRows:
    """Rows of the table ``origin``. Raises :class:`TableError` if it cannot be read."""
    stream = open_stream(origin, options, Limits(seed=seed))
    return _drawn(stream, summarize(stream, progress), origin, None)


def drawn_with_schema(
    origin: str, options: ReadOptions, seed: int, progress: Reporter, *, find_rules: bool
) -> DrawnRows:
    """The same with the schema of all rows, whose rules every row keeps."""
    table = stream_schema(
        open_stream(origin, options, Limits(seed=seed)), find_rules=find_rules, seed=seed, progress=progress
    )
    return _drawn(table.stream, table.summary, origin, table.schema)


def drawn_of_run(
    run: str | Path, source: Source, path: str | Path, seed: int, progress: Reporter
) -> tuple[DrawnRows, DrawnRows | None]:
    """(rows that ``run`` learned, rows that it held back if any) of the file ``path``, which ``source`` describes.

    Raises:
        TableError: if the file is not as it was.
    """
    check_same_file(run, source, path)
    stream = open_stream(path, source.options, Limits(seed=seed)).without(source.dropped)
    if not source.holdout_rows and source.learned_rows is None:
        return _drawn(stream, summarize(stream, progress), str(path), None), None
    alone = pd.DataFrame(index=pd.RangeIndex(count_rows(stream)))
    learned = np.zeros(len(alone), bool)
    learned[source.learned_positions(alone)] = True
    chosen = [(stream.only(learned), f"the training rows of {path}")]
    if source.holdout_rows:
        chosen.append((stream.only(source.held(alone)), f"the held-out rows of {path}"))
    found = [_drawn(part, summarize(part, progress), name, None) for part, name in chosen]
    return found[0], found[1] if len(found) > 1 else None


def _drawn(stream: Stream, summary: Summary, name: str, schema: Schema | None) -> DrawnRows:
    rows = check_table(summary.frame(summary.sample))
    notes = list(stream.notes)
    if not summary.is_whole:
        notes.append(
            f"Of {name}, {len(rows):,} of {summary.rows:,} rows are compared, drawn at random: differences below "
            f"{100 * 1.36 / len(rows) ** 0.5:.2g} % of a distribution, and copies among other rows, are not seen."
        )
    return DrawnRows(rows, schema, tuple(notes))
