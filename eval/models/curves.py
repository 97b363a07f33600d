"""The ROC, the precision-recall and the calibration curve of a classifier, in a fixed number of points."""

from __future__ import annotations

import numpy as np

from ..facts.figures import Curves
from .scores import calibration_bins

__all__ = ["classifier_curves"]

#: Points of the ROC, closer together where few are falsely accused: there the curve is steep.
ROC_GRID = np.linspace(0.0, 1.0, 121) ** 2
#: Points of the precision-recall curve.
RECALL_GRID = np.linspace(0.0, 1.0, 101)


def classifier_curves(y: np.ndarray, probability: np.ndarray, positive: int | None) -> Curves | None:
    """The curves over fixed grids, so that several classes can be averaged and the file stays small.

    Args:
        y: ``int64[rows]``, the true class.
        probability: ``float64[rows, classes]``.
        positive: the class that the curves speak of; ``None`` for the mean over the classes that ``y`` has.

    Returns:
        ``None`` if no class is both present and absent in ``y``.
    """
    chosen = np.unique(y) if positive is None else np.array([positive])
    each = [_one(y == label, probability[:, label]) for label in chosen if 0 < (y == label).mean() < 1]
    if not each:
        return None
    tpr = np.mean([curve[0] for curve in each], axis=0)
    precision = np.mean([curve[1] for curve in each], axis=0)
    predicted, observed = _calibration(y == positive, probability[:, positive]) if positive is not None else ((), ())
    return Curves(
        false_positive_rate=_rounded(ROC_GRID),
        true_positive_rate=_rounded(tpr),
        recall=_rounded(RECALL_GRID),
        precision=_rounded(precision),
        positive_share=float(np.mean([curve[2] for curve in each])),
        predicted=predicted,
        observed=observed,
    )


def _one(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """True positive rate over :data:`ROC_GRID`, precision over :data:`RECALL_GRID`, fraction of positives."""
    order = np.argsort(-probability, kind="stable")
    # Rows of equal probability are distinguished by no threshold.
    last = np.append(np.diff(probability[order]) != 0, True)
    hits = np.cumsum(truth[order])[last]
    called = (np.arange(len(order)) + 1)[last]
    positives, negatives = hits[-1], len(truth) - hits[-1]
    fpr = np.concatenate([[0.0], (called - hits) / negatives])
    tpr = np.concatenate([[0.0], hits / positives])
    # At a jump straight up numpy may take either end of it; the upper one is reached at that very rate.
    top = np.append(np.diff(fpr) != 0, True)
    curve = np.interp(ROC_GRID, fpr[top], tpr[top])
    curve[0] = 0.0  # where every curve begins: nobody called positive
    # Between two thresholds precision does not run straight (Davis and Goadrich 2006), so it is a step.
    recall, precision = hits / positives, hits / called
    reached = np.searchsorted(recall, RECALL_GRID - 1e-12, side="left")
    return curve, precision[np.minimum(reached, len(precision) - 1)], float(truth.mean())


def _calibration(truth: np.ndarray, probability: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean predicted probability and fraction of true rows in each bin that has rows."""
    position = calibration_bins(probability)
    count = np.bincount(position)
    sums = (np.bincount(position, weights=values)[count > 0] for values in (probability, truth))
    predicted, observed = (_rounded(part / count[count > 0]) for part in sums)
    return predicted, observed


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(np.round(values, 5).tolist())
