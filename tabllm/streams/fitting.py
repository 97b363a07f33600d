"""What a fit learns of a table that is read by parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tabular.errors import UsageError
from tabular.preparing.holdout import people_columns
from tabular.preparing.source import Source, source_of
from tabular.progress import Reporter
from tabular.rules.choice import RuleChoice
from tabular.schema import Schema
from tabular.streams.schema import StreamedTable, stream_schema
from tabular.streams.stream import Stream
from tabular.streams.summary import count_rows, summarize
from tabular.synthesizer import Synthesizer

from .shards import token_rows

__all__ = ["RowChoice", "StreamedFit", "learning_from", "streamed_fit"]


@dataclass(frozen=True)
class RowChoice:
    """Which rows of a file are learned.

    Attributes:
        holdout: held back: a fraction of the rows, or a number; 0: none.
        train_rows: drawn of the others; ``None``: all.
        seed: of both draws.
    """

    holdout: float | int = 0
    train_rows: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class StreamedFit:
    """A table to learn.

    Attributes:
        table: the rows that are learned, not held.
        source: what the run keeps of their file.
        held: rows that are held back.
    """

    table: StreamedTable
    source: Source
    held: int


def streamed_fit(
    stream: Stream,
    run: str | Path,
    rows: RowChoice,
    *,
    dropped: tuple[str, ...] = (),
    schema: Schema | None = None,
    kinds: Mapping[str, str] | None = None,
    rare_below: int = 0,
    faker: str | None = None,
    rules: RuleChoice | None = None,
    progress: Reporter | None = None,
) -> StreamedFit:
    """Read ``stream``, as often as is needed, for a fit whose run will be ``run``.

    Args:
        dropped: columns that ``stream`` leaves out.
        schema, rare_below, faker, rules: as in :func:`tabular.streams.schema.stream_schema`, and ``kinds`` as its
            ``overrides``.

    Raises:
        UsageError: for a holdout of single rows where several rows belong to one person, or that leaves too few.
        TableError, SchemaError, RuleError: as :func:`tabular.streams.schema.stream_schema`.
    """
    source, held = None, 0
    if rows.holdout or rows.train_rows is not None:
        if rows.holdout:
            _refuse_people(stream, rows.seed)
        source = _source(stream, count_rows(stream), run, rows, dropped)
        chosen = np.zeros(source.rows, bool)
        chosen[source.learned_positions(_rows_alone(source.rows))] = True
        stream, held = stream.only(chosen), source.holdout_rows
    table = stream_schema(
        stream,
        schema=schema,
        overrides=kinds,
        rare_below=rare_below,
        faker=faker,
        rules=rules,
        seed=rows.seed,
        progress=progress,
    )
    return StreamedFit(table, source or _source(stream, table.summary.rows, run, rows, dropped), held)


@contextmanager
def learning_from(synthesizer: Synthesizer, table: StreamedTable, run: Path, progress: Reporter) -> Iterator[None]:
    """Let ``synthesizer`` learn all rows of ``table`` where it can; others learn its sample, and a note says so."""
    from ..nano.table_lm import TableLM

    if isinstance(synthesizer, TableLM):
        with token_rows(table, run, progress) as rows:
            synthesizer.rows_on_disk = rows
            try:
                yield
            finally:
                synthesizer.rows_on_disk = None
        return
    if not table.summary.is_whole:
        progress.note(
            f"{synthesizer.name} learns {len(table.sample):,} rows, drawn at random of {table.summary.rows:,}; nano "
            "draws from all of them."
        )
    yield


def _refuse_people(stream: Stream, seed: int) -> None:
    found = summarize(stream)
    if people := people_columns(found.frame(found.sample), seed=seed):
        raise UsageError(
            f"--holdout of a table that is read by parts draws single rows, and several rows of {stream.origin} are of "
            f"one person, by {', '.join(map(repr, people))}: split the file yourself, and give the other part to "
            "'tabllm eval --holdout FILE'."
        )


def _source(stream: Stream, rows: int, run: str | Path, choice: RowChoice, dropped: tuple[str, ...]) -> Source:
    return source_of(
        stream.origin,
        _rows_alone(rows),
        run,
        options=stream.options,
        holdout=choice.holdout,
        learned_rows=choice.train_rows,
        seed=choice.seed,
        dropped=dropped,
        form=stream.form,
        people=(),
    )


def _rows_alone(rows: int) -> pd.DataFrame:
    """What of a table a draw of single rows needs: how many there are."""
    return pd.DataFrame(index=pd.RangeIndex(rows))
