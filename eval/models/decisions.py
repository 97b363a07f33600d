"""What is done with the probability that a model gives a row: thresholds, their scores, corrected probabilities.

Where 1 % of the rows are positive a threshold of 0.5 calls almost none of them, so a model is judged at the
threshold that serves best too; it is chosen on rows that are not those it is judged by.
"""

from __future__ import annotations

import numpy as np

from ..facts.plain_data import finite
from .bootstrap import Statistics
from .scores import calibration_bins

__all__ = [
    "best_threshold",
    "calibration_statistics",
    "decision_scores",
    "decision_statistics",
    "prior_corrected",
]


def best_threshold(truth: np.ndarray, probability: np.ndarray) -> float:
    """The threshold of the greatest F1 on these rows, the highest of equal ones; a row is called at or above it.

    Args:
        truth: ``bool[rows]``.
        probability: ``float64[rows]``.
    """
    order = np.argsort(-probability, kind="stable")
    ordered = probability[order]
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))  # equal ones are called together
    f1 = 2 * np.cumsum(truth[order])[last] / (last + 1 + truth.sum())
    return float(ordered[last[np.argmax(f1)]])


def decision_scores(truth: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float | None]:
    """``recall``, ``precision`` and ``f1`` of the rows called at ``threshold``; 0 where nothing is called."""
    one = np.ones((1, len(truth)), np.int64)
    return {name: finite(values[0]) for name, values in decision_statistics(truth, probability, threshold)(one).items()}


def decision_statistics(truth: np.ndarray, probability: np.ndarray, threshold: float) -> Statistics:
    """The scores of :func:`decision_scores` on resampled rows."""
    called = probability >= threshold
    parts = np.stack([called & truth, called, truth], axis=1).astype(np.float64)

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        right, picked, true = (counts @ parts).T
        return {
            "recall": np.where(true > 0, right / np.maximum(true, 1), np.nan),
            "precision": right / np.maximum(picked, 1),
            "f1": 2 * right / np.maximum(picked + true, 1),
        }

    return measure


def calibration_statistics(truth: np.ndarray, probability: np.ndarray) -> Statistics:
    """``calibration_error`` (:mod:`eval.models.scores`) on resampled rows, in the bins of all rows."""
    bins = calibration_bins(probability)
    gaps = np.where(bins[:, None] == np.arange(bins.max() + 1), (probability - truth)[:, None], 0.0)

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        return {"calibration_error": np.abs(counts @ gaps).sum(1) / len(truth)}

    return measure


def prior_corrected(probability: np.ndarray, trained: float, true: float) -> np.ndarray:
    """What the probabilities would be if the model had learned from rows with the ``true`` fraction of the class.

    The odds are multiplied by the ratio of the prior odds (Elkan, "The foundations of cost-sensitive learning",
    IJCAI 2001, theorem 2; Saerens, Latinne and Decaestecker, Neural Computation 2002, equation 2.4). Neither the
    order of the rows nor the AUC changes.

    Args:
        probability: ``float64[rows]``.
        trained: fraction of the class among the rows that were learned from, as they were weighted.
        true: its share where the model is used.
    """
    ratio = true / (1 - true) * (1 - trained) / trained
    return probability * ratio / (probability * ratio + 1 - probability)
