"""Scores of predictions on a test set, as plain numbers; ``None`` where one is not defined."""

from __future__ import annotations

import numpy as np

from .report import finite

__all__ = ["classification_scores", "regression_scores"]


def classification_scores(y: np.ndarray, probability: np.ndarray, positive: int | None) -> dict[str, float | None]:
    """Scores of a classifier.

    Args:
        y: ``int64[rows]``, the true class.
        probability: ``float64[rows, classes]``.
        positive: the class that precision, recall, F1 and PR-AUC speak of; ``None`` for macro averages over
            the classes (AUC and PR-AUC: one against the rest, over the classes that the test set has).

    Returns:
        ``mae`` (1 - accuracy), ``accuracy``, ``precision``, ``recall``, ``f1``, ``auc``, ``pr_auc``, ``log_loss``.
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
    chance = np.clip(probability[np.arange(len(y)), y], 1e-7, 1.0)  # float32's own resolution near 1
    return {
        "mae": finite(1 - accuracy),
        "accuracy": finite(accuracy),
        "precision": finite(precision),
        "recall": finite(recall),
        "f1": finite(f1),
        "auc": finite(np.mean(aucs)) if aucs else None,
        "pr_auc": finite(np.mean(pr_aucs)) if pr_aucs else None,
        "log_loss": finite(-np.log(chance).mean()),
    }


def regression_scores(y: np.ndarray, prediction: np.ndarray) -> dict[str, float | None]:
    """``mae``, ``rmse`` and ``r2`` of ``prediction: float64[rows]``; R2 is ``None`` if ``y`` is constant."""
    residual = y - prediction
    total = float(((y - y.mean()) ** 2).sum())
    return {
        "mae": finite(np.abs(residual).mean()),
        "rmse": finite(np.sqrt((residual**2).mean())),
        "r2": finite(1 - (residual**2).sum() / total) if total > 0 else None,
    }
