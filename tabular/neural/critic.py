"""The discriminator of CTGAN, with its gradient penalty in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Critic"]

#: Of LeakyReLU below 0, and of dropout: the share that stays, a half, which is one bit.
SLOPE, KEEP = 0.2, 0.5


class Critic(nn.Module):
    """Linear layers with LeakyReLU and dropout, on ``pac`` rows at once and the conditions that they were made for.

    Three things are known of its input, and each saves work. Conditions are one-hot, so their part of the first layer
    is a sum of rows of its weights. A row between a real and a fake one has the same condition and, before the first
    kink, the value between theirs. And the critic is linear between its kinks, so the gradient of its score with
    respect to its input is a product of its weights and of the factors (slope times dropout) that a forward pass
    used: the penalty on that gradient (WGAN-GP, Gulrajani et al. 2017) needs no second differentiation. It is taken
    with respect to the rows, not to the conditions, in which real and fake do not differ.

    Args:
        width: numbers of a row.
        conditions: classes that can be asked for, 0 if none can.
        pac: rows seen as one.
        widths: of the layers.
    """

    def __init__(self, width: int, conditions: int, pac: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.pac, self.conditions = pac, conditions
        bound = 1 / math.sqrt(pac * (width + conditions))
        self.rows = nn.Parameter(torch.empty(widths[0], pac * width).uniform_(-bound, bound))
        if conditions:
            self.asked = nn.Parameter(torch.empty(pac * conditions, widths[0]).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(widths[0]).uniform_(-bound, bound))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1], 1)
        bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
        self.octets: Tensor
        self.register_buffer("octets", bits.float() / KEEP, persistent=False)

    def _first(self, rows: Tensor) -> Tensor:
        """float32[n, width] -> float32[n / pac, ...]: the first layer without its conditions."""
        return functional.linear(rows.reshape(len(rows) // self.pac, -1), self.rows, self.bias)

    def _asked(self, condition: Tensor | None) -> Tensor | float:
        """int64[n] flat classes -> float32[n / pac, ...]: what conditions add to the first layer."""
        if condition is None:
            return 0.0
        packed = condition.view(-1, self.pac) + self.conditions * torch.arange(self.pac, device=condition.device)
        return functional.embedding(packed, self.asked).sum(dim=1)  # not embedding_bag, which MPS may lack

    def _rest(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
        factors = []
        for number in range(len(self.layers) + 1):
            with torch.no_grad():
                # sign, since torch.where of two numbers takes ten times as long
                factor = y.sign().mul_((1 - SLOPE) / 2).add_((1 + SLOPE) / 2).mul_(self._dropout(y, generator))
            factors.append(factor)
            y = (self.layers[number] if number < len(self.layers) else self.out)(y * factor)
        return y, factors

    def _dropout(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """float32 in the shape of ``like``: 0 or 2, by a fair coin each. A random byte makes eight of them, in a
        quarter of the time of a random number each."""
        count = like.numel()
        random = torch.randint(256, (-(-count // 8),), generator=generator, dtype=torch.int32, device=like.device)
        return self.octets.index_select(0, random).view(-1)[:count].view(like.shape)

    def forward(self, rows: Tensor, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        """Rows float32[n, width] and their flat classes int64[n] -> scores float32[n / pac, 1]."""
        return self._rest(self._first(rows) + self._asked(condition), generator)[0]

    def compare(
        self, real: Tensor, fake: Tensor, condition: Tensor | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of ``real`` and of ``fake`` (float32[n / pac, 1] each), and the norms float32[n / pac] of the
        gradient somewhere between the two."""
        asked = self._asked(condition)
        first_real, first_fake = self._first(real) + asked, self._first(fake) + asked
        share = torch.rand(len(first_real), 1, generator=generator, device=real.device)
        between = torch.lerp(first_fake, first_real, share)
        scores, factors = self._rest(torch.cat([first_real, first_fake, between]), generator)
        groups = len(first_real)
        weights = [self.rows, *(layer.weight for layer in self.layers)]
        gradient: Tensor = self.out.weight
        for weight, factor in zip(reversed(weights), reversed(factors), strict=True):
            gradient = torch.mm(gradient * factor[2 * groups :], cast(Tensor, weight))
        return scores[:groups], scores[groups : 2 * groups], (gradient.square().sum(dim=1) + 1e-12).sqrt()
