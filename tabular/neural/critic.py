"""The discriminator of CTGAN, with its gradient penalty in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .first_layer import row_sum
from .spans import Spans

__all__ = ["Critic"]

#: Of LeakyReLU below 0, and of dropout: the share that stays, a half, which is one bit.
SLOPE, KEEP = 0.2, 0.5


class Critic(nn.Module):
    """Linear layers with LeakyReLU and dropout, on ``pac`` rows at once and the conditions that they were made for.

    Four things are known of its input, and each saves work. Conditions and real rows are one-hot, so their part of the
    first layer is a sum of rows of its weights. A row between a real and a fake one has the same condition and, before
    the first kink, the value between theirs. The critic is linear between its kinks, so the gradient of its score with
    respect to its input is a product of its weights and of the factors (slope times dropout) that a forward pass
    used: the penalty on that gradient (WGAN-GP, Gulrajani et al. 2017) needs no second differentiation. And of the rows
    between, these factors are all that is asked for, so nothing is differentiated through them. The gradient is
    taken with respect to the rows, not to the conditions, in which real and fake do not differ.

    Args:
        scalars: of a row.
        spans: the layout of its classes.
        conditions: whether rows are made for a class.
        pac: rows seen as one.
        widths: of the layers.
    """

    def __init__(self, scalars: int, spans: Spans, *, conditions: bool, pac: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.pac, self.spans = pac, spans
        bound = 1 / math.sqrt(pac * (scalars + spans.width * (1 + conditions)))

        def weights(rows: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(pac * rows, widths[0]).uniform_(-bound, bound))

        self.scalars, self.classes = weights(scalars), weights(spans.width)
        if conditions:
            self.asked = weights(spans.width)
        self.bias = nn.Parameter(torch.empty(widths[0]).uniform_(-bound, bound))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1], 1)
        bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
        self.octets: Tensor
        self.register_buffer("octets", bits.float() / KEEP, persistent=False)

    def _packed(self, rows: Tensor) -> Tensor:
        """[n, k] -> [n / pac, pac * k]."""
        return rows.reshape(len(rows) // self.pac, -1)

    def _flat(self, classes: Tensor) -> Tensor:
        """Flat classes int64[n, k] -> int64[n / pac, pac * k], their rows of the weights."""
        rows = classes.view(-1, self.pac, classes.shape[1])
        turns = torch.arange(0, self.pac * self.spans.width, max(self.spans.width, 1), device=rows.device)
        return self._packed((rows + turns[:, None]).flatten(0, 1)) if self.pac > 1 else classes

    def _first(self, scalars: Tensor, classes: Tensor) -> Tensor:
        """The first layer without its conditions, float32[n / pac, h], of rows float32[n, scalars] and, either
        float32[n, width] or int64[n, spans], their classes."""
        found = torch.addmm(self.bias, self._packed(scalars), self.scalars)
        if classes.is_floating_point():
            return torch.addmm(found, self._packed(classes), self.classes)
        if not len(self.spans):
            return found
        return found + row_sum(self.classes, self._flat(classes + self.spans.offsets))

    def _asked(self, condition: Tensor | None) -> Tensor | float:
        """int64[n] flat classes -> float32[n / pac, h]: what conditions add to the first layer."""
        if condition is None:
            return 0.0
        # not embedding_bag, which MPS may lack
        return functional.embedding(self._flat(condition[:, None]), self.asked).sum(dim=1)

    def _factor(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """What LeakyReLU and dropout multiply ``y`` with."""
        with torch.no_grad():
            # The gradient of LeakyReLU is dropout times its slope, in one pass.
            return torch.ops.aten.leaky_relu_backward(self._dropout(y, generator), y, SLOPE, False)

    def _dropout(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """float32 in the shape of ``like``: 0 or 2, by a fair coin each. A random byte makes eight of them, in a
        quarter of the time of a random number each."""
        count = like.numel()
        random = torch.randint(256, (-(-count // 8),), generator=generator, dtype=torch.int32, device=like.device)
        return self.octets.index_select(0, random).view(-1)[:count].view(like.shape)

    def _score(self, y: Tensor, generator: torch.Generator) -> Tensor:
        for layer in (*self.layers, self.out):
            y = layer(y * self._factor(y, generator))
        return y

    def forward(self, scalars: Tensor, classes: Tensor, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        """Rows, float32[n, scalars] and float32[n, width], and the flat classes int64[n] that they were made for ->
        scores float32[n / pac, 1]."""
        return self._score(self._first(scalars, classes) + self._asked(condition), generator)

    def compare(
        self,
        real: tuple[Tensor, Tensor],
        fake: tuple[Tensor, Tensor],
        condition: Tensor | None,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of ``real`` and of ``fake`` (float32[n / pac, 1] each), and the norms float32[n / pac] of the
        gradient somewhere between the two.

        Args:
            real: float32[n, scalars] and int64[n, spans].
            fake: float32[n, scalars] and float32[n, width].
            condition: int64[n], flat classes.
        """
        asked = self._asked(condition)
        both = torch.cat([self._first(*real) + asked, self._first(*fake) + asked])
        groups = len(both) // 2
        share = torch.rand(groups, 1, generator=generator, device=both.device)
        with torch.no_grad():
            between = torch.lerp(both[groups:], both[:groups], share)
        gradient = self._gradient(between, generator)
        of_real, of_fake = self._score(both, generator).split(groups)
        return of_real, of_fake, torch.linalg.vector_norm(gradient, dim=1)

    def _gradient(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Of the score, with respect to the rows: the first layer's output float32[n / pac, h] ->
        float32[n / pac, pac * (scalars + width)]."""
        factors = []
        with torch.no_grad():
            for layer in self.layers:
                factors.append(self._factor(y, generator))
                y = layer(y * factors[-1])
            factors.append(self._factor(y, generator))
        weights = [torch.cat([self.scalars, self.classes]).T, *(cast(Tensor, layer.weight) for layer in self.layers)]
        gradient: Tensor = self.out.weight
        for weight, factor in zip(reversed(weights), reversed(factors), strict=True):
            gradient = torch.mm(gradient * factor, weight)
        return gradient
