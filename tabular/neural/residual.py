"""The layers that both parts of TabCascade are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Residual"]


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
            y = functional.silu(x)
            if self.dropout and generator is not None:
                kept = torch.rand(y.shape, generator=generator, device=y.device) >= self.dropout
                y = y * kept / (1 - self.dropout)
            x = x + layer(y)
        return functional.silu(x)
