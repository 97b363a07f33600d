"""k-means whose clusters are all large enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["clusters", "nearest"]


def clusters(
    points: np.ndarray, most: int, enough: Callable[[np.ndarray, int], np.ndarray], *, beginnings: int = 1
) -> np.ndarray | None:
    """float64[clusters, measures]: centers of k-means; ``None`` where there are not two that are large enough.

    The search begins with ``most`` of them. While one is too small the smallest is given up, and the others are moved.

    Args:
        points: float64[points, measures].
        enough: of the cluster of each point and how many there are float64[clusters]: how large each is, at least 1.
        beginnings: how often the search begins anew; the best one counts.
    """
    from sklearn.cluster import KMeans  # for fits alone: what samples of a run does not wait for it

    count = min(most, len(np.unique(points, axis=0)))
    if count < 2:
        return None
    found = KMeans(count, n_init=beginnings, random_state=0).fit(points)
    while count > 1:
        centers = found.cluster_centers_
        sizes = enough(nearest(points, centers), count)
        if sizes.min() >= 1:
            return np.asarray(centers, dtype=np.float64)
        centers, count = np.delete(centers, sizes.argmin(), axis=0), count - 1
        found = KMeans(count, init=centers, n_init=1).fit(points)
    return None


def nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """int32[points]: the nearest of ``centers``."""
    away = (centers**2).sum(axis=1) - 2 * points @ centers.T
    return np.asarray(away.argmin(axis=1), dtype=np.int32)
