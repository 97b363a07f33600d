"""Rows of a big Parquet file, part by part: no worker reads more of it than its own part's row groups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tabular.errors import TableError, UsageError
from tabular.io.files import file_format

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.parquet as pq

    from tabular.io.file_form import FileForm

__all__ = ["count_rows", "read_rows", "table_form"]


def count_rows(path: str) -> int:
    """The rows of a Parquet file.

    Raises:
        UsageError: if it is not there, or is a file of another format.
        TableError: if it is damaged, or has no rows.
    """
    if not Path(path).is_file():
        raise UsageError(f"There is no file {path}; a folder of parts is made of one Parquet file.")
    if file_format(Path(path)).name != "parquet":
        raise UsageError(f"{path} cannot be cut into parts: only Parquet can; save it as .parquet, or name one file.")
    with _opened(path) as file:
        rows = int(file.metadata.num_rows)
    if not rows:
        raise TableError(f"{path} has a header but no rows.")
    return rows


def read_rows(path: str, start: int, stop: int) -> pd.DataFrame:
    """Rows ``start`` to ``stop``, without the last.

    Raises:
        TableError: if the file has not so many, or is damaged.
    """
    import pyarrow as pa

    from tabular.io.formats.arrow_files import read_arrow_table

    with _opened(path) as file:
        groups: list[int] = []
        first = before = 0
        for number in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            if before + rows > start and before < stop:
                first = first if groups else before
                groups.append(number)
            before += rows
        if before < stop:
            raise TableError(f"{path} has {before:,} rows, and had more when the work began; begin anew.")
        try:
            content = file.read_row_groups(groups)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from None
    return read_arrow_table(content.slice(start - first, stop - start), "parquet", path).table


def table_form(path: str) -> FileForm:
    """How the file is written, to write others so."""
    from tabular.encoding.arrow_columns import schema_as_text
    from tabular.io.file_form import FileForm

    with _opened(path) as file:
        return FileForm("parquet", arrow=schema_as_text(file.schema_arrow))


def _opened(path: str) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: str, error: Exception) -> TableError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return TableError(f"{path} is not a readable Parquet file ({reason}); write it anew.")
