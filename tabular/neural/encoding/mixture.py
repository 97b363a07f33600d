"""A mixture of normals for one column, fitted to its quantiles."""

from __future__ import annotations

import numpy as np

__all__ = ["fit_mixture"]

#: Modes to begin with, and the weight below which one is dropped (Xu et al. 2019, section 4.2).
MOST_MODES, LEAST_WEIGHT = 10, 0.005
#: The column is seen through so many of its quantiles: what a mode is does not hang on single rows.
POINTS = 1000
#: Rows that the sparse prior takes away from every mode at each round, so that modes nothing needs die out.
PRIOR_POINTS = 1.0
ROUNDS, TOLERANCE = 200, 1e-5


def fit_mixture(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(means, standard deviations, weights), float64[modes] each, of ``values`` (float64[n], none missing).

    Expectation-maximisation under a sparse Dirichlet prior on the weights (Figueiredo and Jain 2002,
    "Unsupervised learning of finite mixture models"), begun at evenly spaced quantiles.
    """
    points = np.quantile(values, (np.arange(POINTS) + 0.5) / POINTS) if len(values) > POINTS else np.sort(values)
    centre, unit = points.mean(), points.std()
    if not unit > 0:
        return np.array([centre]), np.array([max(abs(centre), 1.0) * 1e-3]), np.ones(1)
    x = (points - centre) / unit
    means = np.quantile(x, (np.arange(MOST_MODES) + 0.5) / MOST_MODES)
    deviations, weights = np.full(MOST_MODES, 1 / MOST_MODES), np.full(MOST_MODES, 1 / MOST_MODES)
    floor = 1e-3
    last = -np.inf
    squares = x**2
    for _ in range(ROUNDS):
        # Modes by points: sums over a short last axis are slow.
        log = np.log(weights / deviations)[:, None] - 0.5 * ((x - means[:, None]) / deviations[:, None]) ** 2
        top = log.max(axis=0)
        share = np.exp(log - top)
        total = share.sum(axis=0)
        share /= total
        mass = share.sum(axis=1)
        kept = mass - PRIOR_POINTS
        alive = kept > 0
        if not alive.any():
            alive = mass == mass.max()
            kept = mass
        share, kept, mass = share[alive], kept[alive], mass[alive]
        weights = kept / kept.sum()
        means = share @ x / mass
        deviations = np.sqrt(np.maximum(share @ squares / mass - means**2, 0) + floor**2)
        likelihood = float((top + np.log(total)).mean())
        if abs(likelihood - last) < TOLERANCE:
            break
        last = likelihood
    frequent = weights > LEAST_WEIGHT
    weights = weights[frequent] / weights[frequent].sum()
    return means[frequent] * unit + centre, deviations[frequent] * unit, weights
