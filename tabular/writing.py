"""Writes a table to a file part by part; the file appears whole or not at all."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import importlib.util
import io
import json
import lzma
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

import pandas as pd

from .errors import OutputError, UsageError
from .excel_text import escape_cells, mark_as_text
from .files import FileFormat, file_format
from .locking import claimed
from .placing import hidden_beside, place_file, told

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["EXCEL_ROWS", "TableWriter", "check_output"]

#: Rows that one sheet holds below its header.
EXCEL_ROWS = 1_048_575
EXCEL_COLUMNS = 16_384
_STDOUT = FileFormat("csv", ".csv", None)


def check_output(path: str | Path, *, overwrite: bool = True) -> FileFormat:
    """What will be written to ``path`` (``-``: CSV to standard output); call it before long work begins.

    Raises:
        UsageError: if the ending is not known, or the format needs a library that is not installed.
        OutputError: if the folder is absent or cannot be written, or the file may not be replaced.
    """
    if str(path) == "-":
        if sys.stdout is None:
            raise OutputError("Standard output is closed; name a file, or leave it open.")
        return _STDOUT
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it, such as {path / 'synthetic.csv'}.")
    kind = file_format(path)
    if kind.ending == ".xls":
        raise UsageError(f"{path}: the old .xls cannot be written; use .xlsx.")
    needed = {"parquet": "pyarrow", "excel": "openpyxl"}.get(kind.name)
    if needed and importlib.util.find_spec(needed) is None:
        raise UsageError(f"{path} needs {needed} to be written: pip install {needed}; or write a .csv.")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder}; make it with mkdir -p {folder}.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"The folder {folder} may not be written; choose another, or change its permissions.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; remove it, or allow it to be overwritten.")
    return kind


class TableWriter:
    """Writes parts of a table to one file.

    The parts go to a hidden file beside ``path``, which takes its place when the ``with`` block ends
    well. After an error or Ctrl-C the hidden file is removed and an old file at ``path`` is as it was.
    No other program that writes ``path`` so can do it meanwhile.

    Example:
        >>> with TableWriter("synthetic.csv") as writer:  # doctest: +SKIP
        ...     for part in model.sample_batches(1_000_000):
        ...         writer.write(part)

    Args:
        header: whether a text file begins with the column names.

    Attributes:
        rows: how many have been written.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = True, header: bool = True) -> None:
        self.path, self.overwrite, self.header = path, overwrite, header
        self.kind = check_output(path, overwrite=overwrite)
        self.rows = 0
        self._parts: _Parts | None = None
        self._target = Path(path).resolve()
        self._hidden = hidden_beside(self._target)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._open, told(self.path):
            self._open.enter_context(claimed(self.path, replace=self.overwrite))
            self._parts = _PARTS[self.kind.name](self.kind, None if str(self.path) == "-" else self._hidden)
            self._open = self._open.pop_all()
        return self

    def write(self, frame: pd.DataFrame) -> None:
        """Append ``frame``; every part has the same columns.

        Raises:
            OutputError: if the disk is full, or a sheet cannot hold so many rows. ``BrokenPipeError``
                passes through: whoever read standard output has read enough.
        """
        if self._parts is None:
            raise RuntimeError("a TableWriter writes inside its with block only")
        with told(self.path):
            self._parts.write(frame, first=self.header and self.rows == 0)
        self.rows += len(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parts is not None
        try:
            if kind is None:
                with told(self.path):
                    self._parts.close()
                    if self._hidden.exists():
                        place_file(self._hidden, self._target)
            else:
                # Closing may fail for the same reason (a full disk); the first error is the one to tell.
                with contextlib.suppress(Exception):
                    self._parts.abandon()
        finally:
            self._parts = None
            with contextlib.suppress(OSError):
                self._hidden.unlink()
            self._open.close()


class _Parts:
    """Where parts go; one subclass per format."""

    def __init__(self, kind: FileFormat, path: Path | None) -> None:
        self.kind, self.path = kind, path

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """All parts are written."""

    def abandon(self) -> None:
        """An error came; only let go of the file."""
        self.close()


class _TextParts(_Parts):
    """CSV, TSV and JSON lines, maybe compressed; to standard output if there is no path."""

    def __init__(self, kind: FileFormat, path: Path | None) -> None:
        super().__init__(kind, path)
        self.handle: IO[str] = sys.stdout if path is None else _open_text(path, kind.compression)

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        if self.kind.name == "jsonl":
            self.handle.writelines(_json_lines(frame))
        else:
            separator = "\t" if self.kind.name == "tsv" else ","
            ends: Any = _LineEnds(self.handle)
            frame.to_csv(ends, index=False, header=first, sep=separator, lineterminator="\r\n")

    def close(self) -> None:
        if self.path is None:
            self.handle.flush()
        else:
            self.handle.close()


class _LineEnds:
    """Takes rows that end in ``\\r\\n`` and ends them in ``\\n``.

    The csv module quotes the characters of its line ending alone, and a carriage return that is not quoted ends a row.
    """

    def __init__(self, handle: IO[str]) -> None:
        self.handle = handle

    def write(self, row: str) -> None:
        self.handle.write(row[:-2] + "\n")  # csv writes one row at a time


def _open_text(path: Path, compression: str | None) -> IO[str]:
    if compression is None:
        return path.open("w", encoding="utf-8", newline="")
    if compression == "zstd":
        import pyarrow as pa

        stream: Any = pa.CompressedOutputStream(str(path), "zstd")
    else:
        opened: Any = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}[compression]
        # Level 9 is the default of gzip.open, and takes four times as long for 2 % less.
        stream = opened(path, "wb", compresslevel=6) if compression == "gzip" else opened(path, "wb")
    return io.TextIOWrapper(cast("IO[bytes]", stream), encoding="utf-8", newline="")


def _json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """One object per row; pandas' own writer cuts numbers to 15 digits."""
    cells = [frame.iloc[:, i].astype(object).where(frame.iloc[:, i].notna(), None) for i in range(frame.shape[1])]
    names = [str(name) for name in frame.columns]
    for row in zip(*cells, strict=True):
        yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else float(value)


class _ParquetParts(_Parts):
    def __init__(self, kind: FileFormat, path: Path | None) -> None:
        super().__init__(kind, path)
        self.writer: Any = None

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if self.writer is None:
                content = pa.Table.from_pandas(frame, preserve_index=False)
                schema = _widened(content.schema)
                self.writer = pq.ParquetWriter(self.path, schema)
            content = pa.Table.from_pandas(frame, schema=self.writer.schema, preserve_index=False)
            self.writer.write_table(content)
        except pa.ArrowInvalid as error:
            raise OutputError(f"The table cannot be written as Parquet ({error}); write a .csv.") from None

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def _widened(schema: Any) -> Any:
    """A schema that later parts fit too: a column that is all missing so far, decimals with few digits so far."""
    import pyarrow as pa

    for i, field in enumerate(schema):
        if pa.types.is_null(field.type):
            schema = schema.set(i, field.with_type(pa.string()))
        elif pa.types.is_decimal(field.type):
            schema = schema.set(i, field.with_type(pa.decimal128(38, field.type.scale)))
    return schema


class _ExcelParts(_Parts):
    """A sheet is written at once, so its parts are kept until the end."""

    def __init__(self, kind: FileFormat, path: Path | None) -> None:
        super().__init__(kind, path)
        self.frames: list[pd.DataFrame] = []
        self.rows = 0

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        self.rows += len(frame)
        if self.rows > EXCEL_ROWS:
            raise OutputError(
                f"An Excel sheet holds {EXCEL_ROWS:,} rows, and the table has more; write a .csv or .parquet."
            )
        if frame.shape[1] > EXCEL_COLUMNS:
            raise OutputError(f"An Excel sheet holds {EXCEL_COLUMNS:,} columns; write a .csv or .parquet.")
        self.frames.append(frame)

    def close(self) -> None:
        if not self.frames:
            return
        table = pd.concat(self.frames, ignore_index=True)
        for name in table.columns:
            if isinstance(table[name].dtype, pd.DatetimeTZDtype):  # a sheet knows no time zones
                table[name] = table[name].dt.tz_localize(None)
        table = escape_cells(table)
        try:
            with pd.ExcelWriter(cast("Any", self.path), engine="openpyxl") as book:
                table.to_excel(book, index=False)
                mark_as_text(next(iter(book.sheets.values())))
        except OSError:
            raise
        except Exception as error:  # openpyxl: half a surrogate pair in a text
            raise OutputError(f"The table cannot be written as Excel ({error}); write a .csv or .parquet.") from None

    def abandon(self) -> None:
        self.frames.clear()


_PARTS: dict[str, type[_Parts]] = {
    "csv": _TextParts, "tsv": _TextParts, "jsonl": _TextParts, "parquet": _ParquetParts, "excel": _ExcelParts,
}  # fmt: skip
