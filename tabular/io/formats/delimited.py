"""Reads delimited text (CSV, TSV, ...), and tells exactly where a file is broken.

Cells are read as text, and only an empty cell is missing: ``NA``, ``None`` and ``007`` are what they are. A column
whose texts a native dtype writes again as they were gets it (:mod:`tabular.io.formats.native_dtypes`); what the texts
of the others mean is for the schema to say.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from ...errors import TableError
from ..file_form import ReadFile, ReadOptions
from ..files import FileFormat, open_bytes
from .header_names import name_columns
from .native_dtypes import native_column, text_column
from .table_layout import is_note
from .text_bytes import fallback_encoding, open_lines
from .text_layout import TextLayout, find_layout, with_encoding
from .totals import counts_without, find_totals, is_total

__all__ = [
    "End",
    "arrow_options",
    "end_of_table",
    "native_columns",
    "pandas_options",
    "read_delimited",
    "text_cells",
    "totals_note",
    "unread",
    "with_missing",
]

#: Bytes that Arrow parses at a time; a row must fit into one such block.
_BLOCK = 1 << 20
#: What a C long holds everywhere.
_LONGEST_CELL = 2**31 - 1
#: Lines right below a table that may be notes about it.
_NOTES = 10


def read_delimited(
    path: Path, kind: FileFormat, options: ReadOptions, rows: int | None, as_text: bool = False
) -> ReadFile:
    """The table in a text file; :func:`tabular.io.reading.read_table` tells what may be raised."""
    layout = find_layout(path, kind, options)
    try:
        return _read(path, kind, layout, options, rows, as_text)
    except UnicodeDecodeError:
        if options.encoding is not None or layout.lines.encoding != "utf-8" or layout.lines.bom:
            raise _undecoded(path, kind, layout.lines.encoding) from None
        return _read(path, kind, with_encoding(layout, fallback_encoding(path, kind)), options, rows, as_text)


def _read(
    path: Path, kind: FileFormat, layout: TextLayout, options: ReadOptions, rows: int | None, as_text: bool
) -> ReadFile:
    if layout.first is not None and len(layout.first) > len(layout.header) and rows != 0:
        # pandas would take the first column for row labels.
        end_of_table(path, kind, layout, rows)
    cells, notes = _cells(path, kind, layout, rows)
    if options.nulls:
        cells = with_missing(cells, options.nulls)
    if rows is None or len(cells) < rows:
        cells, more = _without_totals(cells)
        notes += more
    named = name_columns(layout.header, lambda position: cells.column(position).null_count == len(cells))
    table = _frame(cells.select(list(named.kept)), text_column if as_text else native_column, named.names)
    return ReadFile(table, replace(layout.form, renamed=named.renamed), (*layout.notes, *notes, *named.notes))


def _cells(path: Path, kind: FileFormat, layout: TextLayout, rows: int | None) -> tuple[pa.Table, list[str]]:
    """The cells as text, ``string[rows]`` per column, without what stands below the table; what was left out."""
    width = len(layout.header)
    cells = _read_by_arrow(path, kind, layout) if rows is None else None
    if cells is not None:  # every row has as many fields as the header
        return cells, []
    cells = _read_by_pandas(path, kind, layout, rows)
    # A row that is too short ends in missing cells; only then is it worth to look for one.
    if cells is not None and (width < 2 or not cells.column(width - 1).null_count):
        return cells, []
    end = end_of_table(path, kind, layout, rows) if width > 1 else None
    if end is not None:
        cut = replace(layout, lines=replace(layout.lines, stop=end.line))
        cells = _read_by_arrow(path, kind, cut) if rows is None else None
        cells = _read_by_pandas(path, kind, cut, rows) if cells is None else cells
    if cells is None:
        raise TableError(f"{path} is not a table that can be read.")
    return cells, [] if end is None else [end.note]


def _read_by_arrow(path: Path, kind: FileFormat, layout: TextLayout) -> pa.Table | None:
    """The cells as text; ``None`` where pandas must say what is wrong with the file."""
    width = len(layout.header)
    if width < 2:  # pandas alone passes over lines that are blank
        return None
    with open_lines(path, kind, layout.lines) as handle:
        content = handle.read()
    try:
        cells = arrow_csv.read_csv(
            pa.BufferReader(content),
            **arrow_options(width, layout.form.delimiter, block_bytes=_BLOCK, quoted=b'"' in content),
        )
    except pa.ArrowInvalid:
        return None
    return cells.slice(1)


def arrow_options(width: int, delimiter: str, *, block_bytes: int, quoted: bool) -> dict[str, Any]:
    """How Arrow reads the cells of ``width`` columns as text; the first row that it gives is the header.

    Args:
        block_bytes: what is parsed at a time; a row must fit into one such block.
        quoted: whether cells may stand in quotes, and so hold line breaks.
    """
    names = [str(index) for index in range(width)]
    return {
        # The header is read as a row: lines cannot be skipped where a name may hold a line break.
        "read_options": arrow_csv.ReadOptions(column_names=names, block_size=block_bytes),
        "parse_options": arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=quoted),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    }


def _read_by_pandas(path: Path, kind: FileFormat, layout: TextLayout, rows: int | None) -> pa.Table | None:
    """The same, slower, from the top ``rows`` if given; ``None`` where a row is too long.

    Raises:
        TableError: saying what else is wrong.
    """
    try:
        with open_lines(path, kind, layout.lines) as handle:
            table = pd.read_csv(handle, nrows=rows, **pandas_options(layout))
    except pd.errors.EmptyDataError:
        raise TableError(f"{path} is empty.") from None
    except pd.errors.ParserError as error:
        if (reason := unread(path, error)) is None:
            return None
        raise reason from None
    return text_cells(table)


def pandas_options(layout: TextLayout) -> dict[str, Any]:
    """How pandas reads the cells of a file of this layout as text."""
    return {
        "sep": layout.form.delimiter,
        "low_memory": False,
        "encoding": "utf-8",
        "dtype": str,
        "keep_default_na": False,
        "na_values": [""],
        "header": 0,
        "names": range(len(layout.header)),
        "index_col": False,
    }


def unread(path: Path, error: pd.errors.ParserError) -> TableError | None:
    """What is wrong with a file that pandas does not read; ``None`` where a row is too long."""
    if re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
        return None
    if "inside string" in str(error):
        return TableError(f'{path} has a quotation mark that is never closed; look for a lone " in it, or double it.')
    return TableError(f"{path} is not a table that can be read ({error}).")


def text_cells(table: pd.DataFrame) -> pa.Table:
    """The columns of text of ``table`` as Arrow holds them, called by their numbers."""
    columns = [pa.array(cells, pa.large_string(), from_pandas=True) for _, cells in table.items()]
    return pa.table(columns, [str(index) for index in range(len(columns))])


def _frame(cells: pa.Table, to_series: Callable[[pa.ChunkedArray], pd.Series], names: Sequence[str]) -> pd.DataFrame:
    """The table of ``cells``, whose columns ``to_series`` makes, on as many threads as Arrow uses."""
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        made = list(pool.map(to_series, cells.columns))
    # One block per column: blocks of one dtype would copy every number once more.
    return pd.DataFrame(dict(enumerate(made)), copy=False).set_axis(list(names), axis=1)


def native_columns(table: pd.DataFrame) -> pd.DataFrame:
    """``table``, whose cells are text, with native dtypes where these keep every text."""
    return _frame(text_cells(table), native_column, list(table.columns))


def with_missing(cells: pa.Table, nulls: Sequence[str]) -> pa.Table:
    """``cells`` with those missing that are one of ``nulls``."""
    columns = []
    for column in cells.columns:
        gone = pc.is_in(column, pa.array(nulls, column.type))
        columns.append(pc.if_else(gone, pa.scalar(None, column.type), column))
    return pa.table(columns, cells.column_names)


def _without_totals(cells: pa.Table) -> tuple[pa.Table, list[str]]:
    def row(position: int) -> list[str]:
        return [column[position].as_py() or "" for column in cells.columns]

    def counts(position: int, without: Sequence[int]) -> pd.Series:
        return counts_without(pc.fill_null(cells.column(position), "").to_pylist(), without)

    found = find_totals(len(cells), row, counts)
    if not found:
        return cells, []
    first = int(found[0] == 0)
    return cells.slice(first, len(cells) - len(found)), [totals_note(row(found[-1]), len(found))]


def totals_note(last: Sequence[str], rows: int) -> str:
    """What there is to say of ``rows`` rows of totals that are left out, the ``last`` of which has these cells."""
    label = next(cell for cell in last if cell.strip())
    return f"Left out {rows} row{'s' * (rows > 1)} of totals ({label.strip()[:40]!r})."


class End:
    """Where a table ends before its file does: after so many lines, and what is said of the rest."""

    def __init__(self, line: int, below: Sequence[list[str]]) -> None:
        self.line = line
        example = next((cell.strip() for record in below for cell in record if cell.strip()), "")
        self.note = f"Left out {len(below):,} line{'s' * (len(below) != 1)} below the table, such as {example[:40]!r}."


def end_of_table(path: Path, kind: FileFormat, layout: TextLayout, rows: int | None) -> End | None:
    """Where notes, totals or another table follow; ``None`` where all rows have as many fields as the header.

    Raises:
        TableError: for a row that has not, and is none of these.
    """
    width = len(layout.header)
    with _records(path, kind, layout) as records:
        before = next(records)[0]
        below: list[tuple[int, list[str]]] = []
        blank = False
        for row, (line, record) in enumerate(records):
            if not below and rows is not None and row >= rows:
                return None
            if not below and len(record) == width:
                before = line
                continue
            if not below:
                blank = line - "".join(record).count("\n") > before + 1
            below.append((line, record))
            if len(below) > _NOTES and not blank:
                break
    if not below:
        return None
    rest = [record for _, record in below]
    notes = len(rest) <= _NOTES and all(
        len(record) != width and (is_note(record, width) or is_total(record)) for record in rest
    )
    if notes or (blank and len(rest[0]) < width):
        return End(before, rest)
    raise _ragged(path, below[0][0], width, len(rest[0]))


@contextmanager
def _records(path: Path, kind: FileFormat, layout: TextLayout) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The line of the file on which each record ends, and its fields; blank lines are left out, as pandas does."""
    with open_lines(path, kind, layout.lines) as handle:
        lines = io.TextIOWrapper(handle, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(lines, delimiter=layout.form.delimiter)
        # Python stops at cells of 131,072 characters unless set otherwise, which it can be for the whole process alone.
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield ((layout.lines.skip + reader.line_num, record) for record in reader if record)
        except csv.Error as error:
            raise TableError(f"{path} is not a table that can be read ({error}).") from None
        finally:
            csv.field_size_limit(before)


def _ragged(path: Path, line: int, expected: int, found: int) -> TableError:
    return TableError(
        f"{path}: line {line:,} has {found:,} field{'s' * (found != 1)}, but the header has {expected:,}; "
        "put fields that hold the delimiter in quotes, or mend the line; --skip-rows N skips lines above the header."
    )


def _undecoded(path: Path, kind: FileFormat, encoding: str) -> TableError:
    """Where a file is not in the encoding that it should be in."""
    with open_bytes(path, kind.compression) as handle:
        try:
            handle.read().decode(encoding)
        except UnicodeDecodeError as error:
            what = f"byte 0x{error.object[error.start]:02x} at offset {error.start:,}"
            return TableError(f"{path} is not in the encoding {encoding} ({what}); name another with --encoding.")
    return TableError(f"{path} is not in the encoding {encoding}; name another with --encoding.")
