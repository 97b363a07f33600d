"""How alike the rows of one parent are, column by column."""

from __future__ import annotations

import numpy as np

__all__ = ["similarity_of_numbers", "similarity_of_values"]


def similarity_of_numbers(values: np.ndarray, owner: np.ndarray) -> float | None:
    """The intraclass correlation of ranks, ICC(1) of one-way analysis of variance (Shrout and Fleiss 1979).

    Args:
        values: float64[rows], NaN missing.
        owner: int64[rows], the parent of each row; below 0 it has none.

    Returns:
        About 0 where rows of one parent are no more alike than others, 1 where they are the same; ``None`` where no
        parent has two rows with values that differ.
    """
    known = ~np.isnan(values) & (owner >= 0)
    _, place, ties = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(ties) < 2:
        return None
    ranks = (np.cumsum(ties) - ties / 2)[place.ravel()]
    _, group, counts = np.unique(owner[known], return_inverse=True, return_counts=True)
    rows, groups = len(ranks), len(counts)
    if groups < 2 or rows == groups:
        return None
    means = np.bincount(group.ravel(), ranks) / counts
    within = float(((ranks - means[group.ravel()]) ** 2).sum()) / (rows - groups)
    between = float((counts * (means - ranks.mean()) ** 2).sum()) / (groups - 1)
    size = (rows - float((counts.astype(np.float64) ** 2).sum()) / rows) / (groups - 1)
    total = between + (size - 1) * within
    return float((between - within) / total) if total > 0 else None


def similarity_of_values(codes: np.ndarray, owner: np.ndarray) -> float | None:
    """How much more often two rows of one parent have the same value than any two rows: Cohen's kappa of pairs.

    Args:
        codes: int[rows], below 0 missing.
        owner: as in :func:`similarity_of_numbers`.
    """
    known = (codes >= 0) & (owner >= 0)
    if not known.any():
        return None
    value, parent = codes[known].astype(np.int64), owner[known].astype(np.int64)
    share = np.bincount(value) / len(value)
    chance = float((share**2).sum())
    _, of_parent = np.unique(parent, return_counts=True)
    pairs = float((of_parent * (of_parent - 1.0)).sum())
    if pairs == 0 or chance == 1:
        return None
    _, alike = np.unique(parent * (int(value.max()) + 1) + value, return_counts=True)
    return (float((alike * (alike - 1.0)).sum()) / pairs - chance) / (1 - chance)
