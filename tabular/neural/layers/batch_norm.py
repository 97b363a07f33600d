"""Batch normalisation of a batch whose rows are spread over processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...training.processes import Processes
from .by_hand import BatchNorm, WeightsOf

__all__ = ["SpreadBatchNorm"]


class SpreadBatchNorm(BatchNorm):
    """As :class:`.by_hand.BatchNorm`, by the mean and the variance of the rows of all processes.

    Args:
        norm: has the weights and the running statistics, which all processes bring up to date alike.
        processes: that the rows are spread over.
    """

    def __init__(self, norm: nn.BatchNorm1d, of: WeightsOf, processes: Processes) -> None:
        super().__init__(norm, of)
        self.processes = processes

    def forward(self, x: Tensor) -> Tensor:
        sums = self._over_all(torch.cat([x.sum(dim=0), x.new_full((1,), len(x))]))
        self.rows = sums[-1]
        mean = sums[:-1] / self.rows
        # Not from the mean of squares, of which nothing is left where a mean is far from 0.
        centred = x - mean
        variance = self._over_all(centred.square().sum(dim=0)) / self.rows
        self.scale = (variance + self.eps).rsqrt()
        self.normed = centred.mul_(self.scale)
        running_mean, running_variance = self.running
        if running_mean is not None and running_variance is not None:
            running_mean.lerp_(mean, self.momentum)
            running_variance.lerp_(variance * (self.rows / (self.rows - 1).clamp(min=1)), self.momentum)
        return torch.addcmul(self.bias, self.normed, self.weight)

    def backward(self, grad: Tensor) -> Tensor:
        """As that of :class:`.by_hand.BatchNorm`; the gradients of weights are those of the rows of this process."""
        torch.sum(grad * self.normed, dim=0, out=self.grad_weight)
        torch.sum(grad, dim=0, out=self.grad_bias)
        of_weight, of_bias = self._over_all(torch.stack([self.grad_weight, self.grad_bias])) / self.rows
        return torch.addcmul(grad - of_bias, self.normed, of_weight, value=-1).mul_(self.scale * self.weight)

    def _over_all(self, values: Tensor) -> Tensor:
        found: Tensor = self.processes.sum_arrays([values])[0]
        return found
