"""The numbers of a row within their bins, given its classes: conditional flow matching."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..batch_parts import drawn
from ..encoding.spans import Spans
from ..layers.gates import Gates
from ..layers.residual import Residual

__all__ = ["Flow"]

#: Numbers that a moment is shown as.
TIME_WIDTH = 64


class Flow(nn.Module):
    """Flow matching (Lipman et al. 2023, "Flow Matching for Generative Modeling") of scalars under known classes.

    From noise z to scalars x the path is cos(pi t / 2) z + sin(pi t / 2) x (Albergo and Vanden-Eijnden 2023,
    "Building Normalizing Flows with Stochastic Interpolants", section 2.1). Scalars are standard normal within
    each class, so along this path they stay so and, were they independent, would not move at all: the network,
    which begins at zero, has nothing to learn but how they hang together.

    Args:
        gates: which scalars count.
        spans: the layout of the classes.
        waves: as in :class:`.autoregression.Autoregression`.
        scalars: how many, at least one.
        width, depth, dropout: of the layers (:class:`tabular.neural.layers.residual.Residual`).
        steps: of the integration when rows are made.
    """

    def __init__(
        self,
        gates: Gates,
        spans: Spans,
        waves: Tensor,
        scalars: int,
        *,
        width: int,
        depth: int,
        dropout: float,
        steps: int,
    ) -> None:
        super().__init__()
        self.gates, self.spans, self.waves = gates, spans, waves
        self.scalars, self.steps = scalars, steps
        self.given = nn.Parameter(torch.randn(spans.width, width) / math.sqrt(max(len(spans), 1)))
        self.given_waves = nn.Parameter(torch.randn(waves.shape[1], width) / math.sqrt(max(len(spans), 1)))
        self.first = nn.Linear(scalars + TIME_WIDTH, width)
        self.layers = Residual(width=width, depth=depth, dropout=dropout)
        self.out = nn.Linear(width, scalars)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.times = torch.arange(1, TIME_WIDTH // 2 + 1, device=spans.device) * (math.pi / 2)

    def velocity(self, at: Tensor, time: Tensor, given: Tensor, generator: torch.Generator | None) -> Tensor:
        """float32[n, scalars] at moments float32[n, 1] or [1, 1], under ``given`` of :meth:`classes`."""
        angles = time * self.times
        moment = torch.cat([angles.cos(), angles.sin()], dim=1).expand(len(at), -1)
        x = self.first(torch.cat([at, moment], dim=1)) + given
        found: Tensor = self.out(self.layers(x, generator))
        return found

    def classes(self, codes: Tensor) -> Tensor:
        """int64[n, spans] -> float32[n, width]: what the classes add to the first layer."""
        if not self.spans.width:
            return self.given.new_zeros(len(codes), self.given.shape[1])
        given = self.given + self.waves @ self.given_waves
        return functional.embedding_bag(codes + self.spans.offsets, given, mode="sum")

    def loss(
        self,
        scalars: Tensor,
        codes: Tensor,
        generator: torch.Generator,
        *,
        learning: bool = True,
        total: Tensor | None = None,
    ) -> Tensor:
        """The squared error of the velocity, per scalar that counts.

        Args:
            learning: whether there is dropout.
            total: over how many scalars that count the mean is taken, where these rows are a part of a batch.
        """
        counts = self.gates.of_codes(codes)
        noise = drawn(torch.randn, scalars.shape, generator, scalars.device)
        time = drawn(torch.rand, (len(scalars), 1), generator, scalars.device)
        angle = time * (math.pi / 2)
        at = (angle.cos() * noise + angle.sin() * scalars) * counts
        wanted = angle.cos() * scalars - angle.sin() * noise
        found = self.velocity(at, time, self.classes(codes), generator if learning else None)
        total = counts.sum() if total is None else total
        return ((found - wanted) * counts).square().sum() / total.clamp(min=1)

    def draw(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        """float32[n, scalars] for int64[n, spans], by the midpoint rule."""
        counts = self.gates.of_codes(codes)
        x = torch.randn(counts.shape, generator=generator, device=codes.device) * counts
        given = self.classes(codes)
        moments = torch.linspace(0, 1, 2 * self.steps + 1, device=codes.device)[:, None, None]
        step = (math.pi / 2) / self.steps
        for number in range(self.steps):
            middle = x + 0.5 * step * counts * self.velocity(x, moments[2 * number], given, None)
            x = x + step * counts * self.velocity(middle, moments[2 * number + 1], given, None)
        return x
