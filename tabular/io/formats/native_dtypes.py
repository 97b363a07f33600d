"""Columns of text in a native dtype, where that changes no cell: writing every number gives its text again."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TRUTH", "are_thousands", "native_column", "native_numbers", "text_column"]

TRUTH = ("True", "False")
_THOUSANDS = re.compile(r"^-?[1-9]\d{0,2}\.\d{3}$")
#: Digits without a zero too many; up to 15 of them float64 holds so exactly that ``repr`` gives them back.
_SHORTEST = r"^-?(?:0|[1-9]\d*)\.(?:0|\d*[1-9])$"
_EXACT_LENGTH = 16
#: Within these pandas writes a float without an exponent.
_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e16


def native_column(cells: pa.ChunkedArray) -> pd.Series:
    """``cells`` (text) as int64, Int64 (integers with gaps), float64 or bool if each cell's text survives.

    A text survives if the number that is read from it is written as that text: ``007``, ``+5``, ``1.50``, ``5`` among
    fractions, ``nan`` and ``TRUE`` do not, and one of them leaves the column as text. All missing: float64, as pandas
    does.
    """
    if cells.null_count == len(cells):
        return pd.Series(np.full(len(cells), np.nan))
    first = next(cell.as_py() for chunk in cells.chunks for cell in chunk.drop_null()[:1])
    if first in TRUTH and not cells.null_count:
        if pc.all(pc.is_in(cells, pa.array(TRUTH, cells.type))).as_py():
            return pd.Series(pc.equal(cells, "True").to_numpy())
    elif first[-1:].isdigit() and not are_thousands(cells):
        for number_type in (pa.int64(), pa.float64()):
            numbers = _numbers(cells, number_type)
            if numbers is not None:
                return _number_column(numbers)
    return text_column(cells)


def text_column(cells: pa.ChunkedArray) -> pd.Series:
    """``cells`` (text) in the dtype that this pandas keeps text in; missing cells are NaN."""
    dtype = pd.Series(["a"]).dtype
    if pd.api.types.is_object_dtype(dtype):  # pandas 2
        plain = cells.to_pandas()
        return plain.where(plain.notna(), np.nan)
    return pd.Series(dtype.__from_arrow__(cells))


def are_thousands(cells: pa.Array | pa.ChunkedArray) -> bool:
    """Whether every cell is such as ``3.685``, which is over three thousand where the decimal mark is a comma."""
    first = next((cell.as_py() for cell in cells if cell.is_valid), "")
    return bool(_THOUSANDS.fullmatch(first)) and pc.all(pc.match_substring_regex(cells, _THOUSANDS.pattern)).as_py()


def _numbers(cells: pa.ChunkedArray, number_type: pa.DataType) -> pa.ChunkedArray | None:
    """``cells`` as numbers, or ``None`` as soon as a chunk has a text that does not survive."""
    found = []
    for chunk in cells.chunks:
        numbers = native_numbers(chunk, number_type)
        if numbers is None:
            return None
        found.append(numbers)
    return pa.chunked_array(found, number_type)


def native_numbers(texts: pa.Array, number_type: pa.DataType) -> pa.Array | None:
    """``texts`` as int64 or float64, or ``None`` where one does not survive."""
    try:
        numbers = texts.cast(number_type)
    except pa.ArrowInvalid:
        return None
    same = _same_integers if pa.types.is_integer(number_type) else _same_floats
    return numbers if same(texts, numbers) else None


def _same_integers(texts: pa.Array, numbers: pa.Array) -> bool:
    return bool(pc.all(pc.equal(numbers.cast(texts.type), texts), min_count=0).as_py())


def _same_floats(texts: pa.Array, numbers: pa.Array) -> bool:
    """Whether ``repr`` of each float, which is how pandas writes it, is its text."""
    size = pc.abs(numbers)
    large_enough = pc.or_(pc.equal(size, 0.0), pc.greater_equal(size, _PLAIN_FROM))
    short = pc.less_equal(pc.binary_length(texts), _EXACT_LENGTH)
    sure = pc.and_(pc.and_(short, large_enough), pc.match_substring_regex(texts, _SHORTEST))
    unsure = pc.invert(pc.fill_null(sure, True))
    texts, numbers = texts.filter(unsure), numbers.filter(unsure)
    # Arrow writes the same shortest digits much faster than Python, but other exponents, and no ".0".
    size = pc.abs(numbers)
    as_python = pc.and_(pc.greater_equal(size, _PLAIN_FROM), pc.less(size, _PLAIN_TO))
    as_python = pc.and_(as_python, pc.not_equal(numbers, pc.floor(numbers)))
    same = pc.and_(as_python, pc.equal(numbers.cast(texts.type), texts))
    rest = texts.filter(pc.invert(same)).unique().to_pylist()
    return all(repr(value) == text for value, text in zip(map(float, rest), rest, strict=True))


def _number_column(numbers: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_floating(numbers.type) or not numbers.null_count:
        return pd.Series(numbers.to_numpy())
    return numbers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
