"""XGBoost where it can be loaded, and scikit-learn where it cannot: both grow the same kind of trees.

XGBoost's wheel for macOS needs a libomp that it does not bring, and a Mac has none of its own.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from tabular.progress import Reporter

__all__ = ["HistogramTrees", "Loaded", "load_xgboost", "tell_of_trees"]

#: The most categories that scikit-learn splits as such.
MAX_CATEGORIES = 255


@dataclass(frozen=True)
class Loaded:
    """The module, or why there is none and what to do.

    Attributes:
        cure: a command.
    """

    module: Any
    reason: str = ""
    cure: str = ""

    @property
    def note(self) -> str | None:
        """What a reader of a report must know; ``None`` where all is well."""
        if self.module is not None:
            return None
        return (
            f"XGBoost cannot be loaded here ({self.reason}), so scikit-learn's gradient boosting stands in in "
            f"all models: compare their figures only with reports made the same way. The cure: {self.cure}."
        )


@functools.cache
def load_xgboost() -> Loaded:
    """Import XGBoost, once in a process."""
    try:
        import xgboost
    except ModuleNotFoundError:
        return Loaded(None, "it is not installed", "pip install xgboost")
    except Exception as error:  # its loader raises an error of its own, or an OSError, when a library is missing
        if sys.platform == "darwin":
            return Loaded(None, "it finds no libomp", "brew install libomp")
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Loaded(None, lines[0].rstrip(".:"), "pip install --force-reinstall xgboost")
    return Loaded(xgboost)


def tell_of_trees(progress: Reporter) -> None:
    """Tell ``progress`` where scikit-learn stands in: for studies, whose results have no notes of a report."""
    if (note := load_xgboost().note) is not None:
        progress.note(note)


class HistogramTrees:
    """``HistGradientBoosting`` of scikit-learn with the settings that XGBoost would have.

    Args:
        parameters: of ``xgboost.train``: ``objective``, ``seed``, ``nthread``, ``learning_rate``, ``max_depth``,
            ``min_child_weight``, ``scale_pos_weight`` and ``num_class`` count.
        types: ``"q"`` (quantity) or ``"c"`` (category) of each feature.
        rounds: of boosting.
    """

    def __init__(self, parameters: dict[str, Any], types: list[str], rounds: int) -> None:
        self.parameters, self.rounds = parameters, rounds
        self.types = np.asarray(types)
        # Categories first, as scikit-learn sorts them itself: so its numbers of features can be read.
        self.order = np.argsort(self.types == "q", kind="stable")
        self.empty = np.zeros(len(types), dtype=bool)
        self.model: Any = None
        self.kept = rounds

    def fit(self, x: np.ndarray, y: np.ndarray, watched: tuple[np.ndarray, np.ndarray] | None = None) -> HistogramTrees:
        """Learn ``y: float[rows]`` from ``x: float32[rows, features]`` (:mod:`eval.preparing.features`)."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.metrics import roc_auc_score

        given = self.parameters
        self.empty = np.isnan(x).all(axis=0)
        x = self._rows(x)
        regression = given["objective"].startswith("reg:")
        distinct = np.array([len(np.unique(column[~np.isnan(column)])) for column in x.T])
        options = {
            "max_iter": self.rounds,
            "learning_rate": given.get("learning_rate", 0.3),
            "max_depth": given.get("max_depth", 6),
            "max_leaf_nodes": None,
            "l2_regularization": 1.0,
            # XGBoost counts Hessians, of which a row has a quarter at most.
            "min_samples_leaf": int(4 * given.get("min_child_weight", 1)),
            "categorical_features": (self.types[self.order] == "c") & (distinct <= MAX_CATEGORIES),
            "early_stopping": False,
            "random_state": given["seed"],
        }
        self.model = (HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier)(**options)
        weight = None if regression else np.where(y == 1, given.get("scale_pos_weight", 1.0), 1.0)
        with self._threads():
            self.model.fit(x, y, sample_weight=weight)
            if watched is not None:
                stages = self.model.staged_predict_proba(self._rows(watched[0]))
                self.kept = int(np.argmax([roc_auc_score(watched[1], stage[:, 1]) for stage in stages])) + 1
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``float64[rows]``, or ``float64[rows, classes]`` of a multiclass objective."""
        x = self._rows(x)
        with self._threads():
            if self.parameters["objective"].startswith("reg:"):
                return np.asarray(self.model.predict(x))
            if self.kept < self.rounds:
                found = next(islice(self.model.staged_predict_proba(x), self.kept - 1, None))
            else:
                found = self.model.predict_proba(x)
        if "num_class" not in self.parameters:
            return np.asarray(found[:, 1])
        every = np.zeros((len(x), self.parameters["num_class"]))
        every[:, self.model.classes_.astype(np.int64)] = found
        return every

    def gains(self) -> np.ndarray:
        """``float64[features]``: the total gain of the splits on each feature."""
        gains = np.zeros(len(self.types))
        for trees in self.model._predictors[: self.kept]:  # there is no public way to them
            for tree in trees:
                splits = tree.nodes[~tree.nodes["is_leaf"].astype(bool)]
                np.add.at(gains, self.order[splits["feature_idx"]], splits["gain"])
        return gains

    def _rows(self, x: np.ndarray) -> np.ndarray:
        """``x`` in the order of :attr:`order`; zeros in columns that were empty, which scikit-learn cannot bin."""
        return np.where(self.empty, np.float32(0), x)[:, self.order]

    def _threads(self) -> Any:
        from threadpoolctl import threadpool_limits

        return threadpool_limits(self.parameters["nthread"], "openmp")
