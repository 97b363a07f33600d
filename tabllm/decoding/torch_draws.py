"""Draws of one token a row by inversion, in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from .draws import BELOW_ONE

__all__ = ["draw", "first_above"]


def draw(shares: Tensor, uniform: Tensor) -> Tensor:
    """The token of each row at which the cumulative share passes ``uniform``: int32[rows].

    Args:
        shares: float32[rows, tokens], at least 0, each row with something above it; they need not sum to 1.
        uniform: float32[rows], in [0, 1).
    """
    cumulative = shares.cumsum(dim=-1)
    threshold = cumulative[:, -1:] * (uniform[:, None] * BELOW_ONE)
    if shares.device.type == "cpu":  # one sum after the other never falls, and counting costs 0.6 of searching
        return (cumulative <= threshold).sum(dim=-1, dtype=torch.int32)
    return first_above(cumulative, shares, threshold)


def first_above(cumulative: Tensor, shares: Tensor, threshold: Tensor) -> Tensor:
    """The first token of a share above 0 whose cumulative share is above ``threshold`` (float32[rows, 1]).

    A parallel sum need not rise with its terms: rounding may let it fall from one token to the next.
    """
    return ((cumulative > threshold) & (shares > 0)).to(torch.uint8).argmax(dim=-1).to(torch.int32)
