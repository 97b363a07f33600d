"""The cells of one column, whatever pandas dtype holds them: their type, their numbers, their labels."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..dates.numbers import dates_of_numbers
from ..dates.text import format_step, from_seconds, parse_dates, to_seconds
from ..errors import SchemaError
from ..grain.lattice import Lattice, lattice_of
from ..numbers.text import parse_numbers
from ..schema import Column
from .object_cells import as_texts, object_dtype

__all__ = [
    "columns_of",
    "dtype_text",
    "grain_lattice",
    "grid_step",
    "labels",
    "missing_cells",
    "numbers",
    "plain_cells",
    "round_to",
    "texts",
    "to_number",
    "value_type",
]

#: What ``pandas.api.types.infer_dtype`` says of an object column, and what it means here.
_OBJECT_TYPES = {
    "string": "string",
    "boolean": "boolean",
    "integer": "integer",
    "floating": "float",
    "decimal": "decimal",
    "mixed-integer-float": "float",
    "date": "date",
    "datetime": "datetime",
    "datetime64": "datetime",
    "mixed": "mixed",
    "mixed-integer": "mixed",
    "empty": "string",
    "categorical": "category",
    "timedelta": "float",
    "timedelta64": "float",
    "period": "string",
    "interval": "string",
}


def columns_of(table: pd.DataFrame) -> dict[str, pd.Series]:
    """The columns by name, names as text. Raises :class:`SchemaError` if a name stands twice."""
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SchemaError(f"The table has the column {twice!r} more than once; rename one.")
    return {name: table.iloc[:, i] for i, name in enumerate(names)}


_TYPES = (
    (types.is_bool_dtype, "boolean"),
    (types.is_integer_dtype, "integer"),
    (types.is_datetime64_any_dtype, "datetime"),
    (types.is_timedelta64_dtype, "float"),
    (types.is_float_dtype, "float"),
)


def value_type(series: pd.Series, name: str) -> str:
    """What the cells are: boolean, integer, float, decimal, datetime, date, string, category or mixed.

    Objects that are held as text (:mod:`tabular.encoding.object_cells`) are strings, and time spans are floats:
    seconds.

    Raises:
        SchemaError: for cells that no kind can hold (complex numbers, pictures, ...), with the way out.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if (found := next((kind for test, kind in _TYPES if test(dtype)), None)) is not None:
        return found
    if types.is_complex_dtype(dtype):
        raise SchemaError(f"Column {name!r} holds complex numbers; split them into two columns, or drop it.")
    if types.is_string_dtype(dtype) and not types.is_object_dtype(dtype):
        return "string"
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return "string"
    found = _OBJECT_TYPES.get(types.infer_dtype(series.astype(object), skipna=True))
    if found in ("mixed", None) and object_dtype(series) is not None:
        return "string"
    if found == "mixed":
        _refuse_containers(series, name)
    if found is None:
        example = series.dropna().iloc[0]
        raise SchemaError(
            f"Column {name!r} holds values of type {type(example).__name__}, which no kind of column can hold; "
            "turn them into text or numbers, or drop the column."
        )
    if found in ("integer", "float", "decimal") and not _is_spans(series):
        _refuse_beyond_float64(series, name, found)
    return found


def _refuse_beyond_float64(series: pd.Series, name: str, found: str) -> None:
    try:
        values = series.dropna().to_numpy().astype(np.float64)
        beyond = found == "decimal" and bool(np.isinf(values).any())
    except OverflowError:
        beyond = True
    if beyond:
        raise SchemaError(
            f"Column {name!r} holds a number of more than 308 digits, which no number type can hold; leave it out, or "
            "write the column as text."
        )


def _refuse_containers(series: pd.Series, name: str) -> None:
    for cell in series.dropna():
        if not isinstance(cell, str | int | float | decimal.Decimal | datetime.date | np.generic):
            raise SchemaError(
                f"Column {name!r} holds a {type(cell).__name__} in a cell ({str(cell)[:40]}); "
                "a cell must be one value: spread it over columns, turn it into text, or drop the column."
            )


def dtype_text(series: pd.Series, found: str) -> str:
    """The dtype of a column as :attr:`Column.dtype` keeps it.

    Besides the names of pandas: ``"date"`` and ``"decimal"`` for object columns of such Python values,
    ``"category[ordered]"`` for an ordered category.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category[ordered]" if dtype.ordered else "category"
    if types.is_object_dtype(dtype) and found in ("date", "decimal"):
        return found
    if types.is_object_dtype(dtype) and _is_spans(series):
        return "timedelta64[ns]"
    if types.is_object_dtype(dtype) or (found == "string" and not types.is_string_dtype(dtype)):
        return object_dtype(series.astype(object)) or "object"
    return str(dtype)


def _is_spans(series: pd.Series) -> bool:
    """Whether the cells are time spans, whose numbers are seconds."""
    if not types.is_object_dtype(series.dtype):
        return bool(series.dtype.kind == "m")
    return types.infer_dtype(series, skipna=True) in ("timedelta", "timedelta64")


def _seconds(series: pd.Series) -> pd.Series:
    return pd.to_timedelta(series.astype("timedelta64[ns]")).dt.total_seconds()


def plain_cells(series: pd.Series) -> pd.Series:
    """``series``, whose cells are text where they are Python objects that are held so."""
    if types.is_object_dtype(series.dtype) and object_dtype(series) is not None:
        return texts(series)
    return series


def texts(series: pd.Series) -> pd.Series:
    """The cells as Python strings in an object column; missing ones are None."""
    missing = series.isna().to_numpy()
    plain = series.astype(object)
    if types.infer_dtype(plain, skipna=True) != "string":
        cells = np.full(len(plain), None, dtype=object)
        cells[~missing] = as_texts(plain[~missing]).to_numpy(dtype=object)
        return pd.Series(cells, index=series.index, dtype=object, name=series.name)
    return plain.where(~missing, None)


def numbers(series: pd.Series, column: Column) -> np.ndarray:
    """The cells of a numeric column as ``float64``; NaN for missing, infinite and unreadable ones."""
    found = value_type(series, column.name)
    if found == "category":
        series = pd.Series(series.astype(object).to_numpy(), dtype=object)
        found = value_type(series, column.name)
    if found in ("string", "mixed"):
        distinct_codes, distinct = pd.factorize(texts(series))
        parse = parse_dates if column.kind == "datetime" else parse_numbers
        values = parse(
            pd.Series(distinct, dtype=object), column.format or ("ISO8601" if column.kind == "datetime" else "")
        )
        return np.append(values, np.nan)[distinct_codes]
    if found in ("datetime", "date") and column.kind != "datetime":
        raise SchemaError(f"Column {column.name!r} should hold numbers, but holds dates.")
    if column.kind == "datetime" and column.format and found in ("integer", "float", "decimal"):
        return dates_of_numbers(to_number(series, found), column.format)
    return to_number(series, found)


def to_number(series: pd.Series, found: str) -> np.ndarray:
    """Cells of the type ``found`` (not text) as ``float64``; datetimes as seconds since 1970, NaN for missing."""
    if found in ("datetime", "date"):
        return to_seconds(_instants(series))
    if found == "decimal":
        missing = series.isna().to_numpy(dtype=bool)
        return np.where(missing, np.nan, series.astype(object).mask(missing, 0).to_numpy().astype(np.float64))
    if _is_spans(series):
        series = _seconds(series)
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _instants(series: pd.Series) -> pd.Series:
    if isinstance(series.dtype, pd.ArrowDtype) and types.is_datetime64_any_dtype(series.dtype):
        return pd.Series(series.array.__arrow_array__().to_pandas())
    if types.is_datetime64_any_dtype(series.dtype):
        return series
    return pd.to_datetime(series.astype(object), utc=True, errors="coerce")


def labels(series: pd.Series, name: str) -> tuple[np.ndarray, list[Any]]:
    """The cells as codes into their distinct values: ``int64[rows]`` (-1 missing) and Python scalars."""
    found = value_type(series, name)
    if found == "category":
        codes = series.cat.codes.to_numpy().astype(np.int64)
        return codes, [_scalar(value) for value in series.cat.categories]
    if found == "mixed" or (found == "string" and types.is_object_dtype(series.dtype)):
        series = texts(series)
    elif _is_spans(series):
        series = _seconds(series)
    elif found in ("datetime", "date"):
        seconds = to_seconds(_instants(series))
        codes, distinct = pd.factorize(seconds)
        return codes, [moment.isoformat() for moment in from_seconds(distinct)]
    codes, distinct = pd.factorize(series)
    return codes, [_scalar(value) for value in distinct]


def _scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, datetime.date):  # and datetime
        return value.isoformat()
    return value if isinstance(value, bool | int | float) else str(value)


def missing_cells(series: pd.Series, found: str) -> np.ndarray:
    """Which cells are missing: ``bool[rows]``; infinite numbers count as missing."""
    missing = series.isna().to_numpy(dtype=bool)
    if found == "float" and not _is_spans(series):
        missing = missing | np.isinf(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return missing


def grid_step(column: Column) -> float | None:
    """The distance between two neighbouring values a numeric column can take (seconds for datetimes).

    ``None`` where there is no grid.
    """
    if column.kind == "integer":
        return 1.0
    if column.kind == "datetime":
        step = format_step(column.format) if column.format else 1.0
        return step if step >= 60 else 10.0 ** -(column.decimals or 0)
    return None if column.decimals is None else 10.0**-column.decimals


def grain_lattice(column: Column) -> Lattice | None:
    """The values that the grain of a numeric column allows; ``None`` where it has none."""
    decimals = 0 if column.kind == "integer" else column.decimals if column.kind != "datetime" else column.decimals or 0
    if column.grain is None or decimals is None:
        return None
    return lattice_of(column.grain, decimals, column.kind == "datetime")


def round_to(values: np.ndarray, decimals: int) -> np.ndarray:
    """``values`` rounded; those so large that they have no such digits are left as they are, bit for bit."""
    small = np.abs(values) < 2.0**52 / 10.0**decimals
    return np.where(small, np.round(np.where(small, values, 0.0), decimals), values)
