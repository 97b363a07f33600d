"""The layers that both parts of TabCascade are made of, and dropout."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..batch_parts import drawn

__all__ = ["Residual", "dropout"]


class Residual(nn.Module):
    """``depth`` times x + W silu(x), then a silu.

    Args:
        width: of every layer.
        depth: how many.
        dropout: share of a layer's inputs that an update leaves out.
    """

    def __init__(self, *, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """float32[..., width] -> float32[..., width]; without ``generator`` nothing is left out."""
        for layer in self.layers:
            x = x + layer(dropout(functional.silu(x), self.dropout, generator))
        return functional.silu(x)


def dropout(x: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """Dropout drawn from ``generator``, which a resumed fit needs; without one ``x`` stays as it is."""
    if not probability or generator is None:
        return x
    return x * (drawn(torch.rand, x.shape, generator, x.device) >= probability) / (1 - probability)
