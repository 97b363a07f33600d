"""The values of a column in a few groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..plain_json import FieldError, check_fields, list_of, real

__all__ = ["GROUPS", "MIN_CELL", "Grouping"]

#: Groups of a column, about; "missing" is one more.
GROUPS = 16
#: What fewer rows than these share is kept of no group and no cell.
MIN_CELL = 20


@dataclass(frozen=True)
class Grouping:
    """Which group a canonical value (:func:`tabular.encoding.arrays.to_arrays`) belongs to.

    Attributes:
        alone: float64, ascending: values that are groups of their own, such as frequent categories and a number's 0.
        edges: float64, ascending: the largest value of each group of the others but the last.
    """

    alone: np.ndarray
    edges: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, *, ordered: bool) -> Grouping:
        """Groups of about equal numbers of rows.

        Args:
            values: numbers, or codes of categories below 0 where missing.
            ordered: whether neighbouring values may share a group; else rare ones share one.
        """
        known = _numbers(values)
        distinct, counts = np.unique(known[~np.isnan(known)], return_counts=True)
        enough = counts >= MIN_CELL
        if len(distinct) <= GROUPS or not ordered:
            often = np.sort(np.argsort(-counts, kind="stable")[:GROUPS])
            return cls(distinct[often[enough[often]]], np.empty(0))
        alone = enough & (counts > counts.sum() / GROUPS)
        others, weights = distinct[~alone], counts[~alone]
        groups = min(GROUPS - int(alone.sum()), int(weights.sum()) // MIN_CELL)
        below = np.cumsum(weights) / max(weights.sum(), 1)
        return cls(distinct[alone], others[np.unique(np.searchsorted(below, np.arange(1, groups) / max(groups, 1)))])

    @property
    def size(self) -> int:
        """Groups, "missing" included."""
        return len(self.edges) + len(self.alone) + 2

    def groups(self, values: np.ndarray) -> np.ndarray:
        """int64[n], 0 to ``size - 1``: the group of each value; 0 where it is missing."""
        numbers = _numbers(values)
        group = 1 + np.searchsorted(self.edges, numbers, side="left")
        if len(self.alone):
            position = np.minimum(np.searchsorted(self.alone, numbers), len(self.alone) - 1)
            group = np.where(self.alone[position] == numbers, len(self.edges) + 2 + position, group)
        return np.where(np.isnan(numbers), 0, group)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"alone": self.alone.tolist(), "edges": self.edges.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grouping:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {"alone": list_of(real()), "edges": list_of(real())}, "it")
        grouping = cls(np.asarray(data["alone"], float), np.asarray(data["edges"], float))
        if any(np.any(np.diff(values) <= 0) for values in (grouping.alone, grouping.edges)):
            raise FieldError("it has groups that do not ascend")
        return grouping


def _numbers(values: np.ndarray) -> np.ndarray:
    """float64: canonical values, NaN where missing."""
    numbers = np.asarray(values, np.float64)
    return numbers if values.dtype.kind == "f" else np.where(numbers < 0, np.nan, numbers)
