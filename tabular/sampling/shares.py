"""How many rows each cell of a table gets: whole numbers that add up to what was requested.

A cell is a combination of categories, such as women who earn more than 50,000 dollars. Everything here is
arithmetic; what the cells are and how their rows are made stands in :mod:`tabular.sampling.strata`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["balanced", "in_parts", "largest_remainder", "parity", "rows_for_share"]


def largest_remainder(n: int, weights: np.ndarray) -> np.ndarray:
    """``int64[cells]`` that add up to ``n``, each less than 1 from its quota ``n * weight / sum(weights)``.

    Every cell gets the whole part of its quota, and the rows that are left go one each to the largest fractions
    (Hamilton's method; Balinski and Young, "Fair representation", 1982), to the first of equal ones.

    Args:
        weights: ``float64[cells]``, none negative and not all 0.
    """
    quotas = n * np.asarray(weights, np.float64) / np.sum(weights)
    counts = np.floor(quotas).astype(np.int64)
    # Rounded, or noise in the last digit would choose among equal fractions.
    order = np.argsort(-np.round(quotas - counts, 9), kind="stable")
    counts[order[: n - int(counts.sum())]] += 1
    return counts


def balanced(n: int, cells: int) -> np.ndarray:
    """``int64[cells]``: equal fractions of ``n``; the rows that are left go one each to the first cells."""
    return largest_remainder(n, np.ones(cells))


def parity(n: int, counts: np.ndarray) -> np.ndarray:
    """Rows per cell so that the target does not depend on the group: ``n * p(group) * p(target)``.

    Statistical parity (Dwork et al., "Fairness through awareness", ITCS 2012) of the label itself: P(target | group)
    = P(target) in every group, to within one row, and the fractions of the groups stay as they are.

    Args:
        counts: ``int64[groups, targets]``, how often each pair occurs.

    Returns:
        ``int64[groups, targets]``. The groups add up to :func:`largest_remainder` of their shares.
    """
    groups = largest_remainder(n, counts.sum(1))
    return np.stack([largest_remainder(int(rows), counts.sum(0)) for rows in groups])


def in_parts(counts: np.ndarray, part_rows: int) -> Iterator[np.ndarray]:
    """``counts`` (``int64[cells]``) dealt to parts of ``part_rows`` rows, the last one smaller, each a fair share.

    Yields:
        ``int64[cells]`` for each part; together they are ``counts``.
    """
    left = np.asarray(counts, np.int64).copy()
    while (rows := int(left.sum())) > 0:
        # A quota is never above what is left of its cell, which is whole: so neither is the quota rounded up.
        part = largest_remainder(min(part_rows, rows), left)
        yield part
        left -= part


def rows_for_share(fraction: float, have: int, rows: int) -> int:
    """How many rows of a class must be added so that it has at least ``fraction`` of all.

    Args:
        fraction: of the class in the end, below 1.
        have: rows of the class now, ``rows``: rows in all now.
    """
    # Rounded before it is rounded up: 0.2 of 10 rows with 1 of the class asks for 1.25, 0.1 for 0 and not for 1e-17.
    return max(0, int(np.ceil(round((fraction * rows - have) / (1 - fraction), 9))))
