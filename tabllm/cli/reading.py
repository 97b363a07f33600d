"""How commands read a table: the options that say what is not guessed, and the lines that tell what was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabular.errors import UsageError

from .claims import force_option
from .options import Decorated, count_option, device_option, drop_option, options_as, seed_option
from .session import Session

if TYPE_CHECKING:
    import pandas as pd

    from tabular.io.file_form import ReadFile, ReadOptions
    from tabular.schema import Schema

__all__ = ["read", "read_more", "read_schema", "reading_options", "rows_of_file_options"]

_OPTIONS = (
    click.option(
        "--delimiter", metavar="CHAR", help="Delimiter of a text file, one character or 'tab'.  [default: detected]"
    ),
    click.option(
        "--encoding", metavar="NAME", help="Encoding of a text file, such as cp1252 or utf-16.  [default: detected]"
    ),
    count_option("--skip-rows", least=0, help="Lines to skip before the header.  [default: detected]"),
    click.option("--comment", metavar="CHAR", help="Lines of a text file that begin with CHAR are left out."),
    click.option(
        "--null",
        "nulls",
        multiple=True,
        metavar="TEXT",
        help="Cells that are TEXT are missing. Repeatable.  [default: empty cells]",
    ),
    click.option("--sheet", metavar="NAME", help="Sheet of an Excel file, by name or number.  [default: detected]"),
    click.option(
        "--format",
        "format_",
        metavar="NAME",
        help="Format of the file, such as csv or parquet.  [default: what its name says]",
    ),
)


def _read_options(
    delimiter: str | None,
    encoding: str | None,
    skip_rows: int | None,
    comment: str | None,
    nulls: tuple[str, ...],
    sheet: str | None,
    format_: str | None,
) -> ReadOptions:
    from tabular.io.file_form import ReadOptions

    return ReadOptions(delimiter, encoding, skip_rows, comment, nulls, sheet, format_).checked()


#: The options about the file; the command gets them as one argument, ``reading``.
reading_options = options_as("reading", _OPTIONS, _read_options)


def rows_of_file_options(command: Decorated) -> Decorated:
    """The options of a command that draws cells or rows for a file: what is read, how it is drawn, what is replaced."""
    made = force_option("a file")(command)
    for option in (reading_options, drop_option, device_option(default="auto", purpose="compute on"), seed_option):
        made = option(made)
    return made


def read(session: Session, path: str, reading: ReadOptions, *, as_text: bool = False) -> ReadFile:
    """The table in ``path``; what was guessed is reported."""
    from tabular.io.reading import read_file

    found = read_file(path, reading, as_text=as_text)
    if not as_text:
        for note in found.notes:
            session.say(note)
    return found


def read_more(session: Session, path: str, reading: ReadOptions) -> pd.DataFrame:
    """Another table of the same columns, which may have neither the titles nor the sheets of the first."""
    from dataclasses import replace

    return read(session, path, replace(reading, skip_rows=None, sheet=None, format=None)).table


def read_schema(path: str | None) -> Schema | None:
    """The schema in a file that a person may have edited; ``None`` where no file is named."""
    from tabular.schema import Schema

    if path is None:
        return None
    if not Path(path).is_file():
        raise UsageError(f"There is no schema file {path}; write one with 'tabllm schema DATA -o FILE'.")
    return Schema.from_json(path)
