"""One side of a key: parents, their children, and which child is whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tabular.relations.means import means_by_owner
from tabular.schema import Schema

__all__ = ["Families"]

#: Categories of a child's column whose shares of a parent's children are features.
MAX_SHARES = 6


@dataclass(frozen=True)
class Families:
    """Parents and children.

    Attributes:
        parent_schema, child_schema: of the columns that are compared, without keys.
        parents, children: canonical arrays of these.
        owner: int64[children], the row of the parent; -1 for none.
    """

    parent_schema: Schema
    child_schema: Schema
    parents: Mapping[str, np.ndarray]
    children: Mapping[str, np.ndarray]
    owner: np.ndarray
    size: int

    @property
    def counts(self) -> np.ndarray:
        """float64[parents], children of each."""
        return np.bincount(self.owner[self.owner >= 0], minlength=self.size).astype(np.float64)

    def of_parents(self, rows: np.ndarray) -> Families:
        """Some parents with their children."""
        number = np.full(self.size + 1, -1, np.int64)
        number[rows] = np.arange(len(rows))
        owner = number[self.owner]
        kept = owner >= 0
        return Families(
            self.parent_schema,
            self.child_schema,
            {name: values[rows] for name, values in self.parents.items()},
            {name: values[kept] for name, values in self.children.items()},
            owner[kept],
            len(rows),
        )

    def features(self) -> dict[str, np.ndarray]:
        """Name -> float64[parents]: the parent's columns and aggregates of its children, NaN where there is none."""
        found = {"children": self.counts}
        for column in self.parent_schema:
            values = self.parents[column.name]
            found[column.name] = (
                values if column.is_numeric else np.where(values < 0, np.nan, values.astype(np.float64))
            )
        for column in self.child_schema:
            values = self.children[column.name]
            if column.is_numeric:
                mean = self._mean(values)
                off = (values - mean[self.owner]) ** 2
                found[f"mean {column.name}"], found[f"spread {column.name}"] = mean, np.sqrt(self._mean(off))
            else:
                for code, category in enumerate(column.categories[:MAX_SHARES]):
                    found[f"{column.name} {category}"] = self._mean((values == code).astype(np.float64))
        return found

    def _mean(self, values: np.ndarray) -> np.ndarray:
        return means_by_owner(values, self.owner, self.size)
