"""When a command reads a table by parts, and what it says of that: ``--max-memory``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from .reading import read, read_more
from .session import Session

if TYPE_CHECKING:
    import pandas as pd

    from tabular.io.file_form import ReadOptions
    from tabular.progress import Reporter
    from tabular.schema import Schema
    from tabular.synthesizer import Synthesizer

    from ..streams.comparing import DrawnRows

__all__ = ["TableReader", "fit_by_parts", "learned_file", "max_memory_option", "why_by_parts"]


class Size(click.ParamType):
    """A number of bytes such as ``3GB`` or ``800 MB``."""

    name = "size"
    _UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}  # noqa: RUF012

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is not a size such as 3GB or 800MB.", param, ctx)
        return int(float(found[1]) * self._UNITS[found[2].upper()])


#: ``--max-memory SIZE``.
max_memory_option = click.option(
    "--max-memory",
    type=Size(),
    metavar="SIZE",
    help="Memory that reading a table whole may take, such as 3GB; a larger one is read by parts.  [default: half "
    "of what is free]",
)


def why_by_parts(data: str, reading: ReadOptions, max_memory: int | None, refused: dict[str, Any]) -> str | None:
    """Why the table ``data`` is to be read by parts; ``None`` where it is to be read whole.

    Args:
        refused: options that need all rows in memory, by their names: their values.

    Raises:
        UsageError: for one of them that is given, where the table is to be read by parts.
    """
    from ..streams.memory import must_be_streamed, too_large

    why = must_be_streamed([data], reading, max_memory)
    if why is not None:
        for option, value in refused.items():
            if value:
                raise too_large(data, why, option)
    return why


def fit_by_parts(
    session: Session,
    reporter: Reporter,
    synthesizer: Synthesizer,
    data: str,
    run: Path,
    why: str,
    learn: Callable[..., None],
    *,
    reading: ReadOptions,
    dropped: tuple[str, ...],
    rows: tuple[float | int, int | None, int],
    **options: Any,
) -> tuple[tuple[int, int], int | None]:
    """Fit ``synthesizer`` to the table ``data``; (rows and columns that were learned, rows that were held back).

    Args:
        why: it is read by parts, which is said.
        learn: fits a synthesizer and writes its run.
        rows: holdout, rows to learn and seed of :class:`tabllm.streams.fitting.RowChoice`.
        options: of :func:`tabllm.streams.fitting.streamed_fit`.
    """
    from tabular.preparing.source import save_run
    from tabular.rules.telling import rules_line
    from tabular.streams.limits import Limits
    from tabular.streams.stream import open_stream

    from ..streams.fitting import RowChoice, learning_from, streamed_fit
    from ..streams.memory import expected_peak, in_words

    choice = RowChoice(*rows)
    stream = open_stream(data, reading, Limits(seed=choice.seed)).without(dropped)
    session.say(f"{data} is read by parts: {why}. Expected peak of memory: {in_words(expected_peak(stream))}.")
    found = streamed_fit(stream, run, choice, dropped=dropped, progress=reporter, **options)
    for note in stream.notes:
        session.say(note)
    table = found.table
    if table.schema.rules:
        reporter.note(rules_line(table.schema.rules, data))
    with learning_from(synthesizer, table, run, reporter):
        learn(
            reporter,
            synthesizer,
            table.sample,
            table.schema,
            run,
            save=lambda folder: save_run(synthesizer, folder, found.source),
        )
    return (table.summary.rows, len(table.sample.columns)), found.held or None


def learned_file(run: str) -> str | Path | None:
    """The file that ``run`` learned; ``None`` where the run does not say, or it is not there."""
    from tabular.preparing.source import place_of, read_source

    source = read_source(run)
    with contextlib.suppress(UsageError):
        return None if source is None else place_of(run, source)
    return None


class TableReader:
    """Reads the tables that are compared: whole, or where they are too large together by rows drawn at random.

    Attributes:
        notes: of what is drawn, for the report.
    """

    def __init__(
        self, session: Session, origins: Sequence[str | Path], reading: ReadOptions, max_memory: int | None, seed: int
    ) -> None:
        from ..streams.memory import must_be_streamed

        self.session, self.reading, self.seed = session, reading, seed
        self.notes: list[str] = []
        self.why = must_be_streamed(origins, reading, max_memory)
        if self.why is not None:
            session.say(f"The tables are read by parts: {self.why}.")

    def real(self, path: str, *, find_rules: bool) -> tuple[pd.DataFrame, Schema | None]:
        """The real table, and its schema where it is not held."""
        if self.why is None:
            return read(self.session, path, self.reading).table, None
        from ..streams.comparing import drawn_with_schema

        found = drawn_with_schema(path, self.reading, self.seed, self.session.reporter(), find_rules=find_rules)
        return self._reported(found), found.schema

    def more(self, path: str, reading: ReadOptions) -> pd.DataFrame:
        """Another table of the same columns."""
        if self.why is None:
            return read_more(self.session, path, reading)
        from ..streams.comparing import drawn_rows

        alone = replace(reading, skip_rows=None, sheet=None, format=None)
        return self._reported(drawn_rows(path, alone, self.seed, self.session.reporter()))

    def learned(self, run: str, data: str | None) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows that ``run`` learned, and those that it held back."""
        from tabular.preparing.source import find_rows, place_of, read_source

        source = read_source(run)
        if self.why is None or source is None or source.people:
            return find_rows(run, data, options=self.reading)
        from ..streams.comparing import drawn_of_run

        learned, held = drawn_of_run(run, source, place_of(run, source, data), self.seed, self.session.reporter())
        return self._reported(learned), None if held is None else self._reported(held)

    def _reported(self, found: DrawnRows) -> pd.DataFrame:
        for note in found.notes:
            self.session.say(note)
        self.notes += [note for note in found.notes if note not in self.notes]
        return found.rows
