"""Whether a classifier tells synthetic units from real ones: users, or parents, each described by its features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..preparing.features import TreeModel
from .detection import FOLDS, detection_score

__all__ = ["detect_units"]


def detect_units(
    real: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], *, most: int, seed: list[int], threads: int | None
) -> tuple[float, dict[str, float]]:
    """How hard units are to tell apart (1: not at all), and by which features they are, in percent of the gain.

    Args:
        real, other: feature -> float64[units], NaN where a unit has no such value.
        most: units of each side that the detector sees.
    """
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    names = list(real)
    rows = [np.column_stack([found[name] for name in names])[:most] for found in (real, other)]
    x = np.concatenate(rows).astype(np.float32)
    y = np.repeat([0.0, 1.0], [len(part) for part in rows])
    folds = np.concatenate([rng.permutation(np.arange(len(part)) % FOLDS) for part in rows])
    aucs, gains = [], np.zeros(len(names))
    for fold in range(FOLDS):
        test = folds == fold
        model = TreeModel("binary:logistic", ["q"] * len(names), seed=seed[0], threads=threads).fit(x[~test], y[~test])
        aucs.append(roc_auc_score(y[test], model.predict(x[test])))
        gains += model.gains()
    fractions = 100 * gains / max(gains.sum(), 1e-12)
    return detection_score(float(np.mean(aucs))), dict(zip(names, fractions.tolist(), strict=True))
