"""In which order a row's fields are learned, so that any subset of columns can later be given.

Sampling with conditions puts the given columns first and the rest after them, both in field order. So
training need not learn all permutations, only those: a random subset first, then the rest. (All
permutations, as in any-order autoregressive models, spend capacity on orders that are never asked for.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["draw_orders", "order_with_first"]


def order_with_first(first: Sequence[int], fields: int) -> list[int]:
    """The order in which the fields ``first`` come first, then the others, each in field order."""
    chosen = set(first)
    return sorted(chosen) + [field for field in range(fields) if field not in chosen]


def draw_orders(rows: int, groups: np.ndarray, *, plain_share: float, rng: np.random.Generator) -> np.ndarray:
    """Orders for training: int64[rows, fields], entry [r, t] the field that row r has at step t.

    Args:
        groups: int64[fields], the column of each field; the fields of a column stay together.
        plain_share: share of rows in plain field order. In the others a column is given with a
            probability drawn uniformly from 0 to 1 for that row, so that one given column and all but one
            given column are as likely as any other number.
    """
    columns = int(groups.max()) + 1
    probability = rng.random((rows, 1)) * (rng.random((rows, 1)) >= plain_share)
    given = rng.random((rows, columns)) < probability
    # A stable sort by "not given" keeps field order on both sides.
    return np.argsort(~given[:, groups], axis=1, kind="stable")
