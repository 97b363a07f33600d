"""Scores of click probabilities with bootstrap intervals, and whether two models put the ads in the same order."""

from __future__ import annotations

import numpy as np

from eval.facts.estimates import Estimate
from eval.facts.plain_data import finite
from eval.models.bootstrap import Statistics, classification_statistics, paired_intervals, percentile_interval
from eval.models.scores import calibration_bins, classification_scores

from .facts import Ranking

__all__ = ["METRIC_NAMES", "MIN_AD_ROWS", "compare_chances", "mean_by_ad", "rank_agreement"]

#: What is reported of a CTR model, in the order in which it is read.
METRIC_NAMES = ("auc", "pr_auc", "normalised_entropy", "log_loss", "predicted_observed", "calibration_error")
#: An ad with fewer test rows has no order worth the name.
MIN_AD_ROWS = 30
#: Ads whose order can be compared.
MIN_ADS = 3
TOP = 10
AD_RESAMPLES = 1_000

Scores = dict[str, Estimate]


def compare_chances(
    click: np.ndarray, real: np.ndarray, other: np.ndarray, rng: np.random.Generator
) -> tuple[Scores, Scores, Scores]:
    """The scores of ``real`` and of ``other``, and of ``other - real`` over the same resamples of the rows.

    Args:
        click: ``bool[rows]``.
        real, other: ``float64[rows]``, two models' probabilities of a click.
    """
    both = [_scores(click, probability) for probability in (real, other)]
    return paired_intervals(_statistics(click, real), _statistics(click, other), (both[0], both[1]), len(click), rng)


def _scores(click: np.ndarray, probability: np.ndarray) -> dict[str, float | None]:
    found = classification_scores(click.astype(np.int64), np.column_stack([1 - probability, probability]), 1)
    return {name: found[name] for name in METRIC_NAMES}


def _statistics(click: np.ndarray, probability: np.ndarray) -> Statistics:
    """The scores of :data:`METRIC_NAMES` of each resample; the bins of the calibration error stay as they are."""
    general = classification_statistics(click.astype(np.int64), np.column_stack([1 - probability, probability]), 1)
    bins = calibration_bins(probability)
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(bins[order]) != 0]))
    gap = (probability - click)[order]

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        found = general(counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            found["predicted_observed"] = (counts @ probability) / (counts @ click.astype(np.float64))
        found["calibration_error"] = np.abs(np.add.reduceat(counts[:, order] * gap, starts, axis=1)).sum(1) / len(click)
        return {name: found[name] for name in METRIC_NAMES}

    return measure


def mean_by_ad(ad: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """``float64[ads]``: the mean chance over the rows of each ad (``ad: int64[rows]``) that has enough rows."""
    rows = np.bincount(ad)
    kept = rows >= MIN_AD_ROWS
    return np.asarray(np.bincount(ad, weights=probability)[kept] / rows[kept])


def rank_agreement(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> Ranking | None:
    """Spearman's correlation of two ``float64[ads]``, and the ads that are among the best of both.

    ``None`` of fewer than three ads; without a correlation where a model tells no ad from another.
    """
    ads = len(first)
    if ads < MIN_ADS:
        return None
    top = min(TOP, ads // 2)
    best = [set(np.argsort(-each, kind="stable")[:top].tolist()) for each in (first, second)]
    drawn = rng.integers(ads, size=(AD_RESAMPLES, ads))
    known = finite(_spearman(first[None], second[None])[0])
    interval = percentile_interval(_spearman(first[drawn], second[drawn])) if known is not None else (None, None)
    return Ranking(ads, Estimate(known, *interval), top, len(best[0] & best[1]))


def _spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """``float64[resamples]`` of two ``float64[resamples, ads]``; NaN where one has a single value."""
    from scipy.stats import rankdata

    a, b = (rankdata(each, axis=1) for each in (first, second))
    a, b = (each - each.mean(1, keepdims=True) for each in (a, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)))
