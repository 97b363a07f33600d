"""Judges the training sets of the study on the same real rows: scores with intervals, differences from real rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from eval.facts.estimates import Estimate
from eval.models.bootstrap import Statistics, classification_statistics, percentile_interval, resamples
from eval.models.decisions import (
    best_threshold,
    calibration_statistics,
    decision_scores,
    decision_statistics,
    prior_corrected,
)
from eval.models.scores import classification_scores

__all__ = ["HIGHER_IS_BETTER", "Predictions", "Scores", "judged"]

T = TypeVar("T")

#: A row is called at this chance where no threshold was sought.
PLAIN_THRESHOLD = 0.5
#: Score -> whether more of it is better.
HIGHER_IS_BETTER = {
    "recall": True,
    "precision": True,
    "f1": True,
    "best_recall": True,
    "best_precision": True,
    "best_f1": True,
    "pr_auc": True,
    "auc": True,
    "log_loss": False,
    "normalised_entropy": False,
    "calibration_error": False,
    "corrected_log_loss": False,
    "corrected_normalised_entropy": False,
    "corrected_calibration_error": False,
}


@dataclass(frozen=True)
class Predictions:
    """What a model says.

    Attributes:
        validation, test: ``float64[rows]``, probabilities of the class.
        share: of the class among the rows that were learned, as they were weighted.
    """

    validation: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    share: float


@dataclass(frozen=True)
class Scores:
    """What a model is worth.

    Attributes:
        threshold: the one of the greatest F1 on the validation rows, at which the ``best_`` scores are taken.
        values: score -> its value with its 95 % interval.
        differences: the same less that of real rows alone, from the same resamples; none for real rows alone.
        certain: score -> ``"better"`` or ``"worse"`` where the difference is certain for all training sets TOGETHER
            (Bonferroni): of nine training sets one would seem to differ by chance more often than not.
    """

    threshold: float
    values: dict[str, Estimate]
    differences: dict[str, Estimate] = field(default_factory=dict)
    certain: dict[str, str] = field(default_factory=dict)


def judged(
    predictions: Mapping[str, Predictions],
    validation: np.ndarray,
    test: np.ndarray,
    *,
    first: str,
    true_share: float,
    seed: int = 0,
) -> dict[str, Scores]:
    """Judge every training set.

    Args:
        validation, test: ``bool[rows]``, which real rows are of the class.
        first: the training set of real rows alone.
        true_share: of the class among real rows, to which probabilities are corrected for the ``corrected_`` scores.
    """
    thresholds = {name: best_threshold(validation, each.validation) for name, each in predictions.items()}
    points = {name: _points(test, each, thresholds[name], true_share) for name, each in predictions.items()}
    measures = {name: _statistics(test, each, thresholds[name], true_share) for name, each in predictions.items()}
    blocks = [
        {name: measure(counts) for name, measure in measures.items()}
        for counts in resamples(len(test), np.random.default_rng(seed))
    ]
    draws = {
        name: {score: np.concatenate([block[name][score] for block in blocks]) for score in HIGHER_IS_BETTER}
        for name in predictions
    }
    level = 1 - 0.05 / max(len(predictions) - 1, 1)
    return {name: _against(points, draws, name, first, thresholds[name], level) for name in predictions}


def _points(test: np.ndarray, each: Predictions, threshold: float, true_share: float) -> dict[str, float | None]:
    y = test.astype(np.int64)
    corrected = classification_scores(y, _both(prior_corrected(each.test, each.share, true_share)), 1)
    return {
        **classification_scores(y, _both(each.test), 1),
        **decision_scores(test, each.test, PLAIN_THRESHOLD),
        **_prefixed("best_", decision_scores(test, each.test, threshold)),
        **_prefixed("corrected_", corrected),
    }


def _statistics(test: np.ndarray, each: Predictions, threshold: float, true_share: float) -> Statistics:
    plain = decision_statistics(test, each.test, PLAIN_THRESHOLD)
    best = decision_statistics(test, each.test, threshold)
    probabilities = _chance_statistics(test, each.test)
    corrected = _chance_statistics(test, prior_corrected(each.test, each.share, true_share))

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        return {
            **probabilities(counts),
            **plain(counts),
            **_prefixed("best_", best(counts)),
            **_prefixed("corrected_", corrected(counts)),
        }

    return measure


def _chance_statistics(test: np.ndarray, probability: np.ndarray) -> Statistics:
    scores = classification_statistics(test.astype(np.int64), _both(probability), 1)
    calibration = calibration_statistics(test, probability)
    return lambda counts: {**scores(counts), **calibration(counts)}


def _prefixed(prefix: str, scores: Mapping[str, T]) -> dict[str, T]:
    return {prefix + name: value for name, value in scores.items()}


def _against(
    points: Mapping[str, Mapping[str, float | None]],
    draws: Mapping[str, Mapping[str, np.ndarray]],
    name: str,
    first: str,
    threshold: float,
    level: float,
) -> Scores:
    values, differences, certain = {}, {}, {}
    for score, higher in HIGHER_IS_BETTER.items():
        value, base = points[name][score], points[first][score]
        values[score] = Estimate(value, *percentile_interval(draws[name][score]))
        if name == first or value is None or base is None:
            continue
        apart = draws[name][score] - draws[first][score]
        differences[score] = Estimate(value - base, *percentile_interval(apart))
        low, high = percentile_interval(apart, level)
        if low is not None and high is not None and (low > 0 or high < 0):
            certain[score] = "better" if (low > 0) == higher else "worse"
    return Scores(threshold, values, differences, certain)


def _both(probability: np.ndarray) -> np.ndarray:
    """``float64[rows, 2]``."""
    return np.column_stack([1 - probability, probability])
