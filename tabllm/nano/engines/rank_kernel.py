"""Smoothing over ranks: the tokens of one number share what is learned of their neighbours.

A softmax over 100 bins that know nothing of each other learns each bin from its own few rows, and relations between
numbers get lost. So for the tokens of an ordered field, the rows of the embedding and of the head are a fixed matrix
times the parameters that are trained: Gaussian kernels over the tokens' ranks, plus a part of the identity by which
a single token can still differ from its neighbours. The product is a plain weight, so a fitted model knows nothing of
kernels and samples at the speed of one.

Beside it dropout, masked inputs, more weight decay, more steps and other learning rates gained nothing on small tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Kernels", "rank_kernels", "smoothed"]

#: The first and the last id (exclusive) of an ordered field -> float32[tokens, tokens].
Kernels = dict[tuple[int, int], np.ndarray]

#: The weights whose rows belong to tokens.
SMOOTHED = ("wte", "head.weight")
#: Standard deviations of the Gaussians, as fractions of the rows: how far values are near, and the trend beyond.
WIDTHS = (0.02, 0.1)
#: The least weight of the identity beside them, and the cells from which an atom's is 1. A frequent atom may be unlike
#: its neighbours: with the least weight for all, the capital gains of Adult were blurred, of which some stand for high
#: income, others not. A rare atom needs them: with 1 for all, a correlation of .93 fell to .82 on 500 rows.
IDENTITY, ATOM_ROWS = 0.15, 200


def rank_kernels(offsets: Sequence[int], ranks: np.ndarray, atom_counts: np.ndarray) -> Kernels:
    """The kernel of each field that has ordered tokens.

    Args:
        offsets: where each field's ids begin, and the vocabulary's size.
        ranks: float32[vocabulary], the rank of an ordered token, 0 to 1; NaN where there is no order.
        atom_counts: int64[vocabulary], the cells of a token that stands for one value of a number, else 0.
    """
    kernels: Kernels = {}
    for begin, end in itertools.pairwise(offsets):
        ordered = np.flatnonzero(~np.isnan(ranks[begin:end]))
        if len(ordered):
            rank = ranks[begin:end][ordered].astype(np.float64)
            distance = np.abs(rank[:, None] - rank)
            near = _unit_rows(np.sum([_unit_rows(np.exp(-0.5 * (distance / width) ** 2)) for width in WIDTHS], axis=0))
            kernel = np.eye(end - begin)
            kernel[ordered, ordered] = np.clip(atom_counts[begin:end][ordered] / ATOM_ROWS, IDENTITY, 1.0)
            kernel[np.ix_(ordered, ordered)] += np.where(near < 1e-6, 0, near)  # denormal numbers are slow to multiply
            kernels[begin, end] = kernel.astype(np.float32)
    return kernels


def smoothed(weights: Mapping[str, Any], kernels: Mapping[tuple[int, int], Any], library: Any) -> dict[str, Any]:
    """The plain weights that trained parameters stand for, in arrays of either engine.

    Args:
        library: has ``split(array, indices)`` and ``concatenate(arrays)`` along the first axis, as numpy has. (A
            slice in place of the split would cost torch a whole array of zeros for the gradient of each part.)
    """
    plain = dict(weights)
    if not kernels:
        return plain
    edges = list(itertools.chain.from_iterable(kernels))
    for name in SMOOTHED:
        parts = list(library.split(weights[name], edges))
        parts[1::2] = [kernel @ part for kernel, part in zip(kernels.values(), parts[1::2], strict=True)]
        plain[name] = library.concatenate(parts)
    return plain


def _unit_rows(matrix: np.ndarray) -> np.ndarray:
    """Rows of unit length: weights keep the scale of the parameters, however many neighbours a token has."""
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
