"""Reads and writes Parquet and Feather (Arrow IPC) files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...columns.names import check_names
from ...encoding.arrow_columns import arrow_to_pandas, pandas_to_arrow, schema_as_text, schema_of_text
from ...errors import OutputError, TableError, TabllmError, UsageError
from ..file_form import FileForm, ReadFile

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ArrowWriter", "arrow_blocks", "arrow_names", "join_arrow", "read_arrow", "read_arrow_table"]

_NAMES = {"parquet": "Parquet", "arrow": "Arrow"}


def read_arrow(path: Path, format: str, rows: int | None) -> ReadFile:
    """The table in a Parquet or Arrow file; :func:`tabular.io.reading.read_table` tells what may be raised."""
    return read_arrow_table(read_content(path, format, rows), format, str(path))


def read_content(path: Path, format: str, rows: int | None) -> pa.Table:
    """The same as it stands there."""
    with _opened(path, format) as (schema, batches):
        import pyarrow as pa

        if rows is None:
            content = pa.Table.from_batches(list(batches(1 << 20)), schema=schema)
        else:
            content = _first(batches(rows), schema, rows)
        content.validate(full=True)  # text that is not UTF-8 would fail wherever it is first examined
    return content


def arrow_names(path: Path, format: str) -> tuple[list[str], FileForm]:
    """The names of the columns of a Parquet or Arrow file, and how it is written."""
    with _opened(path, format) as (schema, _):
        return schema.names, FileForm(format, arrow=schema_as_text(schema))


def arrow_blocks(path: Path, format: str, rows: int) -> Iterator[pa.Table]:
    """The content of a Parquet or Arrow file in blocks of about ``rows`` rows."""
    import pyarrow as pa

    with _opened(path, format) as (schema, batches):
        for batch in batches(rows):
            block = pa.Table.from_batches([batch], schema=schema)
            block.validate(full=True)
            # A batch of an Arrow file is as large as its writer made it.
            for start in range(0, len(block), rows):
                yield block.slice(start, rows)


@contextlib.contextmanager
def _opened(path: Path, format: str) -> Iterator[tuple[Any, Any]]:
    """(the schema, what gives batches of so many rows) of a Parquet or Arrow file.

    Raises:
        TableError: for a damaged file, also while it is read.
        UsageError: without pyarrow.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise UsageError(f"{path} needs pyarrow to be read: pip install pyarrow.") from None
    try:
        # Opened by hand: a damaged file must not keep a handle.
        with (_parquet if format == "parquet" else _ipc)(path) as (schema, batches):
            check_names(schema.names, str(path))
            yield schema, batches
    except (TabllmError, MemoryError):
        raise
    # Text that is not UTF-8, and JSON that is none, are a ValueError.
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise TableError(f"{path} is not a readable {_NAMES[format]} file ({reason}); write it anew.") from None


def read_arrow_table(content: pa.Table, format: str, origin: str) -> ReadFile:
    """``content``, which came from ``origin``, as pandas holds it."""
    try:
        table, notes = arrow_to_pandas(content)
    except MemoryError:
        raise
    except Exception as error:  # what pandas makes of its own metadata where they are damaged has no common type
        raise TableError(
            f"{origin} has damaged metadata of pandas ({type(error).__name__}: {error}); write it anew."
        ) from None
    return ReadFile(table, FileForm(format, arrow=schema_as_text(content.schema)), tuple(notes))


def _first(batches: Iterator[Any], schema: Any, rows: int) -> Any:
    import pyarrow as pa

    kept, count = [], 0
    for batch in batches:
        kept.append(batch)
        count += len(batch)
        if count >= rows:
            break
    return pa.Table.from_batches(kept, schema=schema).slice(0, rows)


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[tuple[Any, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield file.schema_arrow, lambda size: file.iter_batches(batch_size=size)


@contextlib.contextmanager
def _ipc(path: Path) -> Iterator[tuple[Any, Any]]:
    """An Arrow file of any sort: Feather of both versions, and a stream."""
    import pyarrow as pa
    from pyarrow import feather

    with pa.OSFile(str(path)) as source:
        start = source.read(6)
        source.seek(0)
        if start == b"ARROW1":
            with pa.ipc.open_file(source) as file:
                yield file.schema, lambda size: (file.get_batch(i) for i in range(file.num_record_batches))
        elif start[:4] == b"FEA1":
            table = feather.read_table(source)
            yield table.schema, lambda size: iter(table.to_batches())
        else:
            with pa.ipc.open_stream(source) as stream:
                yield stream.schema, lambda size: iter(stream)


class ArrowWriter:
    """Writes parts of a table to one file, with the types that the first part has or ``form`` says.

    Args:
        path: a path, or for Parquet a stream of pyarrow.
    """

    def __init__(self, path: Any, format: str, form: FileForm | None) -> None:
        self.path, self.format = path, format
        self.wanted = schema_of_text(form.arrow) if form is not None and form.arrow else None
        self.writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        """Append ``frame``. Raises :class:`OutputError` where it does not fit the first part."""
        import pyarrow as pa

        content = pandas_to_arrow(frame, self.wanted)
        try:
            if self.writer is None:
                self.wanted = schema = _widened(content.schema, known=self.wanted)
                self.writer = _open(self.path, self.format, schema)
                content = pandas_to_arrow(frame, schema)
            self.writer.write_table(content)
        except UnicodeEncodeError:
            raise  # half a character, which no encoding holds
        except pa.ArrowException as error:
            raise OutputError(
                f"The table cannot be written as {_NAMES[self.format]} ({error}); write a .csv."
            ) from None

    def close(self) -> None:
        """All parts are written."""
        if self.writer is not None:
            self.writer.close()


def _open(path: Any, format: str, schema: Any) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema) if format == "parquet" else pa.ipc.new_file(str(path), schema)


def _widened(schema: Any, known: Any) -> Any:
    """A schema that later parts fit too: a column that is all missing so far, decimals with few digits so far."""
    import pyarrow as pa

    for i, field in enumerate(schema):
        if known is not None and known.get_field_index(field.name) >= 0:
            continue
        if pa.types.is_null(field.type):
            schema = schema.set(i, field.with_type(pa.string()))
        elif pa.types.is_decimal(field.type):
            schema = schema.set(i, field.with_type(pa.decimal128(38, field.type.scale)))
    return schema


def join_arrow(parts: list[Path], target: Path, format: str) -> int:
    """Write one file of several; its rows."""
    import pyarrow as pa

    def schema_of(part: Path) -> Any:
        with (_parquet if format == "parquet" else _ipc)(part) as (schema, _):
            return schema

    schemas = [schema_of(part) for part in parts]
    # A column that is all missing in one part has another type there.
    same = all(schema.equals(schemas[0]) for schema in schemas)
    schema = schemas[0] if same else pa.unify_schemas(schemas, promote_options="permissive")
    rows = 0
    writer = _open(target, format, schema)
    with writer:
        for part in parts:
            with (_parquet if format == "parquet" else _ipc)(part) as (found, batches):
                content = pa.Table.from_batches(list(batches(1 << 20)), schema=found)
                writer.write_table(content if same else content.cast(schema))
                rows += content.num_rows
    return rows
