"""The one CTR model: gradient-boosted trees on the mean clicks of hashed values.

Each hashed column becomes one number, the smoothed fraction of clicks among the rows in the same bucket,
``(clicks + A base) / (rows + A)`` (Micci-Barreca, "A preprocessing scheme for high-cardinality categorical
attributes", SIGKDD Explorations 2001). A row that the trees learn from is left out of its own mean, fold by fold, or
the trees would read its click there; equal rows share a fold, or one would be read from its copy. Everything is
learned from the one table that is given: the real past, or a synthetic one.

``python scripts/bench_ctr.py --rivals`` sets it beside logistic regression on the same buckets and beside trees that
are given the categories themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from eval.preparing.features import TreeModel

from .features import BUCKETS, Features

__all__ = ["CtrModel"]

#: Rows that the base rate counts for in a mean: a value shown to fewer people says little.
A = 50
FOLDS = 5
#: Shallow and slow trees; deeper ones (4, 6) were no better on 100,000 rows with 2 % of clicks.
TREES: dict[str, Any] = {"rounds": 300, "learning_rate": 0.05, "max_depth": 3, "min_child_weight": 20}


class CtrModel:
    """Learns click probabilities.

    Args:
        seed: of the trees.
        threads: of the trees; all cores if absent.
    """

    def __init__(self, *, seed: int = 0, threads: int | None = None) -> None:
        self.seed, self.threads = seed, threads
        self.base = 0.0
        self.clicks = self.rows = np.empty((0, BUCKETS))
        self.trees: TreeModel | None = None

    def fit(self, features: Features, click: np.ndarray) -> CtrModel:
        """Learn ``click: bool[rows]``; of a table without clicks, or of nothing else, only that is learned."""
        self.base = float(click.mean())
        self.clicks, self.rows = _counts(features.buckets, click)
        if 0 < self.base < 1:
            fold = _folds(features)
            means = np.empty(features.buckets.shape)
            for number in range(FOLDS):
                inside = fold == number
                clicks, rows = _counts(features.buckets[inside], click[inside])
                means[inside] = self._means(features.buckets[inside], self.clicks - clicks, self.rows - rows)
            x = np.column_stack([features.quantities, means]).astype(np.float32)
            self.trees = TreeModel(
                "binary:logistic", ["q"] * x.shape[1], seed=self.seed, threads=self.threads, **TREES
            ).fit(x, click.astype(np.float64))
        return self

    def predict(self, features: Features) -> np.ndarray:
        """``float64[rows]``: the probability of a click."""
        if self.trees is None:
            return np.full(features.rows, self.base)
        means = self._means(features.buckets, self.clicks, self.rows)
        return self.trees.predict(np.column_stack([features.quantities, means]).astype(np.float32))

    def _means(self, buckets: np.ndarray, clicks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        column = np.arange(buckets.shape[1])
        return np.asarray((clicks[column, buckets] + A * self.base) / (rows[column, buckets] + A))


def _folds(features: Features) -> np.ndarray:
    """``int64[rows]``: a fold for each row, the same for equal ones."""
    cells = pd.DataFrame(np.column_stack([features.quantities, features.buckets]))
    return np.asarray(pd.util.hash_pandas_object(cells, index=False).to_numpy() % FOLDS)


def _counts(buckets: np.ndarray, click: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(clicks, rows) in each bucket of each column: ``float64[columns, BUCKETS]`` both."""
    columns = buckets.shape[1]
    position = (buckets + np.arange(columns) * BUCKETS).ravel()
    shape = (columns, BUCKETS)
    clicks = np.bincount(position, weights=np.repeat(click.astype(np.float64), columns), minlength=columns * BUCKETS)
    return clicks.reshape(shape), np.bincount(position, minlength=columns * BUCKETS).astype(np.float64).reshape(shape)
