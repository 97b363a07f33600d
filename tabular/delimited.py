"""Reads delimited text (CSV, TSV, ...): finds the delimiter, and tells exactly where a file is broken.

Cells are read as text, and only an empty cell is missing: ``NA``, ``None`` and ``007`` are what they are. A column
whose texts a native dtype writes again as they were gets it (:mod:`tabular.native_dtypes`); what the texts of the
others mean is for the schema to say.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from .column_names import check_names
from .errors import TableError
from .files import FileFormat, open_bytes
from .native_dtypes import native_column, text_column

__all__ = ["read_delimited", "sniff_delimiter"]

DELIMITERS = (",", ";", "\t", "|")
#: Characters looked at to find the delimiter.
_HEAD = 1 << 16
_RECORDS = 200
#: Bytes that Arrow parses at a time; a row must fit into one such block.
_BLOCK = 1 << 22
#: What a C long holds everywhere.
_LONGEST_CELL = 2**31 - 1


def read_delimited(
    path: Path, kind: FileFormat, delimiter: str | None, rows: int | None, as_text: bool = False
) -> pd.DataFrame:
    """The table in a text file; :func:`tabular.reading.read_table` tells what may be raised."""
    head = _head(path, kind)
    if not head.strip():
        raise TableError(f"{path} is empty.")
    delimiter = delimiter or sniff_delimiter(head)
    header, first = _first_records(path, kind, delimiter)
    check_names(header, str(path))
    if first is not None and len(first[1]) > len(header):
        # pandas would take the first column for row labels.
        raise _ragged(path, first[0], len(header), len(first[1]))
    cells = _read_by_arrow(path, kind, delimiter, len(header)) if rows is None else None
    if cells is None:
        cells = _read_by_pandas(path, kind, delimiter, len(header), rows)
    # A row that is too short ends in missing cells; only then is it worth to look for one.
    if len(header) > 1 and cells.column(len(header) - 1).null_count:
        _find_ragged(path, kind, delimiter, len(header), rows)
    return _frame(cells, text_column if as_text else native_column, header)


def _read_by_arrow(path: Path, kind: FileFormat, delimiter: str, width: int) -> pa.Table | None:
    """The cells as text, ``string[rows]`` per column; ``None`` where pandas must say what is wrong with the file."""
    if width < 2:  # pandas alone passes over lines that are blank
        return None
    with open_bytes(path, kind.compression) as handle:
        content = handle.read()
    names = [str(place) for place in range(width)]
    try:
        cells = arrow_csv.read_csv(
            pa.BufferReader(content),
            # The header is read as a row: lines cannot be skipped where a name may hold a line break.
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in content),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return None
    return cells.slice(1)


def _read_by_pandas(path: Path, kind: FileFormat, delimiter: str, width: int, rows: int | None) -> pa.Table:
    """The same, slower, from the top ``rows`` if given. Raises :class:`TableError` with what is wrong."""
    try:
        with open_bytes(path, kind.compression) as handle:
            table = pd.read_csv(
                handle, sep=delimiter, nrows=rows, low_memory=False, encoding="utf-8", dtype=str,
                keep_default_na=False, na_values=[""],
            )  # fmt: skip
    except UnicodeDecodeError:
        raise _not_utf8(path, kind) from None
    except pd.errors.EmptyDataError:
        raise TableError(f"{path} is empty.") from None
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found:
            _find_ragged(path, kind, delimiter, width, rows)  # knows the line even where quoted breaks shift it
            raise _ragged(path, int(found[2]), int(found[1]), int(found[3])) from None
        if "inside string" in str(error):
            raise TableError(
                f'{path} has a quotation mark that is never closed; look for a lone " in it, or double it.'
            ) from None
        raise TableError(f"{path} is not a table that can be read ({error}).") from None
    columns = [pa.array(cells, pa.large_string(), from_pandas=True) for _, cells in table.items()]
    return pa.table(columns, [str(place) for place in range(width)])


def _frame(cells: pa.Table, to_series: Callable[[pa.ChunkedArray], pd.Series], names: list[str]) -> pd.DataFrame:
    """The table of ``cells``, whose columns ``to_series`` makes, on as many threads as Arrow uses."""
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        made = list(pool.map(to_series, cells.columns))
    # One block per column: blocks of one dtype would copy every number once more.
    return pd.DataFrame(dict(enumerate(made)), copy=False).set_axis(names, axis=1)


def sniff_delimiter(head: str) -> str:
    """The delimiter of the text that begins with ``head``: the one that parts all lines alike.

    ``csv.Sniffer`` counts letters too and is often wrong; here only the usual four are tried, and a
    comma is the answer for a single column.
    """
    lines = list(io.StringIO(head, newline=""))  # str.splitlines also splits at \x0b, \x1c, \x85 and others
    if len(head) >= _HEAD and len(lines) > 1:
        lines = lines[:-1]  # cut off in the middle
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = []
        try:
            for record in csv.reader(lines, delimiter=delimiter):
                if record:
                    widths.append(len(record))
                if len(widths) == _RECORDS:
                    break
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (alike, widths[0]) > best_score:
            best, best_score = delimiter, (alike, widths[0])
    return best


def _head(path: Path, kind: FileFormat) -> str:
    with open_bytes(path, kind.compression) as handle:
        start = handle.read(_HEAD)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TableError(f"{path} is UTF-16, not UTF-8; convert it: iconv -f utf-16 -t utf-8 {path} > new.csv")
    return start.decode("utf-8-sig", errors="replace")


@contextmanager
def _records(path: Path, kind: FileFormat, delimiter: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The line on which each record ends, and its fields; blank lines are left out, as pandas does."""
    with open_bytes(path, kind.compression) as handle:
        lines = io.TextIOWrapper(handle, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(lines, delimiter=delimiter)
        # Python stops at cells of 131,072 characters unless told, which it can be for the whole process alone.
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield ((reader.line_num, record) for record in reader if record)
        except csv.Error as error:
            raise TableError(f"{path} is not a table that can be read ({error}).") from None
        finally:
            csv.field_size_limit(before)


def _first_records(path: Path, kind: FileFormat, delimiter: str) -> tuple[list[str], tuple[int, list[str]] | None]:
    with _records(path, kind, delimiter) as records:
        _, header = next(records)
        return header, next(records, None)


def _find_ragged(path: Path, kind: FileFormat, delimiter: str, width: int, rows: int | None) -> None:
    with _records(path, kind, delimiter) as records:
        next(records)
        for row, (line, record) in enumerate(records):
            if rows is not None and row >= rows:
                return
            if len(record) != width:
                raise _ragged(path, line, width, len(record))


def _ragged(path: Path, line: int, expected: int, found: int) -> TableError:
    return TableError(
        f"{path}: line {line:,} has {found:,} field{'s' * (found != 1)}, but the header has {expected:,}; "
        "put fields that hold the delimiter in quotes, or mend the line."
    )


def _not_utf8(path: Path, kind: FileFormat) -> TableError:
    with open_bytes(path, kind.compression) as handle:
        offset = 0
        for number, line in enumerate(handle, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                source = path.with_suffix("") if kind.compression else path
                return TableError(
                    f"{path} is not UTF-8: byte 0x{byte:02x} at offset {offset + error.start:,} (line {number:,}); "
                    f"convert it: iconv -f latin1 -t utf-8 {source} > new.csv"
                )
            offset += len(line)
    return TableError(f"{path} is not UTF-8; convert it: iconv -f latin1 -t utf-8 {path} > new.csv")
