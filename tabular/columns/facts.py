"""What is known of one column before its kind is decided; each fact is computed once, when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import pandas as pd

from ..codes.sequences import find_counting
from ..dates.numbers import detect_date_numbers
from ..dates.text import DateText, detect_date_text
from ..encoding.cells import dtype_text, missing_cells, texts, to_number, value_type
from ..encoding.marks import known_marks
from ..numbers.detection import NumberText, detect_number_text, sample_places

__all__ = ["BAD_SHARE", "ColumnFacts", "as_whole", "column_facts"]

#: A column of text is one of numbers (or dates) if at most this fraction of its cells is something else.
BAD_SHARE = 0.02
#: More distinct texts than this are tried by a sample first, of which this fraction of the cells may be something else.
_MANY, _LOOSE_SHARE = 5_000, 0.9

_HeldText = TypeVar("_HeldText", NumberText, DateText)


@dataclass(frozen=True)
class ColumnFacts:
    """One column.

    Attributes:
        type: what the cells are (:func:`tabular.encoding.cells.value_type`); mixed objects count as string.
        dtype: as :attr:`Column.dtype` keeps it.
        rows: cells in all.
        filled: the cells that are not missing.
        notes: what was met on the way.
        point: the decimal mark of the table, for texts that leave it open (``1,234``).
    """

    name: str
    type: str
    dtype: str
    rows: int
    filled: pd.Series
    notes: tuple[str, ...] = ()
    point: str | None = None

    @cached_property
    def _counted(self) -> pd.Series:
        return self.filled.value_counts(sort=False, dropna=True)

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each of :attr:`distinct` occurs: ``int64[distinct]``, none 0."""
        counts = self._counted.to_numpy(dtype=np.int64)
        return counts[counts > 0]

    @cached_property
    def distinct(self) -> pd.Series:
        """The distinct filled values, in the order of :attr:`counts`."""
        counted = self._counted
        return pd.Series(counted.index[counted.to_numpy(dtype=np.int64) > 0])

    @property
    def cells(self) -> int:
        """How many cells are filled."""
        return len(self.filled)

    @property
    def kinds(self) -> int:
        """How many distinct values there are."""
        return len(self.distinct)

    @property
    def is_unique(self) -> bool:
        """Whether no value comes twice."""
        return self.kinds == self.cells

    @property
    def missing(self) -> int:
        """How many cells are missing."""
        return self.rows - self.cells

    @property
    def distinct_share(self) -> float:
        """Distinct values per filled cell, 0 to 1."""
        return self.kinds / max(1, self.cells)

    def ends(self) -> tuple[float, float]:
        """The least and the greatest number of a column of numbers."""
        return float(self.numbers.min()), float(self.numbers.max())

    def counting(self, *, gaps: bool = True, shuffled: bool = False, whole: bool = False) -> str | None:
        """The pattern by which the cells count from row to row (:func:`tabular.codes.sequences.find_counting`).

        Args:
            whole: the cells are whole numbers, whatever their type.
        """
        return find_counting(as_whole(self.filled) if whole else self.filled, gaps=gaps, shuffled=shuffled)

    def from_one(self) -> bool:
        """Whether the cells, whole numbers, are 1, 2, 3, ..."""
        return bool((as_whole(self.filled).to_numpy() == np.arange(1, self.cells + 1)).all())

    @property
    def is_text(self) -> bool:
        """Whether the cells are strings."""
        return self.type == "string"

    @cached_property
    def texts(self) -> pd.Series:
        """The distinct values as Python strings."""
        return texts(self.distinct)

    @cached_property
    def number_text(self) -> NumberText | None:
        """How the column writes numbers as text, if it does; marks among them have the value NaN."""
        return self._held(partial(detect_number_text, point=self.point))

    @cached_property
    def date_text(self) -> DateText | None:
        """How the column writes dates as text, or as numbers such as 20240317, if it does; marks have the value NaN."""
        if self.is_text:
            return self._held(partial(detect_date_text, name=self.name))
        return detect_date_numbers(self.numbers, self.name) if self.type in ("integer", "float") else None

    @cached_property
    def _may_hold_values(self) -> np.ndarray:
        return ~known_marks(self.texts)

    def _held(self, detect: Callable[..., _HeldText | None]) -> _HeldText | None:
        """What ``detect`` finds in the texts that are no known marks."""
        if not self.is_text or not self._may_be_held(detect) or not self._may_hold_values.any():
            return None
        rest = self._may_hold_values
        found = detect(self.texts[rest], self.counts[rest], bad_share=BAD_SHARE)
        if found is None or rest.all():
            return found
        values = np.full(len(rest), np.nan)
        values[rest] = found.values
        return replace(found, values=values)

    def _may_be_held(self, detect: Callable[..., _HeldText | None]) -> bool:
        """Whether a sample of many texts is held, loosely: most columns of prose and codes are left there."""
        if len(self.texts) <= _MANY:
            return True
        positions = sample_places(self.counts)
        texts = self.texts.iloc[positions]
        rest = ~known_marks(texts)
        if not rest.any():
            return True
        return detect(texts[rest], self.counts[positions][rest], bad_share=_LOOSE_SHARE) is not None

    @cached_property
    def numbers(self) -> np.ndarray:
        """:attr:`distinct` as ``float64`` (datetimes: seconds), NaN where a text is none."""
        if self.is_text:
            found = self.number_text
            return np.full(len(self.distinct), np.nan) if found is None else found.values
        return to_number(self.distinct, self.type)


def as_whole(cells: pd.Series) -> pd.Series:
    """Whole numbers as int64, or uint64 where one needs it."""
    return cells.astype(np.uint64 if cells.max() > np.iinfo(np.int64).max else np.int64)


def column_facts(name: str, series: pd.Series, skip: np.ndarray | None) -> ColumnFacts:
    """The facts of a column; cells in ``skip`` (``bool[rows]``) count as missing.

    Raises:
        SchemaError: for cells that no kind of column can hold.
    """
    notes: list[str] = []
    if isinstance(series.dtype, pd.CategoricalDtype) and value_type(series.cat.categories.to_series(), name) in (
        "datetime",
        "date",
    ):
        series = series.astype(series.cat.categories.dtype)
    found = value_type(series, name)
    if found == "datetime" and series.dtype == object:
        aware = any(getattr(moment, "tzinfo", None) is not None for moment in series.dropna())
        series = pd.to_datetime(series, utc=aware)
        notes.append(f"Holds datetime objects: given back as {series.dtype}.")
    dtype = dtype_text(series, found)
    missing = missing_cells(series, found)
    if found == "float" and (infinite := int(missing.sum() - series.isna().sum())):
        notes.append(f"{infinite:,} infinite values: read as missing.")
    if found == "mixed":
        series, found = texts(series), "string"
        notes.append("Holds values of several types: read as text.")
    if skip is not None:
        missing = missing | skip
    if found == "decimal":
        series = series.astype(object)
    filled = series[~missing] if missing.any() else series
    if found == "string" and (filled.dtype.kind == "O" or not pd.api.types.is_string_dtype(filled.dtype)):
        filled = texts(filled)
    return ColumnFacts(name, found, dtype, len(series), filled.reset_index(drop=True), tuple(notes))
