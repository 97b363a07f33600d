"""Draws of one token a row by inversion, in MLX."""

from __future__ import annotations

import mlx.core as mx

from .draws import BELOW_ONE

__all__ = ["draw", "first_above"]


def draw(shares: mx.array, uniform: mx.array) -> mx.array:
    """The token of each row at which the cumulative share passes ``uniform``: int32[rows].

    Args:
        shares: float32[rows, tokens], at least 0, each row with something above it; they need not sum to 1.
        uniform: float32[rows], in [0, 1).
    """
    cumulative = mx.cumsum(shares, axis=-1)
    return first_above(cumulative, shares, cumulative[:, -1:] * (uniform[:, None] * BELOW_ONE))


def first_above(cumulative: mx.array, shares: mx.array, threshold: mx.array) -> mx.array:
    """The first token of a share above 0 whose cumulative share is above ``threshold`` (float32[rows, 1]).

    A parallel sum need not rise with its terms: rounding may let it fall from one token to the next.
    """
    return mx.argmax((cumulative > threshold) & (shares > 0), axis=-1).astype(mx.int32)
