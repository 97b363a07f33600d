"""Bootstrap intervals of scores: the test rows are drawn again, the models are not fitted again.

Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13 (percentile intervals). A resample
is a count for each row, so a block of resamples is a matrix and every score a few products and cumulative
sums over it. Both models see the same resamples, which is what makes the interval of their DIFFERENCE narrow.
The intervals say how far the test rows are a matter of chance; they do not say how far another fit of the
generator, or another seed, would differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..facts.estimates import Estimate
from ..facts.plain_data import finite

__all__ = [
    "Statistics",
    "auc_statistic",
    "classification_statistics",
    "paired_intervals",
    "percentile_interval",
    "regression_statistics",
    "resamples",
]

#: Scores of each resample: ``{name: float64[resamples]}`` from the counts ``int64[resamples, rows]``.
Statistics = Callable[[np.ndarray], dict[str, np.ndarray]]

RESAMPLES = 1_000
#: Never fewer, however many rows: a percentile of 2.5 % must have some resamples beyond it.
MIN_RESAMPLES = 200
#: Rows times resamples that are drawn in all; few seconds.
MAX_DRAWS = 20_000_000
#: Cells of one block of counts, 16 MB of int64.
BLOCK_CELLS = 2_000_000


def resamples(rows: int, rng: np.random.Generator, count: int | None = None) -> Iterator[np.ndarray]:
    """Blocks ``int64[resamples, rows]`` of how often each row was drawn."""
    left = count or int(np.clip(MAX_DRAWS // max(rows, 1), MIN_RESAMPLES, RESAMPLES))
    step = max(1, BLOCK_CELLS // max(rows, 1))
    while left > 0:
        size = min(step, left)
        drawn = rng.integers(rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows)
        left -= size


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float | None, float | None]:
    """The middle ``level`` of the resampled ``values``; those that are not defined (NaN) are left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return finite(low), finite(high)


def paired_intervals(
    first: Statistics,
    second: Statistics,
    points: tuple[dict[str, float | None], dict[str, float | None]],
    rows: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Estimate], dict[str, Estimate], dict[str, Estimate]]:
    """Intervals of the scores of two models on the same rows, and of ``second - first``.

    Args:
        points: the scores of both on the rows themselves; what has no score gets no interval.
    """
    blocks = [(first(counts), second(counts)) for counts in resamples(rows, rng)]
    found: tuple[dict[str, Estimate], ...] = ({}, {}, {})
    for name in blocks[0][0]:
        a, b = (np.concatenate([block[i][name] for block in blocks]) for i in range(2))
        known = (points[0].get(name), points[1].get(name))
        for intervals, value, values in zip(found[:2], known, (a, b), strict=True):
            if value is not None:
                intervals[name] = Estimate(value, *percentile_interval(values))
        if known[0] is not None and known[1] is not None:
            found[2][name] = Estimate(known[1] - known[0], *percentile_interval(b - a))
    return found[0], found[1], found[2]


def auc_statistic(truth: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from counts ``int64[resamples, rows]`` to (AUC, average precision), NaN where a class is absent.

    Args:
        truth: ``bool[rows]``.
        score: ``float64[rows]``; equal scores count half for the AUC and share one threshold for the precision.
    """
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    positive = truth[order]

    def measure(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = counts[:, order]
        hits = np.add.reduceat(np.where(positive, counts, 0), starts, axis=1)
        misses = np.add.reduceat(np.where(positive, 0, counts), starts, axis=1)
        below = misses.cumsum(1)
        n_hits, n_misses = hits.sum(1), below[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = (hits * (below - misses / 2)).sum(1) / (n_hits * n_misses)
            found = n_hits[:, None] - hits.cumsum(1) + hits  # at or above each threshold
            called = found + n_misses[:, None] - below + misses
            precision = (hits * found / np.maximum(called, 1)).sum(1) / n_hits
            return auc, np.where(n_misses > 0, precision, np.nan)

    return measure


def classification_statistics(y: np.ndarray, probability: np.ndarray, positive: int | None) -> Statistics:
    """``auc``, ``pr_auc``, ``f1``, ``log_loss`` and ``normalised_entropy`` as in :mod:`eval.models.scores`.

    Args:
        y: ``int64[rows]``.
        probability: ``float64[rows, classes]``.
        positive: the class the scores speak of; ``None`` for macro averages.
    """
    chosen = np.unique(y) if positive is None else np.array([positive])
    areas = [auc_statistic(y == c, probability[:, c]) for c in chosen]
    guess = probability.argmax(1)
    right, guessed, true = (
        np.stack([part(c) for c in chosen], axis=1).astype(np.float64)
        for part in (lambda c: (guess == c) & (y == c), lambda c: guess == c, lambda c: y == c)
    )
    loss = -np.log(np.clip(probability[np.arange(len(y)), y], 1e-7, 1.0))
    one_hot = np.eye(probability.shape[1])[y]

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        weights = counts.astype(np.float64)
        each = [area(counts) for area in areas]
        called = weights @ guessed + weights @ true
        f1 = 2 * (weights @ right) / np.maximum(called, 1)
        fraction = weights @ one_hot / len(y)
        entropy = -(fraction * np.log(np.where(fraction > 0, fraction, 1.0))).sum(1)
        log_loss = weights @ loss / len(y)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "auc": np.mean([auc for auc, _ in each], axis=0),
                "pr_auc": np.mean([precision for _, precision in each], axis=0),
                "f1": f1.mean(1),
                "log_loss": log_loss,
                "normalised_entropy": np.where(entropy > 0, log_loss / entropy, np.nan),
            }

    return measure


def regression_statistics(y: np.ndarray, prediction: np.ndarray) -> Statistics:
    """``mae``, ``rmse`` and ``r2`` of ``prediction: float64[rows]``."""
    centred = y - y.mean()  # else the squares of large targets cancel
    terms = np.stack([np.abs(y - prediction), (y - prediction) ** 2, centred, centred**2], axis=1)

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        mae, mse, mean, square = (counts @ terms / len(y)).T
        variance = square - mean**2
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"mae": mae, "rmse": np.sqrt(mse), "r2": np.where(variance > 0, 1 - mse / variance, np.nan)}

    return measure
