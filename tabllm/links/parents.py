"""Another parent of a row: the kind of parent is learned with the row, and one of that kind is taken.

Parents are grouped by what they are and how many rows name them. A row is made with the group; then the rows of a group
are spread over its parents in proportion to how many rows each of these should have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular.schema import Schema

__all__ = ["ParentGroups"]

#: Groups at most.
MAX_GROUPS = 40
#: Columns of the parent by which groups are formed, and categories of one.
MAX_COLUMNS, MAX_CATEGORIES = 12, 20
#: Parents that groups are found by, at most, and parents that are put into groups at once.
MAX_FITTED, PART_ROWS = 20_000, 1 << 16


@dataclass(frozen=True)
class ParentGroups:
    """Groups of parents.

    Attributes:
        count: the column of the parent that says how many rows name it.
        numbers: column -> (mean, standard deviation).
        categories: column -> how many of its categories, the first ones, are distinguished.
        centers: float64[groups, features].
    """

    count: str
    numbers: Mapping[str, tuple[float, float]]
    categories: Mapping[str, int]
    centers: np.ndarray

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema, count: str, *, seed: int) -> ParentGroups:
        """The groups of parents that rows name.

        Args:
            arrays: canonical, of the parent's learned columns.
        """
        from sklearn.cluster import KMeans

        named = np.flatnonzero(np.nan_to_num(arrays[count]) > 0)
        named = np.random.default_rng(seed).permutation(named)[:MAX_FITTED]
        given = [column for column in schema if column.name in arrays and column.name != count][:MAX_COLUMNS]
        numbers = {}
        for column in given:
            if column.is_numeric:
                values = arrays[column.name][named]
                values = values[~np.isnan(values)]
                if len(values) and values.std() > 0:
                    numbers[column.name] = (float(values.mean()), float(values.std()))
        categories = {c.name: min(len(c.categories), MAX_CATEGORIES) for c in given if c.has_categories}
        empty = cls(count, numbers, categories, np.zeros((1, 1)))
        features = empty._features({name: values[named] for name, values in arrays.items()})
        if not len(features):
            return cls(count, numbers, categories, np.zeros((1, features.shape[1])))
        groups = min(MAX_GROUPS, len(np.unique(features, axis=0)))
        found = KMeans(groups, n_init=1, random_state=seed).fit(features, sample_weight=arrays[count][named])
        return cls(count, numbers, categories, np.asarray(found.cluster_centers_, np.float64))

    def _features(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """float64[rows, features]."""
        # How many rows name it weighs as much as several columns: it is what the rows of a group are spread by.
        parts = [2 * np.log1p(np.maximum(np.nan_to_num(arrays[self.count]), 0))[:, None]]
        for name, (mean, spread) in self.numbers.items():
            parts.append(np.clip(np.nan_to_num((arrays[name] - mean) / spread), -4, 4)[:, None])
        for name, width in self.categories.items():
            parts.append((arrays[name][:, None] == np.arange(width)).astype(np.float64))
        return np.concatenate(parts, axis=1)

    def of(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """int32[rows], the group of each parent."""
        from sklearn.metrics import pairwise_distances_argmin

        found = np.zeros(len(arrays[self.count]), np.int32)
        for start in range(0, len(found), PART_ROWS):
            part = slice(start, start + PART_ROWS)
            features = self._features({name: values[part] for name, values in arrays.items()})
            found[part] = pairwise_distances_argmin(features, self.centers)
        return found

    def assign(self, wanted: np.ndarray, parents: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """int64[rows], a parent for each row; -1 where ``wanted``, int32[rows] the group of the parent, is below 0.

        Args:
            parents: canonical arrays of the parents.
        """
        found = np.full(len(wanted), -1, np.int64)
        count = np.maximum(np.nan_to_num(parents[self.count]), 0)
        if not len(count):
            return found
        if not count.any():
            count = np.ones(len(count))
        group = self.of(parents)
        supply = np.bincount(group, count, minlength=len(self.centers)) > 0
        for number in np.unique(wanted[wanted >= 0]):
            rows = np.flatnonzero(wanted == number)
            distance = ((self.centers - self.centers[number]) ** 2).sum(1)
            nearest = int(np.argmin(np.where(supply, distance, np.inf)))
            members = np.flatnonzero((group == nearest) & (count > 0))
            quota = count[members] * (len(rows) / count[members].sum())
            whole = np.floor(quota).astype(np.int64)
            left = len(rows) - int(whole.sum())
            if left > 0:
                chances = quota - whole
                chances = chances / chances.sum() if chances.sum() > 0 else np.full(len(members), 1 / len(members))
                few = min(left, int((chances > 0).sum()))
                whole[rng.choice(len(members), few, replace=False, p=chances)] += 1
                whole += np.bincount(rng.integers(0, len(members), left - few), minlength=len(members))
            found[rows] = rng.permutation(np.repeat(members, whole))[: len(rows)]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        numbers = {name: list(pair) for name, pair in self.numbers.items()}
        return {
            "count": self.count,
            "numbers": numbers,
            "categories": dict(self.categories),
            "centers": self.centers.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParentGroups:
        """Read what :meth:`to_dict` wrote."""
        numbers = {name: (float(mean), float(spread)) for name, (mean, spread) in data["numbers"].items()}
        return cls(data["count"], numbers, dict(data["categories"]), np.array(data["centers"], np.float64))
