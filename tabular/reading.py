"""Reads a table from a file, with the dtypes that pandas gives, and checks that it can serve as one."""

from __future__ import annotations

import difflib
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .column_names import check_names
from .delimited import read_delimited
from .errors import TableError, UsageError
from .excel_text import unescape_cells
from .files import FileFormat, file_format, open_bytes
from .frames import as_pandas
from .plain_json import FieldError, parse_json

__all__ = ["check_table", "random_order", "random_rows", "read_as_text", "read_table"]

#: What a damaged archive raises, by library.
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def read_table(
    path: str | Path, *, delimiter: str | None = None, rows: int | None = None, as_text: bool = False
) -> pd.DataFrame:
    """The table in a file: CSV, TSV, text, Parquet, JSON lines or Excel, by its ending.

    Args:
        path: text formats may be compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``) and must be UTF-8.
        delimiter: what parts the fields of a text file; found by itself (``,`` ``;`` tab ``|``) if absent.
        rows: read only so many from the top.
        as_text: leave the cells of a text file as they stand there, in columns of text.

    Raises:
        UsageError: if there is no such file or its format is not known.
        TableError: if its content is no table; the message names the line and the way out.
    """
    path = Path(path)
    kind = _found(path)
    if rows is not None and rows < 1:
        raise UsageError(f"At least 1 row must be read, not {rows}.")
    if delimiter is not None:
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            raise UsageError(f"The delimiter must be one character (or 'tab'), not {delimiter!r}.")
    try:
        if path.stat().st_size == 0:
            raise TableError(f"{path} is empty.")
        if kind.name in ("csv", "tsv"):
            table = read_delimited(path, kind, delimiter or ("\t" if kind.name == "tsv" else None), rows, as_text)
        else:
            table = {"parquet": _read_parquet, "jsonl": _read_json_lines, "excel": _read_excel}[kind.name](
                path, kind, rows
            )
    except PermissionError:
        raise UsageError(f"{path} may not be read; check its permissions.") from None
    except _DAMAGED as error:
        raise TableError(f"{path} is damaged or cut short ({error}); get it anew.") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error}); it may be damaged or misnamed.") from None
    if not len(table.columns):
        raise TableError(f"{path} has no columns.")
    if not len(table):
        raise TableError(f"{path} has a header but no rows.")
    return table


def read_as_text(path: str | Path, written_as: FileFormat, *, delimiter: str | None = None) -> pd.DataFrame | None:
    """The cells of a text file as they stand there (``02134``, ``1.50``), to be written into another text file.

    ``None`` where either of the two is no text: then numbers are to be numbers.
    """
    texts = {"csv", "tsv"}
    if _found(Path(path)).name not in texts or written_as.name not in texts:
        return None
    return read_table(path, delimiter=delimiter, as_text=True)


def _found(path: Path) -> FileFormat:
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file; name a file in it.")
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f" did you mean {path.parent / close[0]}?" if close else " check the path."
        raise UsageError(f"There is no file {path};{hint}")
    return file_format(path)


def check_table(table: pd.DataFrame, *, minimum_rows: int = 2, minimum_columns: int = 2) -> pd.DataFrame:
    """``table`` with names as text and rows numbered from 0, if something can be learnt from it.

    Raises:
        TableError: if it has too few rows or columns, a name twice or none, or no filled cell.
    """
    table = as_pandas(table)
    if isinstance(table.columns, pd.MultiIndex):
        raise TableError("The table has names of several levels; join them into one name per column.")
    rows, columns = table.shape
    if rows < minimum_rows:
        raise TableError(f"The table has {rows:,} row{'s' * (rows != 1)}; at least {minimum_rows:,} are needed.")
    if columns < minimum_columns:
        raise TableError(
            f"The table has {columns:,} column{'s' * (columns != 1)}; at least {minimum_columns:,} are needed. "
            "If the file has more, its delimiter was not found: name it."
        )
    names = ["" if pd.isna(name) else str(name) for name in table.columns]
    check_names(names, "The table")
    if bool(table.isna().all(axis=None)):
        raise TableError("Every cell of the table is missing; there is nothing to learn from.")
    return table.set_axis(names, axis=1).reset_index(drop=True)


def random_rows(table: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """``rows`` rows of ``table`` drawn by ``seed`` (any whole number from 0), in their order, numbered from 0."""
    return _drawn(table, rows, seed).sort_index().reset_index(drop=True)


def random_order(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """``table`` in an order that ``seed`` draws, numbered from 0."""
    return _drawn(table, len(table), seed).reset_index(drop=True)


def _drawn(table: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    # pandas takes seeds of 32 bits alone, and is asked for those as ever.
    return table.sample(rows, random_state=seed if seed < 2**32 else np.random.default_rng(seed))


def _read_parquet(path: Path, kind: FileFormat, rows: int | None) -> pd.DataFrame:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(f"{path} needs pyarrow to be read: pip install pyarrow.") from None
    try:
        # Opened by hand: a damaged file must not keep a handle.
        with pq.ParquetFile(path) as file:
            check_names(file.schema_arrow.names, str(path))
            if rows is None:
                content = file.read()
            else:
                first = next(file.iter_batches(batch_size=rows), None)
                content = pa.Table.from_batches([] if first is None else [first], schema=file.schema_arrow)
        content.validate(full=True)  # text that is not UTF-8 would fail wherever it is first looked at
        table: pd.DataFrame = content.to_pandas()
    except (TableError, MemoryError):
        raise
    # Text that is not UTF-8, and JSON that is none, are a ValueError.
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise TableError(f"{path} is not a readable Parquet file ({reason}); write it anew.") from None
    except Exception as error:  # what pandas makes of its own metadata where they are damaged has no common type
        raise TableError(
            f"{path} has damaged metadata of pandas ({type(error).__name__}: {error}); write it anew."
        ) from None
    if not isinstance(table.index, pd.RangeIndex):  # an index that pandas kept in the file
        table = table.reset_index(drop=all(name is None for name in table.index.names))
    return table.set_axis([str(name) for name in table.columns], axis=1)


def _read_json_lines(path: Path, kind: FileFormat, rows: int | None) -> pd.DataFrame:
    records: list[dict[str, Any]] = []
    with open_bytes(path, kind.compression) as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            if rows is not None and len(records) == rows:
                break
            try:
                record = parse_json(line.decode("utf-8-sig" if number == 1 else "utf-8").strip(), finite=False)
            except UnicodeDecodeError as error:
                raise TableError(f"{path}: line {number:,} is not UTF-8 ({error.reason}); write it as UTF-8.") from None
            except FieldError as error:
                raise TableError(
                    f"{path}: line {number:,} {str(error).removeprefix('it ')}; each line must be one object."
                ) from None
            if not isinstance(record, dict):
                raise TableError(
                    f'{path}: line {number:,} is not an object such as {{"age": 30}}, but a '
                    f"{type(record).__name__}; each line must be one row."
                )
            records.append(record)
    if not records:
        raise TableError(f"{path} is empty.")
    table = pd.DataFrame.from_records(records)
    check_names([str(name) for name in table.columns], str(path))
    return table


def _read_excel(path: Path, kind: FileFormat, rows: int | None) -> pd.DataFrame:
    module = "openpyxl" if kind.ending == ".xlsx" else "xlrd"
    try:
        with pd.ExcelFile(path) as book:
            header = pd.read_excel(book, header=None, nrows=1)
            if not len(header):
                raise TableError(f"{path} is empty (its first sheet).")
            check_names(["" if pd.isna(cell) else str(cell) for cell in header.iloc[0]], str(path))
            table: pd.DataFrame = unescape_cells(pd.read_excel(book, nrows=rows))
    except ImportError:
        raise UsageError(f"{path} needs {module} to be read: pip install {module}; or save it as CSV.") from None
    except (TableError, *_DAMAGED):
        raise
    except Exception as error:  # openpyxl and xlrd raise whatever a broken sheet makes them stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path} is not a readable Excel file ({reason}); save it anew, or as CSV.") from None
    return table.set_axis([str(name) for name in table.columns], axis=1)
