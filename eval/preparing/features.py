"""The tables as features of a tree model, and the one way that any package here trains one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular.machine.threads import free_cores

from .tables import Table, Tables
from .trees import HistogramTrees, load_xgboost

__all__ = ["TREES", "TreeModel", "feature_matrix"]

#: Boosting rounds of every tree model of the report.
TREES = 300


def feature_matrix(table: Table, names: tuple[str, ...], tables: Tables) -> tuple[np.ndarray, list[str]]:
    """The columns ``names`` side by side, and XGBoost's type of each.

    Returns:
        ``float32[rows, len(names)]`` with NaN for missing, and ``"q"`` (quantity) or ``"c"`` (category).
    """
    matrix = np.empty((table.rows, len(names)), dtype=np.float32)
    types = []
    for i, name in enumerate(names):
        array = table.arrays[name]
        if name in tables.tokens:
            matrix[:, i] = np.where(array < 0, np.nan, array)
            types.append("c")
        else:
            # float32 would blur instants (seconds since 1970) to minutes; measured from the real median
            # they keep their seconds.
            real = tables.real.arrays[name]
            centre = np.nanmedian(real) if not np.isnan(real).all() else 0.0
            matrix[:, i] = array - centre
            types.append("q")
    return matrix, types


class TreeModel:
    """Gradient-boosted trees (XGBoost, Chen and Guestrin 2016), ``hist``, with categories taken as such.

    Where XGBoost cannot be loaded, scikit-learn grows them (:mod:`eval.preparing.trees`).

    The same seed and the same number of threads give the same model.

    Args:
        objective: an objective of XGBoost, such as ``"binary:logistic"``.
        types: XGBoost's type of each feature, from :func:`feature_matrix`.
        rounds: of boosting; :data:`TREES` if absent.
        options: further parameters of XGBoost.
    """

    def __init__(
        self,
        objective: str,
        types: list[str],
        *,
        seed: int,
        threads: int | None,
        rounds: int | None = None,
        **options: Any,
    ) -> None:
        self.types = types
        self.rounds = rounds or TREES
        self.parameters = {
            "objective": objective,
            "tree_method": "hist",
            "seed": seed,
            "nthread": threads or free_cores(),
            "verbosity": 0,
            **options,
        }
        self.booster: Any = None

    def fit(self, x: np.ndarray, y: np.ndarray, *, watched: tuple[np.ndarray, np.ndarray] | None = None) -> TreeModel:
        """Learn ``y: float[rows]`` from ``x: float32[rows, features]``.

        Args:
            watched: other rows and their labels; the trees beyond the best AUC on them are dropped. (Not the best
                log loss: rows with another fraction of the class than these would be stopped too early or too late.)
        """
        xgboost = load_xgboost().module
        if xgboost is None:
            self.booster = HistogramTrees(self.parameters, self.types, self.rounds).fit(x, y, watched)
            return self
        if watched is None:
            self.booster = xgboost.train(self.parameters, self._data(x, y), num_boost_round=self.rounds)
            return self
        seen: dict[str, dict[str, list[float]]] = {}
        booster = xgboost.train(
            {**self.parameters, "eval_metric": "auc"},
            self._data(x, y),
            num_boost_round=self.rounds,
            evals=[(self._data(*watched), "watched")],
            evals_result=seen,
            verbose_eval=False,
        )
        self.booster = booster[: int(np.argmax(seen["watched"]["auc"])) + 1]
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """``float64[rows]``, or ``float64[rows, classes]`` of a multiclass objective."""
        rows = x if isinstance(self.booster, HistogramTrees) else self._data(x)
        return np.asarray(self.booster.predict(rows), dtype=np.float64)

    def gains(self) -> np.ndarray:
        """``float64[features]``: the total gain of the splits on each feature."""
        if isinstance(self.booster, HistogramTrees):
            return self.booster.gains()
        gains = np.zeros(len(self.types))
        for key, gain in self.booster.get_score(importance_type="total_gain").items():
            gains[int(key[1:])] = gain  # features are named f0, f1, ...
        return gains

    def _data(self, x: np.ndarray, y: np.ndarray | None = None) -> Any:
        return load_xgboost().module.DMatrix(
            x, label=y, feature_types=self.types, enable_categorical=True, nthread=self.parameters["nthread"]
        )
