"""Reads a table from a file, with the dtypes that pandas gives, and checks that it can serve as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..columns.names import check_names
from ..encoding.frames import as_pandas
from ..errors import TableError, UsageError
from .file_form import ReadFile, ReadOptions
from .files import DAMAGED, FileFormat, file_format
from .formats.arrow_files import read_arrow
from .formats.databases import read_database
from .formats.delimited import native_columns, read_delimited
from .formats.excel_files import read_excel
from .formats.json_files import read_json_lines, read_json_table
from .formats.table_layout import is_number
from .origins import STDIN, existing, format_of, is_database, parts_of, spooled

__all__ = [
    "check_table",
    "columns_differ",
    "random_order",
    "random_rows",
    "read_as_text",
    "read_file",
    "read_table",
    "reading_errors",
]

#: Signs of names that are no delimiters, and cells that are examined for one.
_IN_NAMES, _LOOKED_AT = "_-.()[]'\"%#/&", 100


def read_table(
    path: str | Path,
    *,
    delimiter: str | None = None,
    rows: int | None = None,
    as_text: bool = False,
    options: ReadOptions | None = None,
) -> pd.DataFrame:
    """The table in a file: CSV, TSV, text, Parquet, Feather, JSON or Excel, by its ending.

    Args:
        path: text formats may be compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``). A folder or a pattern such as
            ``logs/*.csv`` names the parts of one table, ``-`` standard input, and a URL such as
            ``sqlite:///file.db?table=clicks`` a table in a database.
        delimiter: what parts the fields of a text file; found by itself (``,`` ``;`` tab ``|``) if absent.
        rows: read only so many from the top.
        as_text: leave the cells of a text file as they stand there, in columns of text.
        options: what else is said of the file, where a guess could be wrong.

    Raises:
        UsageError: if there is no such file or its format is not known.
        TableError: if its content is no table; the message names the line and the way out.
    """
    return read_file(path, _with(options, delimiter), rows=rows, as_text=as_text).table


def read_file(
    path: str | Path, options: ReadOptions | None = None, *, rows: int | None = None, as_text: bool = False
) -> ReadFile:
    """As :func:`read_table`, with the form of the file and what was guessed."""
    options = (options or ReadOptions()).checked()
    if rows is not None and rows < 1:
        raise UsageError(f"At least 1 row must be read, not {rows}.")
    if is_database(path):
        found = read_database(str(path), rows)
    elif (parts := None if str(path) == STDIN else parts_of(path)) is not None:
        found = _read_parts(path, parts, options, rows, as_text)
    else:
        found = _read_one(path, options, rows, as_text)
    if not len(found.table.columns):
        raise TableError(f"{path} has no columns.")
    if not len(found.table):
        raise TableError(f"{'Standard input' if str(path) == STDIN else path} has a header but no rows.")
    return found


def _read_one(origin: str | Path, options: ReadOptions, rows: int | None, as_text: bool) -> ReadFile:
    standard = str(origin) == STDIN
    path = spooled() if standard else existing(Path(origin))
    with reading_errors(path):
        if path.stat().st_size == 0:
            raise TableError(f"{'Standard input' if standard else path} is empty.")
        kind = format_of(path, options.format, by_content=standard)
        if options.sheet is not None and kind.name != "excel":
            raise UsageError(f"{origin} has no sheets; --sheet {options.sheet!r} is for Excel files: leave it out.")
        return _READERS[kind.name](path, kind, options, rows, as_text)


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Raise what the system and archives say of the file ``path`` as errors that name the way out."""
    try:
        yield
    except PermissionError:
        raise UsageError(f"{path} may not be read; check its permissions.") from None
    except DAMAGED as error:
        raise TableError(f"{path} is damaged or cut short ({error}); get it anew.") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error}); it may be damaged or misnamed.") from None


def _read_parts(
    origin: str | Path, parts: list[Path], options: ReadOptions, rows: int | None, as_text: bool
) -> ReadFile:
    """The parts of one table, in the order of their names, one below the other."""
    kind = file_format(parts[0])
    text = kind.name in ("csv", "tsv")
    found: list[ReadFile] = []
    count = 0
    for part in parts:
        # Text stays text until all parts are there: a column is a number in all of them or in none.
        read = _read_one(part, options, None if rows is None else rows - count, as_text or text)
        if found and set(read.table.columns) != set(found[0].table.columns):
            raise TableError(columns_differ(part, read.table.columns, parts[0], found[0].table.columns))
        found.append(read)
        count += len(read.table)
        if count == rows:
            break
    table = pd.concat([read.table[list(found[0].table.columns)] for read in found], ignore_index=True)
    if text and not as_text:
        table = native_columns(table)
    notes = dict.fromkeys(note for read in found for note in read.notes)
    return ReadFile(table, found[0].form, (f"Read {len(found):,} files of {origin} as one table.", *notes))


def columns_differ(part: Path, names: Iterable[str], first: Path, expected: Iterable[str]) -> str:
    """What there is to say of a part of a table that has other columns than the first one."""
    names, expected = list(names), list(expected)
    lacking = [name for name in expected if name not in names]
    if lacking:
        return f"{part} has no column {lacking[0]!r}, which {first} has; the parts of a table have the same columns."
    more = [name for name in names if name not in expected]
    return f"{part} has the column {more[0]!r}, which {first} has not; the parts of a table have the same columns."


_READERS: dict[str, Callable[[Path, FileFormat, ReadOptions, int | None, bool], ReadFile]] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "excel": lambda path, kind, options, rows, as_text: read_excel(path, kind, rows, options),
    "parquet": lambda path, kind, options, rows, as_text: read_arrow(path, kind.name, rows),
    "arrow": lambda path, kind, options, rows, as_text: read_arrow(path, kind.name, rows),
    "jsonl": lambda path, kind, options, rows, as_text: read_json_lines(path, kind, rows),
    "json": lambda path, kind, options, rows, as_text: read_json_table(path, kind, rows),
}


def read_as_text(
    path: str | Path, written_as: FileFormat, *, delimiter: str | None = None, options: ReadOptions | None = None
) -> pd.DataFrame | None:
    """The cells of a text file as they stand there (``02134``, ``1.50``), to be written into another text file.

    ``None`` where either of the two is no text: then numbers are to be numbers.
    """
    texts = {"csv", "tsv"}
    if written_as.name not in texts:
        return None
    read = read_file(path, _with(options, delimiter), as_text=True)
    return read.table if read.form.format in texts else None


def _with(options: ReadOptions | None, delimiter: str | None) -> ReadOptions:
    options = options or ReadOptions()
    return options if delimiter is None else replace(options, delimiter=delimiter)


def check_table(table: pd.DataFrame, *, minimum_rows: int = 2) -> pd.DataFrame:
    """``table`` with names as text and rows numbered from 0, if something can be learnt from it.

    Raises:
        TableError: if it has too few rows, no column, a name twice or none, no filled cell, or one column that looks
            like several with their delimiter between them.
    """
    table = as_pandas(table)
    if isinstance(table.columns, pd.MultiIndex):
        raise TableError("The table has names of several levels; join them into one name per column.")
    rows, columns = table.shape
    if rows < minimum_rows:
        raise TableError(f"The table has {rows:,} row{'s' * (rows != 1)}; at least {minimum_rows:,} are needed.")
    if columns < 1:
        raise TableError("The table has no columns.")
    if columns == 1 and (delimiter := _overlooked(str(table.columns[0]), table.iloc[:_LOOKED_AT, 0])):
        way = f"name the delimiter: --delimiter '{delimiter}'" if len(delimiter) == 1 else "write it with commas"
        raise TableError(
            f"The table has 1 column, {str(table.columns[0])[:40]!r}, which looks like several with {delimiter!r} "
            f"between them; {way}."
        )
    names = ["" if pd.isna(name) else str(name) for name in table.columns]
    check_names(names, "The table")
    if bool(table.isna().all(axis=None)):
        raise TableError("Every cell of the table is missing; there is nothing to learn from.")
    return table.set_axis(names, axis=1).reset_index(drop=True)


def _overlooked(name: str, cells: pd.Series) -> str | None:
    """The sign that parts one column, its ``name`` as well as its ``cells``, into as many fields each."""
    texts = cells.dropna().astype(str)
    signs = (sign for sign in dict.fromkeys(name) if not (sign.isalnum() or sign.isspace() or sign in _IN_NAMES))
    alike = (sign for sign in signs if len(texts) and (texts.str.count(re.escape(sign)) == name.count(sign)).all())
    return next(alike, None) or _overlooked_blanks(name, texts.tolist())


def _overlooked_blanks(name: str, texts: list[str]) -> str | None:
    """The blanks that part ``name`` and all of ``texts`` into as many fields: several, or one beside numbers, for
    words have single ones between them."""
    header, records = name.split(), [text.split() for text in texts]
    if len(header) < 2 or not records or any(len(record) != len(header) for record in records):
        return None
    if runs := re.findall(r"\S(\s{2,})(?=\S)", "\n".join([name, *texts])):
        return max(runs, key=len)
    numbers = any(all(map(is_number, column)) for column in zip(*records, strict=True))
    return " " if numbers and not any(map(is_number, header)) else None


def random_rows(table: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """``rows`` rows of ``table`` drawn by ``seed`` (any whole number from 0), in their order, numbered from 0."""
    return _drawn(table, rows, seed).sort_index().reset_index(drop=True)


def random_order(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """``table`` in an order that ``seed`` draws, numbered from 0."""
    return _drawn(table, len(table), seed).reset_index(drop=True)


def _drawn(table: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    # pandas takes seeds of 32 bits alone, and is requested those as ever.
    return table.sample(rows, random_state=seed if seed < 2**32 else np.random.default_rng(seed))
