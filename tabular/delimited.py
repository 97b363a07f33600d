"""Reads delimited text (CSV, TSV, ...): finds the delimiter, and tells exactly where a file is broken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from .column_names import check_names
from .errors import TableError
from .files import FileFormat, open_bytes

__all__ = ["read_delimited", "sniff_delimiter"]

#: pandas 2 reads some floats one bit off unless told; a price of 0.3 would then need 17 decimals.
_EXACT: dict[str, Any] = {"float_precision": "round_trip"} if pd.__version__.startswith("2.") else {}
DELIMITERS = (",", ";", "\t", "|")
#: Characters looked at to find the delimiter.
_HEAD = 1 << 16
_RECORDS = 200
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
    try:
        with open_bytes(path, kind.compression) as handle:
            how = {"dtype": str} if as_text else _EXACT
            table = pd.read_csv(handle, sep=delimiter, nrows=rows, low_memory=False, encoding="utf-8", **how)
    except UnicodeDecodeError:
        raise _not_utf8(path, kind) from None
    except pd.errors.EmptyDataError:
        raise TableError(f"{path} is empty.") from None
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found:
            _find_ragged(path, kind, delimiter, len(header), rows)  # knows the line even where quoted breaks shift it
            raise _ragged(path, int(found[2]), int(found[1]), int(found[3])) from None
        if "inside string" in str(error):
            raise TableError(
                f'{path} has a quotation mark that is never closed; look for a lone " in it, or double it.'
            ) from None
        raise TableError(f"{path} is not a table that can be read ({error}).") from None
    # A row that is too short ends in missing cells; only then is it worth to look for one.
    if len(table) and table.iloc[:, -1].isna().any() and len(header) > 1:
        _find_ragged(path, kind, delimiter, len(header), rows)
    return table


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
