"""Arrow columns as pandas columns and back, type by type: whole numbers stay whole, and one odd column stops no table.

Nested values, times of day and bytes become Python objects, which :mod:`tabular.encoding.object_cells` holds as text.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import OutputError
from .object_cells import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NULLABLE", "arrow_to_pandas", "pandas_to_arrow", "schema_as_text", "schema_of_text"]

NULLABLE = {
    "int8": "Int8",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
    "uint8": "UInt8",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "bool": "boolean",
}


class _Unheld(Exception):
    """A column that no kind can hold; the text says why."""


def arrow_to_pandas(content: pa.Table) -> tuple[pd.DataFrame, list[str]]:
    """``content`` with the dtypes that pandas gives where these lose nothing, and a sentence per column left out."""
    notes: list[str] = []
    odd: dict[str, pd.Series | None] = {}
    for field in content.schema:
        try:
            series = _odd_column(content[field.name], field.type)
        except _Unheld as reason:
            notes.append(f"Column {field.name!r} is left out: it {reason}.")
            odd[field.name] = None
            continue
        if series is not None:
            odd[field.name] = series
    index = _index_columns(content)
    plain = [name for name in content.column_names if name not in odd]
    table: pd.DataFrame = content.select(plain).to_pandas()
    if not isinstance(table.index, pd.RangeIndex):  # an index that pandas kept in the file
        table = table.reset_index(drop=all(name is None for name in table.index.names))
    table = table.set_axis([str(name) for name in table.columns], axis=1)
    columns = {name: table[name] for name in table.columns} | {k: v for k, v in odd.items() if v is not None}
    order = [name for name in [*index, *content.column_names] if name in columns]
    return pd.DataFrame({name: columns[name] for name in order}, index=pd.RangeIndex(content.num_rows)), notes


def _index_columns(content: pa.Table) -> list[str]:
    """The named columns that pandas kept as an index; they come first, as after ``reset_index``."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        kept = json.loads((content.schema.metadata or {})[b"pandas"])["index_columns"]
        return [name for name in kept if isinstance(name, str)]
    return []


def _odd_column(column: Any, kind: Any) -> pd.Series | None:
    """``column`` where pandas alone would lose something of it, ``None`` where it does not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_ = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        as_uuid = kind.extension_name == "arrow.uuid"
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        return _uuids(column) if as_uuid else _or_plain(column)
    if is_.is_run_end_encoded(kind):
        return _or_plain(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    if is_.is_dictionary(kind) and not _as_category(kind.value_type):
        return _or_plain(column.cast(kind.value_type))
    if str(kind) in NULLABLE and column.null_count:
        dtype = pd.api.types.pandas_dtype(NULLABLE[str(kind)])
        return column.to_pandas(types_mapper=lambda _: dtype)
    if is_.is_null(kind):
        return pd.Series(np.full(len(column), None), dtype=object)
    if is_.is_float16(kind):
        return column.cast(pa.float32()).to_pandas()
    if is_.is_time64(kind) and kind.unit == "ns":
        return column.cast(pa.time64("us"), safe=False).to_pandas()
    if is_.is_nested(kind):
        return _nested(column, kind)
    if is_.is_fixed_size_binary(kind) and kind.byte_width == 16:
        return _uuids(column)
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind) or "binary_view" in str(kind):
        return _bytes(column)
    if "string_view" in str(kind):
        return column.cast(pa.large_string()).to_pandas()
    if is_.is_interval(kind):
        raise _Unheld("holds calendar intervals, which no kind of column can hold; turn them into days")
    return None


def _or_plain(column: Any) -> pd.Series:
    odd = _odd_column(column, column.type)
    return column.to_pandas() if odd is None else odd


def _as_category(kind: Any) -> bool:
    import pyarrow as pa

    is_ = pa.types
    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_integer(kind) or is_.is_boolean(kind))


def _nested(column: Any, kind: Any) -> pd.Series:
    import pyarrow as pa

    if pa.types.is_union(kind):
        raise _Unheld("holds a union of types; write one type per column")
    if pa.types.is_map(kind):
        cells = [None if cell is None else dict(cell) for cell in column.to_pylist()]
    else:
        cells = column.to_pylist()
    made = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):  # at once, numpy would spread lists over the array
        made[row] = cell
    return pd.Series(made)


def _uuids(column: Any) -> pd.Series:
    return pd.Series([None if c is None else uuid.UUID(bytes=c) for c in column.to_pylist()], dtype=object)


def _bytes(column: Any) -> pd.Series:
    cells = pd.Series(column.to_pylist(), dtype=object)
    longest = int(cells.dropna().map(len).max()) if cells.notna().any() else 0
    if longest > MAX_BYTES:
        with contextlib.suppress(UnicodeDecodeError):
            if all(cell.decode().isprintable() for cell in cells.dropna()):
                return cells
        raise _Unheld(f"holds binary data of up to {longest:,} bytes, such as pictures, which no kind can hold")
    return cells


def pandas_to_arrow(frame: pd.DataFrame, schema: pa.Schema | None) -> pa.Table:
    """``frame`` as an Arrow table; columns that ``schema`` names have its types, others what Arrow gives them.

    Raises:
        OutputError: for a column that cannot be of its type.
    """
    import pyarrow as pa

    arrays, fields = [], []
    for name in map(str, frame.columns):
        series = frame[name]
        index = -1 if schema is None else schema.get_field_index(name)
        try:
            made = _array(series, None if index < 0 else schema.field(index).type)  # type: ignore[union-attr]
        except UnicodeEncodeError:
            raise  # half a character, which no encoding holds
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise OutputError(
                f"Column {name!r} cannot be written so ({str(error).splitlines()[0]}); write a .csv."
            ) from None
        arrays.append(made)
        fields.append(pa.field(name, made.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=_pandas_metadata(frame)))


def _pandas_metadata(frame: pd.DataFrame) -> Any:
    """What tells pandas the dtypes that Arrow has not, such as ``Int64``."""
    import pyarrow as pa

    plain = frame.loc[:, [dtype.kind != "O" for dtype in frame.dtypes]]
    return pa.Schema.from_pandas(plain.head(0), preserve_index=False).metadata


def _array(series: pd.Series, kind: Any) -> Any:
    import pyarrow as pa

    if kind is None:
        if series.dtype == object:
            series = _even(series)
        return pa.Array.from_pandas(series)
    is_ = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _array(series, kind.storage_type))
    if is_.is_run_end_encoded(kind):
        import pyarrow.compute as pc

        return pc.run_end_encode(_array(series, kind.value_type), run_end_type=kind.run_end_type)
    if is_.is_dictionary(kind):
        return _dictionary(series, kind)
    if is_.is_null(kind):
        return pa.nulls(len(series))
    if is_.is_nested(kind) or is_.is_fixed_size_binary(kind) or "binary" in str(kind):
        known: dict[str, Any] = {}
        return pa.array([_value(cell, kind, known) for cell in series], type=kind)
    if is_.is_decimal(kind):
        return pa.array([_decimal(cell, kind.scale) for cell in series], type=kind)
    if is_.is_time(kind):
        return pa.array(series.astype(object).where(series.notna(), None), pa.time64("us")).cast(kind, safe=False)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype if not series.isna().any() else object)
    return pa.Array.from_pandas(series).cast(kind, safe=False)


def _even(series: pd.Series) -> pd.Series:
    """Dicts that lost a key, or lists of several types, are no type of Arrow: as JSON they are text."""
    import pyarrow as pa

    from .object_cells import as_texts, object_dtype

    if object_dtype(series) != "json":
        return series
    try:
        pa.Array.from_pandas(series)
    except pa.ArrowException:
        filled = series.notna()
        return series.where(~filled, as_texts(series[filled]))
    return series


def _dictionary(series: pd.Series, kind: Any) -> Any:
    import pyarrow as pa

    if not isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype("category")
    values = _array(pd.Series(series.cat.categories), kind.value_type)
    codes = series.cat.codes.to_numpy()
    indices = pa.array(codes, mask=codes < 0).cast(kind.index_type)
    return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered)


def _decimal(cell: Any, scale: int) -> decimal.Decimal | None:
    if cell is None or pd.isna(cell):
        return None
    return decimal.Decimal(str(cell)).quantize(decimal.Decimal(1).scaleb(-scale), context=_WIDE)


_WIDE = decimal.Context(prec=76)


def _value(cell: Any, kind: Any, known: dict[str, Any]) -> Any:
    """A generated ``cell`` as a value of the nested or binary type ``kind``; missing where it is none.

    Args:
        known: what texts were turned into, so that each is parsed once.
    """
    if isinstance(cell, str):
        if cell not in known:
            known[cell] = None
            with contextlib.suppress(ValueError, TypeError, AttributeError, ArithmeticError, LookupError):
                known[cell] = _of_type(_parsed(cell, kind), kind)
        return known[cell]
    with contextlib.suppress(ValueError, TypeError, AttributeError, ArithmeticError, LookupError):
        return None if cell is None or cell is pd.NA or cell != cell else _of_type(cell, kind)
    return None


def _parsed(text: str, kind: Any) -> Any:
    import pyarrow as pa

    return json.loads(text) if pa.types.is_nested(kind) else text.encode()


def _of_type(value: Any, kind: Any) -> Any:
    """JSON data (or what Arrow gave) as a value that ``pa.array`` takes for ``kind``."""
    import pyarrow as pa

    if value is None:
        return None
    for fits, change in _CHANGES:
        if fits(pa.types, kind):
            return change(value, kind)
    scalar = pa.scalar(value, type=kind)  # raises where it does not fit
    return scalar.as_py()


def _entries(value: Any, kind: Any) -> list[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else value
    return [(_of_type(key, kind.key_type), _of_type(item, kind.item_type)) for key, item in pairs]


def _binary(value: Any, kind: Any) -> bytes:
    if isinstance(value, uuid.UUID):
        return value.bytes
    return base64.b64decode(value) if isinstance(value, str) else bytes(value)


def _moment(change: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    return lambda value, kind: change(value) if isinstance(value, str) else value


_CHANGES: tuple[tuple[Callable[[Any, Any], bool], Callable[[Any, Any], Any]], ...] = (
    (lambda is_, kind: is_.is_map(kind), _entries),
    (
        lambda is_, kind: is_.is_struct(kind),
        lambda value, kind: {field.name: _of_type(value.get(field.name), field.type) for field in kind},
    ),
    (lambda is_, kind: is_.is_nested(kind), lambda value, kind: [_of_type(item, kind.value_type) for item in value]),
    (lambda is_, kind: is_.is_fixed_size_binary(kind) or "binary" in str(kind), _binary),
    (lambda is_, kind: is_.is_timestamp(kind), _moment(datetime.datetime.fromisoformat)),
    (lambda is_, kind: is_.is_date(kind), _moment(datetime.date.fromisoformat)),
    (lambda is_, kind: is_.is_time(kind), _moment(datetime.time.fromisoformat)),
    (lambda is_, kind: is_.is_decimal(kind), lambda value, kind: _decimal(value, kind.scale)),
    (lambda is_, kind: is_.is_dictionary(kind), lambda value, kind: _of_type(value, kind.value_type)),
)


def schema_as_text(schema: pa.Schema) -> str:
    """The names and types of ``schema`` as text for a JSON file; no metadata, which may hold anything."""
    import pyarrow as pa

    bare = pa.schema([pa.field(field.name, field.type) for field in schema])
    return base64.b64encode(bare.serialize().to_pybytes()).decode()


def schema_of_text(text: str) -> pa.Schema:
    """What :func:`schema_as_text` wrote. Raises ``ValueError`` if it is damaged."""
    import pyarrow as pa

    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None
