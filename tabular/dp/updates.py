"""DP-SGD: rows drawn by independent coins, clipped gradients, and noise on their sum.

Abadi et al. 2016, "Deep learning with differential privacy", algorithm 1. The mean is the sum over the number of rows
that are drawn on average, since the number that was drawn is nobody's business. A draw may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .clipping import clipped_sum

__all__ = ["NoisyGradient", "RowsLoss"]

#: Rows whose activations are held at a time, where there is memory for them.
CHUNK_ROWS = 512

#: int64[k] numbers of rows -> their mean loss, each row's part depending on that row alone.
RowsLoss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class NoisyGradient:
    """The gradient of one update. Coins and noise must come from secret streams (:mod:`.streams`).

    Attributes:
        rows: of the table.
        sample_rate: the probability of each row to take part.
        clip: norm of one row's gradient at most.
        noise_multiplier: standard deviation of the noise, in units of ``clip``; 0 for none.
        chunk_rows: rows whose activations are held at a time.
    """

    rows: int
    sample_rate: float
    clip: float
    noise_multiplier: float
    chunk_rows: int = CHUNK_ROWS

    def halved(self) -> NoisyGradient | None:
        """The same with half as many rows at a time, if that is one at least."""
        rows = min(self.chunk_rows, round(self.rows * self.sample_rate)) // 2
        return replace(self, chunk_rows=rows) if rows else None

    def draw(self, coins: np.random.Generator) -> np.ndarray:
        """int64[k]: the rows of an update, by a coin for each."""
        return np.flatnonzero(coins.random(self.rows) < self.sample_rate)

    def __call__(
        self, loss: RowsLoss, drawn: Tensor, weights: Sequence[Tensor], noise: np.random.Generator
    ) -> list[Tensor]:
        """The noisy mean of the clipped gradients of ``loss`` over the rows ``drawn``, one tensor for each weight."""
        total = [torch.zeros_like(weight) for weight in weights]
        for part in drawn.split(self.chunk_rows):
            sums, _ = clipped_sum(lambda part=part: loss(part), weights, len(part), self.clip)  # type: ignore[misc]
            torch._foreach_add_(total, sums)
        deviation = self.noise_multiplier * self.clip if self.noise_multiplier else 0.0
        expected = self.rows * self.sample_rate
        for value in total:
            if deviation:
                made = torch.from_numpy(noise.standard_normal(tuple(value.shape), dtype=np.float32))
                value.add_(made.to(value.device), alpha=deviation)
            value.div_(expected)
        return total
