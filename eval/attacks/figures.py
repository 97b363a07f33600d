"""The figures of one membership attack, from its scores of learned and of held-out rows."""

from __future__ import annotations

import numpy as np

from ..facts.estimates import Estimate, clopper_pearson
from ..facts.plain_data import finite
from ..facts.privacy import Attack
from ..models.bootstrap import auc_statistic, percentile_interval, resamples

__all__ = ["attack_of", "median_estimate"]


def attack_of(
    name: str, members: np.ndarray, strangers: np.ndarray, *, level: float, rng: np.random.Generator
) -> Attack:
    """The figures of one attack, whose scores are higher the more it takes a row for learned.

    Args:
        members, strangers: ``float64[n]``, ``float64[m]``.
        level: of the intervals (bootstrap for the AUC; Clopper-Pearson for the shares, at the threshold that
            the held-out rows give).
    """
    truth = np.repeat([True, False], [len(members), len(strangers)])
    measure = auc_statistic(truth, np.concatenate([members, strangers]))
    point = float(measure(np.ones((1, len(truth)), dtype=np.int64))[0][0])
    drawn = np.concatenate([measure(counts)[0] for counts in resamples(len(truth), rng)])
    fractions = []
    for rate in (0.01, 0.1):
        threshold = np.sort(strangers)[::-1][int(rate * len(strangers))]
        hits = int((members > threshold).sum())
        fractions.append(Estimate(hits / len(members), *clopper_pearson(hits, len(members), level)))
    return Attack(name, Estimate(finite(point), *percentile_interval(drawn, level)), fractions[0], fractions[1])


def median_estimate(values: np.ndarray, level: float = 0.95) -> Estimate:
    """The median of ``values: float64[n]`` with the interval of its order statistics, which needs no resamples."""
    from scipy.stats import binom

    ordered = np.sort(values)
    tail = int(binom.ppf((1 - level) / 2, len(values), 0.5))  # values beyond each end of the interval
    low, high = ordered[max(tail - 1, 0)], ordered[min(len(values) - tail, len(values) - 1)]
    return Estimate(finite(np.median(ordered)), finite(low), finite(high))
