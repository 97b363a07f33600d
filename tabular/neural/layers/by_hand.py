"""Layers whose gradient is written out: for small ones torch's own bookkeeping takes as long as the arithmetic."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..updates.optimizer import LowPrecisionCopy

__all__ = ["ReluStack", "linears", "through_relu"]


def linears(module: nn.Module) -> list[nn.Linear]:
    """The linear layers of ``module``, in their order."""
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


class ReluStack:
    """Linear layers with a ReLU between each two, forwards and back.

    Args:
        layers: of the network.
        low: the weights that are multiplied with, and their gradient buffers, which :meth:`backward` fills.
    """

    def __init__(self, layers: Iterable[nn.Linear], low: LowPrecisionCopy) -> None:
        self.dtype = low.dtype
        self.layers = [(*low.of(layer.weight), *low.of(layer.bias)) for layer in layers]
        self.inputs: list[Tensor] = []

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """float32[n, in] -> float32[n, out]."""
        self.inputs, x = [], x.to(self.dtype)
        for weight, _, bias, _ in self.layers:
            self.inputs.append(x.relu_() if self.inputs else x)
            x = torch.addmm(bias, x, weight.T)
        return x.float()

    @torch.no_grad()
    def backward(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to what :meth:`forward` gave last -> that with respect to what it was given."""
        gradient = gradient.to(self.dtype)
        for place in reversed(range(len(self.layers))):
            weight, grad_weight, _, grad_bias = self.layers[place]
            x = self.inputs[place]
            torch.mm(gradient.T, x, out=grad_weight)
            torch.sum(gradient, dim=0, out=grad_bias)
            gradient = through_relu(gradient @ weight, x) if place else gradient @ weight
        return gradient.float()


def through_relu(gradient: Tensor, out: Tensor) -> Tensor:
    """The gradient with respect to what a ReLU was given, from that with respect to ``out``, what it gave."""
    found: Tensor = torch.ops.aten.threshold_backward(gradient, out, 0)
    return found
