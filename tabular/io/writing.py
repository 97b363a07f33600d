"""Writes a table to a file part by part; the file appears whole or not at all."""

from __future__ import annotations

import bz2
import contextlib
import csv
import datetime
import gzip
import importlib.util
import io
import json
import lzma
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

import pandas as pd

from ..encoding.object_cells import as_texts, object_dtype
from ..errors import OutputError, UsageError
from ..storage.locking import claimed
from ..storage.placing import as_output_error, hidden_beside, place_file
from .file_form import FileForm
from .files import FileFormat, file_format
from .formats.excel_text import escape_cells, mark_as_text

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
    needed = {"parquet": "pyarrow", "arrow": "pyarrow", "excel": "openpyxl"}.get(kind.name)
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
        >>> import pandas as pd
        >>> with TableWriter("synthetic.csv") as writer:
        ...     for start in (0, 100):
        ...         writer.write(pd.DataFrame({"age": range(start, start + 100)}))
        >>> writer.rows
        200

    Args:
        header: whether a text file begins with the column names.
        form: how a file of the same format was written, to write this one so; as usual if absent.

    Attributes:
        rows: how many have been written.
    """

    def __init__(
        self, path: str | Path, *, overwrite: bool = True, header: bool = True, form: FileForm | None = None
    ) -> None:
        self.path, self.overwrite, self.header, self.form = path, overwrite, header, form
        self.kind = check_output(path, overwrite=overwrite)
        self.rows = 0
        self._parts: _Parts | None = None
        self._target = Path(path).resolve()
        self._hidden = hidden_beside(self._target)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._open, as_output_error(self.path):
            self._open.enter_context(claimed(self.path, replace=self.overwrite))
            self._parts = _PARTS[self.kind.name](self.kind, None if str(self.path) == "-" else self._hidden, self.form)
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
        with as_output_error(self.path):
            self._parts.write(frame, first=self.header and self.rows == 0)
        self.rows += len(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parts is not None
        try:
            if kind is None:
                with as_output_error(self.path):
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

    def __init__(self, kind: FileFormat, path: Path | None, form: FileForm | None) -> None:
        self.kind, self.path, self.form = kind, path, form

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """All parts are written."""

    def abandon(self) -> None:
        """An error came; only let go of the file."""
        self.close()


class _TextParts(_Parts):
    """CSV, TSV and JSON, maybe compressed; to standard output if there is no path."""

    def __init__(self, kind: FileFormat, path: Path | None, form: FileForm | None) -> None:
        super().__init__(kind, path, form)
        self.written = written_form(kind, form, to_terminal=path is None)
        self.handle: IO[str] = sys.stdout if path is None else _open_text(path, kind.compression, self.written.encoding)

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        frame = with_json_cells(frame) if self.kind.name in ("csv", "tsv") else frame
        try:
            self._write(frame, first)
        except UnicodeEncodeError as error:
            if self.path is None and not error.encoding.startswith("utf"):
                raise OutputError(
                    f"{error.object[error.start : error.end]!r} cannot be written in {error.encoding}, the encoding of "
                    "standard output; name a file with -o, or set PYTHONIOENCODING=utf-8."
                ) from None
            if self.written.encoding.startswith("utf"):
                raise  # half a character, which no encoding holds
            raise OutputError(
                f"{error.object[error.start : error.end]!r} cannot be written in {self.written.encoding}, the encoding "
                "of the file that was learned; write a .parquet or .jsonl."
            ) from None

    def _write(self, frame: pd.DataFrame, first: bool) -> None:
        if self.kind.name == "jsonl":
            self.handle.writelines(_json_lines(frame))
            return
        if first and self.written.bom:
            self.handle.write("\ufeff")
        ends: Any = _LineEnds(self.handle, self.written.line_end)
        frame.to_csv(
            ends,
            index=False,
            header=self.written.header(list(map(str, frame.columns))) if first else False,
            sep=self.written.delimiter,
            quoting=_QUOTING[self.written.quoting],
            lineterminator="\r\n",
        )

    def close(self) -> None:
        if self.path is None:
            self.handle.flush()
        else:
            self.handle.close()


#: How fields are put in quotes.
_QUOTING = {"minimal": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL, "text": csv.QUOTE_NONNUMERIC}


def written_form(kind: FileFormat, form: FileForm | None, *, to_terminal: bool = False) -> FileForm:
    """How a text file is written: as one of the same format was, so far as ``form`` tells; else as usual."""
    usual = FileForm(kind.name, delimiter="\t" if kind.name == "tsv" else ",")
    if form is None or form.format not in ("csv", "tsv") or kind.name not in ("csv", "tsv"):
        return usual
    alike = replace(form, format=kind.name, delimiter=form.delimiter if form.format == kind.name else usual.delimiter)
    return replace(alike, encoding="utf-8", bom=False, line_end="\n") if to_terminal else alike


def with_json_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with cells that are lists, dicts, bytes and the like as text, as the schema holds them."""
    for name in [name for name, dtype in frame.dtypes.items() if pd.api.types.is_object_dtype(dtype)]:
        if object_dtype(frame[name]) is not None:
            filled = frame[name].notna()
            frame = frame.assign(**{str(name): frame[name].where(~filled, as_texts(frame[name][filled]))})
    return frame


class _LineEnds:
    """Takes rows that end in ``\\r\\n`` and ends them in ``end``.

    The csv module quotes the characters of its line ending alone, and a carriage return that is not quoted ends a row.
    """

    def __init__(self, handle: IO[str], end: str) -> None:
        self.handle, self.end = handle, end

    def write(self, row: str) -> None:
        self.handle.write(row[:-2] + self.end)  # csv writes one row at a time


def _open_text(path: Path, compression: str | None, encoding: str) -> IO[str]:
    if compression is None:
        return path.open("w", encoding=encoding, newline="")
    if compression == "zstd":
        import pyarrow as pa

        stream: Any = pa.CompressedOutputStream(str(path), "zstd")
    else:
        opened: Any = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}[compression]
        # Level 9 is the default of gzip.open, and takes four times as long for 2 % less.
        stream = opened(path, "wb", compresslevel=6) if compression == "gzip" else opened(path, "wb")
    return io.TextIOWrapper(cast("IO[bytes]", stream), encoding=encoding, newline="")


def _json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """One object per row; pandas' own writer cuts numbers to 15 digits."""
    cells = [frame.iloc[:, i].astype(object).where(frame.iloc[:, i].notna(), None) for i in range(frame.shape[1])]
    names = [str(name) for name in frame.columns]
    for row in zip(*cells, strict=True):
        yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return as_texts(pd.Series([value], dtype=object))[0]
    return value.item() if hasattr(value, "item") else float(value)


class _JsonParts(_TextParts):
    """One list of objects."""

    def __init__(self, kind: FileFormat, path: Path | None, form: FileForm | None) -> None:
        super().__init__(kind, path, form)
        self.between = "[\n"

    def _write(self, frame: pd.DataFrame, first: bool) -> None:
        for line in _json_lines(frame):
            self.handle.write(self.between + line[:-1])
            self.between = ",\n"

    def close(self) -> None:
        self.handle.write("[]\n" if self.between == "[\n" else "\n]\n")
        super().close()


class _ArrowParts(_Parts):
    """Parquet and Feather."""

    def __init__(self, kind: FileFormat, path: Path | None, form: FileForm | None) -> None:
        from .formats.arrow_files import ArrowWriter

        super().__init__(kind, path, form)
        assert path is not None
        self.writer = ArrowWriter(path, kind.name, form)

    def write(self, frame: pd.DataFrame, *, first: bool) -> None:
        self.writer.write(frame)

    def close(self) -> None:
        self.writer.close()


class _ExcelParts(_Parts):
    """A sheet is written at once, so its parts are kept until the end."""

    def __init__(self, kind: FileFormat, path: Path | None, form: FileForm | None) -> None:
        super().__init__(kind, path, form)
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
            if pd.api.types.is_timedelta64_dtype(table[name].dtype):
                table[name] = table[name].dt.total_seconds()
        table = escape_cells(with_json_cells(table))
        sheet, header = "Sheet1", list(map(str, table.columns))
        if self.form is not None and self.form.format == "excel":
            sheet, header = self.form.sheet or sheet, self.form.header(header)
        try:
            with pd.ExcelWriter(cast("Any", self.path), engine="openpyxl") as book:
                table.to_excel(book, index=False, sheet_name=sheet, header=header)
                mark_as_text(next(iter(book.sheets.values())))
        except OSError:
            raise
        except Exception as error:  # openpyxl: half a surrogate pair in a text
            raise OutputError(f"The table cannot be written as Excel ({error}); write a .csv or .parquet.") from None

    def abandon(self) -> None:
        self.frames.clear()


_PARTS: dict[str, type[_Parts]] = {
    "csv": _TextParts,
    "tsv": _TextParts,
    "jsonl": _TextParts,
    "json": _JsonParts,
    "parquet": _ArrowParts,
    "arrow": _ArrowParts,
    "excel": _ExcelParts,
}
