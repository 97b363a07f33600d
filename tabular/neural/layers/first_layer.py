"""The layer that a row enters a network by: its classes are one-hot, which is known to it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...machine.row_sums import row_sum
from ..encoding.spans import Spans

__all__ = ["FirstLayer"]


class FirstLayer(nn.Module):
    """A linear layer on a row's scalars and one-hot classes that sums rows of its weights in place of a product.

    Args:
        scalars: of a row.
        spans: the layout of its classes.
        width: of the layer.
    """

    def __init__(self, scalars: int, spans: Spans, width: int) -> None:
        super().__init__()
        self.spans = spans
        bound = 1 / math.sqrt(max(scalars + spans.width, 1))
        self.scalars = nn.Parameter(torch.empty(scalars, width).uniform_(-bound, bound))
        self.classes = nn.Parameter(torch.empty(spans.width, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, scalars: Tensor, codes: Tensor) -> Tensor:
        """float32[n, scalars] and int64[n, spans] -> float32[n, width]."""
        found = torch.addmm(self.bias, scalars, self.scalars)
        if len(self.spans):
            found = found + row_sum(self.classes, codes + self.spans.offsets)
        return found
