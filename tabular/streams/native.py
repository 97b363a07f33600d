"""The dtype of a column of text, settled block by block, as :mod:`tabular.io.formats.native_dtypes` settles it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..io.formats.native_dtypes import TRUTH, are_thousands, native_numbers, text_column

__all__ = ["NativeType"]

_NUMBERS = {"integer": pa.int64(), "float": pa.float64()}


@dataclass
class NativeType:
    """What all texts of a column so far have in common.

    Attributes:
        type: ``"integer"``, ``"float"``, ``"boolean"`` or ``"text"``; ``None`` before the first text.
        thousands: whether all are such as ``3.685``, which may be over three thousand.
        gaps: whether cells are missing.
        low, high: the least and the greatest number.
    """

    type: str | None = None
    thousands: bool = True
    gaps: bool = False
    low: float | None = None
    high: float | None = None

    def add(self, values: pa.Array, *, gaps: bool) -> None:
        """Distinct texts of the next block, and whether cells of it are missing."""
        self.gaps |= gaps
        if not len(values) or self.type == "text":
            return
        self.thousands = self.thousands and are_thousands(values)
        found = self._of(values)
        self.type = found if self.type in (None, found) else "text"

    def _of(self, values: pa.Array) -> str:
        # What the texts so far were is tried alone: another type makes the column one of text. The first one decides
        # what is tried at all, so that a column that begins with "nan" is one of text.
        first = values[0].as_py()
        if self.type is None and first not in TRUTH and not first[-1:].isdigit():
            return "text"
        if self.type in (None, "boolean") and pc.all(pc.is_in(values, pa.array(TRUTH, values.type))).as_py():
            return "boolean"
        for name, kind in _NUMBERS.items():
            if self.type in (None, name) and (numbers := native_numbers(values, kind)) is not None:
                ends = pc.min_max(numbers).as_py()
                self.low = ends["min"] if self.low is None else min(self.low, ends["min"])
                self.high = ends["max"] if self.high is None else max(self.high, ends["max"])
                return name
        return "text"

    @property
    def settled(self) -> str:
        """``"empty"``, ``"integer"``, ``"float"``, ``"boolean"`` or ``"text"``, when all blocks were added."""
        if self.type is None:
            return "empty"
        if (self.type == "boolean" and self.gaps) or (self.type == "float" and self.thousands):
            return "text"
        return self.type

    def series(self, cells: pa.ChunkedArray) -> pd.Series:
        """``cells`` (text) of this column, all or some, in its dtype."""
        settled = self.settled
        if settled == "empty":
            return pd.Series([float("nan")] * len(cells), dtype="float64")
        if settled == "text":
            return text_column(cells)
        if settled == "boolean":
            return pd.Series(pc.equal(cells, "True").to_numpy())
        if settled == "integer" and self.gaps:
            return cells.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return pd.Series(cells.cast(_NUMBERS[settled]).to_numpy())
