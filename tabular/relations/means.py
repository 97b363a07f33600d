"""What rows of the same owner have in the mean: events of a user, children of a parent."""

from __future__ import annotations

import numpy as np

__all__ = ["means_by_owner"]


def means_by_owner(values: np.ndarray, owner: np.ndarray, size: int) -> np.ndarray:
    """float64[size]: the mean of the values of each owner that are not NaN; NaN for an owner without any.

    Args:
        values: float64[rows].
        owner: int64[rows], from 0 to ``size`` - 1.
    """
    known = ~np.isnan(values)
    count = np.bincount(owner[known], minlength=size)
    sums = np.bincount(owner[known], values[known], minlength=size)
    return np.divide(sums, count, out=np.full(size, np.nan), where=count > 0)
