"""Scores of predictions on a test set, as plain numbers; ``None`` where one is not defined."""

from __future__ import annotations

import numpy as np

from ..facts.report import finite

__all__ = ["calibration_bins", "calibration_error", "classification_scores", "regression_scores"]

#: Bins of the calibration error, of equally many rows each.
CALIBRATION_BINS = 10


def classification_scores(y: np.ndarray, probability: np.ndarray, positive: int | None) -> dict[str, float | None]:
    """Scores of a classifier.

    Args:
        y: ``int64[rows]``, the true class.
        probability: ``float64[rows, classes]``.
        positive: the class that precision, recall, F1 and PR-AUC speak of; ``None`` for macro averages over
            the classes (AUC and PR-AUC: one against the rest, over the classes that the test set has).

    Returns:
        ``mae`` (1 - accuracy), ``accuracy``, ``precision``, ``recall``, ``f1``, ``auc``, ``pr_auc``, ``log_loss``,
        ``normalised_entropy``: the log loss over that of a model that only knows the fraction of each class in ``y``
        (He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014, section 3); 1 is
        worthless, and unlike the log loss it can be compared between tables with 1 % and with 20 % of clicks.
        With a ``positive`` class also ``calibration_error`` and ``predicted_observed``, the sum of the predicted
        probabilities over the number of positive rows (He et al. call it calibration; 1 is right).
    """
    from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

    guess = probability.argmax(1)
    accuracy = float((guess == y).mean())
    present = np.unique(y)
    chosen = present if positive is None else np.array([positive])
    precision, recall, f1, _ = precision_recall_fscore_support(
        y, guess, labels=chosen, average="macro", zero_division=0.0
    )
    aucs, pr_aucs = [], []
    for label in chosen:
        truth = y == label
        if truth.any() and not truth.all():
            aucs.append(roc_auc_score(truth, probability[:, label]))
            pr_aucs.append(average_precision_score(truth, probability[:, label]))
    of_truth = np.clip(probability[np.arange(len(y)), y], 1e-7, 1.0)  # float32's own resolution near 1
    log_loss = float(-np.log(of_truth).mean())
    fraction = np.bincount(y, minlength=probability.shape[1]) / len(y)
    entropy = float(-(fraction[fraction > 0] * np.log(fraction[fraction > 0])).sum())
    scores = {
        "mae": finite(1 - accuracy),
        "accuracy": finite(accuracy),
        "precision": finite(precision),
        "recall": finite(recall),
        "f1": finite(f1),
        "auc": finite(np.mean(aucs)) if aucs else None,
        "pr_auc": finite(np.mean(pr_aucs)) if pr_aucs else None,
        "log_loss": finite(log_loss),
        "normalised_entropy": finite(log_loss / entropy) if entropy > 0 else None,
    }
    if positive is not None:
        truth, predicted = y == positive, probability[:, positive]
        scores["calibration_error"] = finite(calibration_error(truth, predicted))
        scores["predicted_observed"] = finite(predicted.sum() / truth.sum()) if truth.any() else None
    return scores


def calibration_error(truth: np.ndarray, probability: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error: mean over bins of |mean predicted probability - fraction of true rows|, by rows.

    Naeini, Cooper and Hauskrecht, AAAI 2015, with bins of equal mass (Nixon et al. 2019, arXiv 1904.01685): at 2 %
    of clicks bins of equal width would put all rows into the first. Equal probabilities stay together.

    Args:
        truth: ``bool[rows]``.
        probability: ``float64[rows]``.
    """
    gaps = np.bincount(calibration_bins(probability, bins), weights=probability - truth)
    return float(np.abs(gaps).sum() / len(truth))


def calibration_bins(probability: np.ndarray, bins: int = CALIBRATION_BINS) -> np.ndarray:
    """``int64[rows]``: the bin of each row, about equally many rows in each; equal probabilities stay together."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, probability, side="right")


def regression_scores(y: np.ndarray, prediction: np.ndarray) -> dict[str, float | None]:
    """``mae``, ``rmse`` and ``r2`` of ``prediction: float64[rows]``; R2 is ``None`` if ``y`` is constant."""
    residual = y - prediction
    total = float(((y - y.mean()) ** 2).sum())
    return {
        "mae": finite(np.abs(residual).mean()),
        "rmse": finite(np.sqrt((residual**2).mean())),
        "r2": finite(1 - (residual**2).sum() / total) if total > 0 else None,
    }
