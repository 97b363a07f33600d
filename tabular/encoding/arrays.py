"""The canonical form of a table, which every generator learns from and gives back.

One numpy array per column: numbers as ``float64`` (NaN missing; datetimes as seconds since 1970), values
from a closed list as ``int32`` codes into :attr:`Column.categories` (-1 missing), text as objects
(``None`` missing).
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..dates.forms import compiled
from ..dates.numbers import numbers_of_dates
from ..dates.text import format_dates, from_seconds
from ..dates.zones import in_zones, without_zones
from ..errors import SchemaError
from ..numbers.text import format_numbers
from ..plain_json import shown
from ..schema import Column, Schema
from .cells import columns_of, grain_lattice, grid_step, labels, numbers, round_to, texts
from .marks import put_marks
from .object_cells import OBJECT_DTYPES, back_to_objects

__all__ = ["from_arrays", "holds_date_numbers", "holds_text", "known_dtype", "local_time", "on_grid", "to_arrays"]


def to_arrays(
    table: pd.DataFrame, schema: Schema, *, unseen: Literal["error", "missing"] = "error"
) -> dict[str, np.ndarray]:
    """The canonical arrays of ``table``, in the order of ``schema``.

    Args:
        table: may hold more columns than the schema; they are left out.
        schema: what to read the columns as.
        unseen: what a category becomes that the schema does not list (unless it folds rare ones).

    Returns:
        Per column ``float64[rows]``, ``int32[rows]`` or ``object[rows]``. Cells that should be numbers
        or dates and are not are missing.

    Raises:
        SchemaError: if the table lacks a column, or holds an unseen category.
    """
    columns = columns_of(table)
    absent = [name for name in schema.names if name not in columns]
    if absent:
        raise SchemaError(
            f"The table has no column {absent[0]!r}, which its schema lists; "
            f"it has {', '.join(map(repr, columns))}. Add the column, or infer the schema anew."
        )
    arrays: dict[str, np.ndarray] = {}
    for column in schema:
        series = columns[column.name]
        if column.is_numeric:
            arrays[column.name] = numbers(series, column)
        elif column.has_categories:
            arrays[column.name] = _codes(series, column, unseen)
        else:
            arrays[column.name] = texts(series).to_numpy(dtype=object)
    return arrays


def _codes(series: pd.Series, column: Column, unseen: str) -> np.ndarray:
    found, distinct = labels(series, column.name)
    known = {value: code for code, value in enumerate(column.categories)}
    # A file read anew may give 1 for "1" or the other way round; the text of a value decides then.
    as_text = {str(value): code for value, code in known.items()}
    used = set(np.unique(found).tolist()) if len(distinct) else set()
    other = None if column.other is None else known.get(column.other)
    codes = np.full(len(distinct) + 1, -1, dtype=np.int32)
    for index, value in enumerate(distinct):
        code = known.get(value)
        if code is None or (isinstance(value, bool) != isinstance(column.categories[code], bool)):
            code = as_text.get(str(value), _numeric_code(value, known))
        if code is None and index in used and str(value) != column.name:  # the name itself: a repeated header
            code = other
            if code is None and unseen == "error":
                fraction = 100 * float((found == index).sum()) / max(1, int((found >= 0).sum()))
                raise SchemaError(
                    f"Column {column.name!r} holds {shown(value)} in {fraction:.3g} % of its cells, which is not among "
                    f"the {len(known)} categories of its schema; add it there, infer the schema anew, or clear these "
                    "cells."
                )
        codes[index] = -1 if code is None else code
    return codes[found]


def _numeric_code(value: Any, known: Mapping[Any, int]) -> int | None:
    try:
        return known.get(float(value))
    except (TypeError, ValueError):
        return None


def from_arrays(arrays: Mapping[str, np.ndarray], schema: Schema) -> pd.DataFrame:
    """The table that canonical ``arrays`` stand for, with the dtypes, order, decimals and bounds of ``schema``.

    Numbers are rounded to the column's decimals and clipped to its bounds. A dtype that cannot hold
    missing values (``int64``, ``bool``) becomes its nullable twin if there are some.

    Raises:
        SchemaError: if ``arrays`` lacks a column or its arrays differ in length.
    """
    absent = [name for name in schema.names if name not in arrays]
    if absent:
        raise SchemaError(f"There are no values for the column {absent[0]!r}.")
    lengths = {len(arrays[name]) for name in schema.names}
    if len(lengths) > 1:
        raise SchemaError(f"The columns differ in length: {sorted(lengths)}.")
    made = {}
    for column in schema:
        values = np.asarray(arrays[column.name])
        if column.kind == "datetime":
            made[column.name] = _datetimes(values, column)
        elif column.is_numeric:
            made[column.name] = _numbers(values, column)
        elif column.has_categories:
            made[column.name] = _categories(values, column)
        else:
            made[column.name] = _as_dtype(values.astype(object), column)
    return pd.DataFrame(made, columns=schema.names, index=pd.RangeIndex(max(lengths, default=0)))


def on_grid(values: np.ndarray, column: Column) -> np.ndarray:
    """``values`` (float64[rows]) rounded to the numbers that ``column`` can hold, and clipped to its bounds."""
    values = values.astype(np.float64)
    form = compiled(column.format) if column.kind == "datetime" and column.format else None
    if form is not None and form.zones:
        local, zone = without_zones(values, form)
        return in_zones(on_grid(local, local_time(column)), zone, form)
    if column.kind == "integer":
        values = np.rint(values)
    elif column.kind == "datetime":
        step = grid_step(column) or 0.0
        values = np.rint(values / step) * step if step >= 1 else round_to(values, column.decimals or 0)
    elif column.decimals is not None:
        values = round_to(values, column.decimals)
    lattice = grain_lattice(column)
    if lattice is not None:
        values = lattice.nearest(values)
    if column.minimum is not None and column.maximum is not None:
        low, high = column.minimum, column.maximum
        if lattice is not None:  # a person may have set bounds between two of its values
            ends = lattice.ceil(np.array([low]))[0], lattice.floor(np.array([high]))[0]
            low, high = ends if ends[0] <= ends[1] else (low, high)
        values = np.clip(values, low, high)
    return values


def local_time(column: Column) -> Column:
    """A column of instants without the zones of its format."""
    return replace(column, format=re.sub(r"%\{[^}]*\}z", "", column.format or ""))


def _datetimes(values: np.ndarray, column: Column) -> pd.Series:
    seconds = on_grid(values, column)
    if holds_text(column):
        texts_ = format_dates(seconds, column.format or "%Y-%m-%d %H:%M:%S")
        if column.format and "%f" in column.format and (column.decimals or 6) < 6:
            cut = 6 - (column.decimals or 6)  # strftime writes six digits; the column may keep three
            texts_ = np.array([None if t is None else _cut(t, cut) for t in texts_], dtype=object)
        return _as_dtype(put_marks(texts_, column), column)
    if holds_date_numbers(column):
        return _as_numbers(numbers_of_dates(seconds, column.format or ""), column)
    instants = pd.Series(from_seconds(seconds, column.format))
    if column.dtype == "date":
        days = [None if moment is pd.NaT else moment.date() for moment in instants]
        return pd.Series(days, dtype=object)
    dtype = _parsed_dtype(column.dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return instants.dt.tz_localize("UTC").astype(dtype)
    if isinstance(dtype, pd.ArrowDtype) and getattr(dtype.pyarrow_dtype, "tz", None):
        return instants.dt.tz_localize("UTC").dt.tz_convert(dtype.pyarrow_dtype.tz).astype(dtype)
    return instants.astype(dtype)


def _cut(text: str, digits: int) -> str:
    """``text`` without the last ``digits`` of its six digits of a second."""
    point = text.index(".") + 7
    return text[: point - digits] + text[point:]


def _numbers(values: np.ndarray, column: Column) -> pd.Series:
    return _as_numbers(on_grid(values, column), column)


def _as_numbers(values: np.ndarray, column: Column) -> pd.Series:
    """Numbers (float64[rows]) as the dtype of ``column``."""
    missing = np.isnan(values)
    if column.kind != "datetime" and holds_text(column) and column.format:
        return _as_dtype(put_marks(format_numbers(values, column.format), column), column)
    if column.dtype == "decimal":
        quantum = decimal.Decimal(1).scaleb(-(column.decimals or 0))
        cells = [None if math.isnan(v) else decimal.Decimal(repr(v)).quantize(quantum) for v in values.tolist()]
        return pd.Series(cells, dtype=object)
    if column.dtype == "object" or holds_text(column):
        plain = [np.nan if math.isnan(v) else int(v) if column.kind == "integer" else v for v in values.tolist()]
        return pd.Series(plain, dtype=object)
    dtype = _parsed_dtype(column.dtype)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return _spans(values).astype(dtype)
    whole = pd.api.types.is_integer_dtype(dtype)
    if whole and missing.any():
        held = _whole(np.where(missing, 0, values), dtype)
        return pd.Series(pd.array(held, dtype=_nullable(dtype))).mask(missing)
    if whole:
        return pd.Series(_whole(values, dtype)).astype(dtype)
    if isinstance(dtype, np.dtype):
        return pd.Series(values.astype(dtype))
    return pd.Series(values).astype("Float64").mask(missing).astype(dtype)


def _spans(seconds: Any) -> pd.Series:
    """Time spans of so many seconds, to the microsecond: float64 holds no more of a long one."""
    return pd.Series(pd.to_timedelta(np.round(np.asarray(seconds, dtype=np.float64) * 1e6), unit="us"))


def _whole(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Whole float64 numbers as int64 or uint64, by the sign that ``dtype`` has; its largest number is no float64."""
    held = np.dtype(np.uint64 if getattr(dtype, "numpy_dtype", dtype).kind == "u" else np.int64)
    ends = np.iinfo(held)
    above = values >= float(ends.max)
    found = np.where(above, 0, np.maximum(values, ends.min)).astype(held)
    found[above] = ends.max
    return found


def _nullable(dtype: Any) -> Any:
    """The dtype itself if it can hold missing values, else the nullable one of the same width."""
    if not isinstance(dtype, np.dtype):
        return dtype
    return "boolean" if dtype == np.dtype(bool) else dtype.name.replace("i", "I", 1).replace("u", "U", 1)


def _categories(codes: np.ndarray, column: Column) -> pd.Series:
    codes = codes.astype(np.int64)
    missing = codes < 0
    values: list[Any] = list(column.categories)
    if column.dtype.startswith("category"):
        if column.levels:
            positions = pd.Index(column.levels).get_indexer(pd.Index(values))
            values, codes = list(column.levels), np.where(missing, -1, positions[np.maximum(codes, 0)])
        kind = pd.CategoricalDtype(pd.Index(values), ordered=column.dtype == "category[ordered]")
        return pd.Series(pd.Categorical.from_codes(codes, dtype=kind))
    if not values:
        return pd.Series(np.full(len(codes), np.nan)).astype(
            _safe_missing(column.dtype) if len(codes) else column.dtype
        )
    if column.dtype == "decimal":
        values = [decimal.Decimal(str(value)) for value in values]
    elif column.dtype == "date":
        values = [datetime.date.fromisoformat(str(value)[:10]) for value in values]
    elif column.dtype in OBJECT_DTYPES:
        values = list(back_to_objects(np.array([*map(str, values), None], dtype=object), column.dtype))[:-1]
    dtype = _parsed_dtype(column.dtype)
    if isinstance(dtype, np.dtype) and missing.any() and dtype.kind in "iub":
        dtype = _nullable(dtype)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        instants = pd.DatetimeIndex(pd.to_datetime(values))
        aware = isinstance(dtype, pd.DatetimeTZDtype)
        pool = pd.Series(instants.tz_localize("UTC") if aware else instants).astype(dtype)
    elif pd.api.types.is_timedelta64_dtype(dtype):
        pool = _spans(values).astype(dtype)
    elif pd.api.types.is_object_dtype(dtype):
        cells = np.empty(len(values), dtype=object)
        for index, value in enumerate(values):  # at once, numpy would spread lists over the array
            cells[index] = value
        return pd.Series(pd.api.extensions.take(cells, codes, allow_fill=True), dtype=object)
    else:
        pool = pd.Series(pd.array(values, dtype=dtype))
    # The code -1 is no label of the pool, so reindex leaves those cells missing.
    return (pool.reindex(codes) if missing.any() else pool.take(codes)).reset_index(drop=True)


def _safe_missing(name: str) -> Any:
    dtype = _parsed_dtype(name)
    return _nullable(dtype) if isinstance(dtype, np.dtype) and dtype.kind in "iub" else dtype


def _as_dtype(cells: np.ndarray, column: Column) -> pd.Series:
    """Object ``cells`` (None missing) as a column of text, or of numbers for an identifier such as 1, 2, 3."""
    if column.dtype in OBJECT_DTYPES:
        return pd.Series(list(back_to_objects(cells, column.dtype)), dtype=object)
    dtype = _parsed_dtype(column.dtype)
    missing = pd.isna(cells)
    if pd.api.types.is_object_dtype(dtype):
        return pd.Series(np.where(missing, np.nan, cells), dtype=object)
    if pd.api.types.is_integer_dtype(dtype):
        whole = np.array([0 if gone else int(cell) for gone, cell in zip(missing, cells, strict=True)], dtype=object)
        filled = pd.Series(pd.array(whole, dtype=dtype))
        return filled.astype(_nullable(dtype)).mask(missing) if missing.any() else filled
    if pd.api.types.is_float_dtype(dtype):
        return pd.Series(cells, dtype=object).astype("float64").astype(dtype)
    return pd.Series(cells, dtype=object).astype(dtype)


def holds_text(column: Column) -> bool:
    """Whether the column writes numbers or dates as text."""
    if column.dtype in OBJECT_DTYPES:
        return True
    if column.dtype == "object":
        return column.format is not None
    dtype = _parsed_dtype(column.dtype)
    return bool(pd.api.types.is_string_dtype(dtype)) and not pd.api.types.is_object_dtype(dtype)


def holds_date_numbers(column: Column) -> bool:
    """Whether the column writes dates as numbers such as 20240317."""
    if column.kind != "datetime" or column.format is None or column.dtype in ("object", "date"):
        return False
    return bool(pd.api.types.is_numeric_dtype(_parsed_dtype(column.dtype)))


def _parsed_dtype(name: str) -> Any:
    """The dtype called ``name``; what this pandas does not know (``str`` before pandas 3) becomes object."""
    if name in ("date", "decimal", "str", "object") or name in OBJECT_DTYPES:
        return pd.Series(["a"]).dtype if name == "str" else np.dtype(object)
    if name.endswith("[pyarrow]") and ("string" in name or "[us" in name):
        return _arrow_dtype(name)
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, NotImplementedError):
        return _arrow_dtype(name) if name.endswith("[pyarrow]") else np.dtype(object)


def known_dtype(name: str) -> bool:
    """Whether ``name`` is the dtype of a column of a DataFrame, by this pandas or another release of it."""
    if name in ("date", "decimal", "str", "object", "category", "category[ordered]") or name in OBJECT_DTYPES:
        return True
    try:
        dtype = _parsed_dtype(name)
    except Exception:  # a time zone, a unit or a width that does not exist: each library has its own error
        return False
    if isinstance(dtype, np.dtype):
        # A subarray such as "1000000000i8" is a dtype of numpy too. Arrow may be missing where a run is read.
        plain = dtype.kind in "biufmM" and dtype.subdtype is None
        return plain or (dtype.kind == "O" and name.endswith(("[pyarrow]", "[pyarrow_numpy]", "[python]")))
    return True


def _arrow_dtype(name: str) -> Any:
    """An Arrow dtype that pandas cannot build from its own name."""
    import pyarrow as pa

    inner = name.removesuffix("[pyarrow]")
    if inner in ("string", "large_string"):
        return pd.ArrowDtype(getattr(pa, inner)())
    if found := re.fullmatch(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]", inner):
        return pd.ArrowDtype(pa.timestamp(found[1], tz=found[2]))
    if found := re.fullmatch(r"decimal128\((\d+), (\d+)\)", inner):
        return pd.ArrowDtype(pa.decimal128(int(found[1]), int(found[2])))
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, NotImplementedError):
        return np.dtype(object)
