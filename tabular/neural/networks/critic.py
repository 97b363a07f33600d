"""The discriminator of CTGAN: its loss, and the same with its derivatives written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from ..batch_parts import BatchGenerator, Part, drawn, part_of
from ..encoding.spans import Spans
from ..layers.by_hand import LeakyDropout, Linear, OneHotLinear, Sequential, WeightsOf

__all__ = ["Critic", "CriticPass"]

#: Weight of the gradient penalty.
PENALTY = 10.0
#: One in so many rows has a say in it: with every second one, tables were as good and the critic learned 12 % faster.
PENALIZED = 2

Rows = tuple[Tensor, Tensor]


class Critic(nn.Module):
    """Weights of linear layers with LeakyReLU and dropout, on ``pac`` rows at once and the conditions that they have.

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
        self.asked = weights(spans.width) if conditions else None
        self.bias = nn.Parameter(torch.empty(widths[0]).uniform_(-bound, bound))
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1], 1)


class CriticPass:
    """The updates of a critic, differentiated by hand, since several things are known of it, and each saves work.

    Real rows are one-hot, so their part of the first layer is a sum of rows of its weights. A row between a real and a
    fake one has the same condition and, before the first kink, the value between theirs. The critic is linear between
    its kinks, so the gradient of its score with respect to its input is a product of its weights and of the masks
    (slope times dropout) that a forward pass used: the penalty on that gradient (WGAN-GP, Gulrajani et al. 2017) needs
    of the rows between only these masks. That gradient is taken with respect to the rows, not to the conditions, in
    which real and fake do not differ.

    Args:
        critic: the network.
        of: gives what is multiplied with in place of its weights, and the gradient buffers, which are filled.
        generator: of all draws. Rows that are a part of a batch (:mod:`tabular.neural.batch_parts`) give their part of
            its losses and gradients.
    """

    def __init__(self, critic: Critic, of: WeightsOf, generator: BatchGenerator) -> None:
        self.pac, self.spans, self.generator = critic.pac, critic.spans, generator
        self.first = OneHotLinear(of, critic.scalars, critic.classes, critic.bias, critic.asked)
        layers: list[Linear | LeakyDropout] = [LeakyDropout(generator)]
        for layer in critic.hidden:
            layers += [Linear(cast(nn.Linear, layer), of), LeakyDropout(generator)]
        self.hidden, self.out = Sequential(*layers), Linear(critic.out, of)

    def _packed(self, rows: Tensor) -> Tensor:
        """[n, k] -> [n / pac, pac * k]."""
        return rows.reshape(len(rows) // self.pac, -1)

    def _packed_classes(self, classes: Tensor) -> Tensor:
        """Flat classes int64[n, k] -> int64[n / pac, pac * k], their rows of the weights."""
        if self.pac == 1:
            return classes
        turns = torch.arange(self.pac, device=classes.device) * self.spans.width
        return self._packed((classes.view(-1, self.pac, classes.shape[1]) + turns[:, None]).flatten(0, 1))

    def _forward(self, real: Rows | None, fake: Rows, condition: Tensor | None) -> Tensor:
        """What the first layer gives, of the real rows first: float32[(2) n / pac, h]."""
        parts = [(self._packed(fake[0]), self._packed(fake[1]))]
        if real is not None:
            parts.insert(0, (self._packed(real[0]), self._packed_classes(real[1] + self.spans.offsets)))
        given = None if condition is None else self._packed_classes(condition[:, None])
        return self.first.forward(*parts, condition=given)

    def _packs(self, count: int) -> tuple[Part, Part]:
        """Which packs of the whole batch ``count`` packs of rows are, and which of them are penalised."""
        part = part_of(self.generator)
        packs = Part(count, 0, 1) if part is None else replace(part, rows=part.rows // self.pac, pac=1)
        # The rows come in no order, so the first ones are as good as any.
        return packs, replace(packs, rows=max(1, packs.rows // PENALIZED))

    def _between(self, first: Tensor, count: int) -> Tensor:
        """Of the same, at points between the first ``count`` real and fake packs: float32[count, h]."""
        real, fake = first.chunk(2)
        weight = drawn(torch.rand, (count, 1), self.generator, first.device)
        return torch.lerp(fake[:count], real[:count], weight)

    def score(self, first: Tensor) -> Tensor:
        """What the first layer gives, which is overwritten -> the score of each pack of rows, float32[n / pac, 1]."""
        return self.out.forward(self.hidden.forward(first))

    def loss(self, real: Rows, fake: Rows, condition: Tensor | None) -> Tensor:
        """The mean score of the fake rows, less that of the real ones, and the penalty: a scalar, for autograd.

        Args:
            real: float32[n, scalars] and int64[n, spans].
            fake: float32[n, scalars] and float32[n, width], nearly one-hot.
            condition: int64[n], the flat class that a row was made for.
        """
        first = self._forward(real, fake, condition)
        between = self._between(first.detach(), self._packs(len(first) // 2)[1].size).requires_grad_()
        slope = torch.autograd.grad(self.score(between).sum(), between, create_graph=True)[0]
        norms = self.first.grad_rows(slope).norm(dim=1)
        of_real, of_fake = self.score(first).chunk(2)
        return of_fake.mean() - of_real.mean() + PENALTY * (norms - 1).square().mean()

    def learn(self, real: Rows, fake: Rows, condition: Tensor | None) -> Tensor:
        """:meth:`loss`, and its gradient is written to the buffers."""
        first = self._forward(real, fake, condition)
        packs, penalized = self._packs(len(first) // 2)
        with self.generator.draws_for(penalized):
            penalty = self._penalize(self._between(first, penalized.size), penalized.rows)
        with self.generator.draws_for(replace(packs, blocks=2)):
            of_real, of_fake = self.score(first).chunk(2)
        signs = torch.full((1, len(first)), 1 / packs.rows, device=first.device)
        signs[:, : len(of_real)].neg_()
        self.first.backward(self.hidden.backward(self.out.backward(signs.T, True), True), True)
        self.out.grad_bias.zero_()  # The signs add up to 0; rounded they do not, and Adam would make steps of that.
        return (of_fake.sum() - of_real.sum()) / packs.rows + penalty

    def _penalize(self, between: Tensor, count: int) -> Tensor:
        """The penalty, a scalar, and its gradient is written to the buffers; it has none with respect to biases.

        Args:
            count: packs of the whole batch over which the mean is taken.
        """
        self.hidden.forward(between)
        ones = between.new_ones(len(between), 1)
        slope = self.first.grad_rows(self.hidden.backward(self.out.backward(ones, None), None))
        norms = torch.linalg.vector_norm(slope, dim=1, keepdim=True).clamp_(min=1e-12)
        slope.mul_((norms - 1) / norms * (2 * PENALTY / count))
        last = self.hidden.second(self.first.second(slope))
        torch.sum(last, dim=0, keepdim=True, out=self.out.grad_weight)
        return PENALTY * (norms - 1).square().sum() / count

    def generator_loss(self, fake: Rows, condition: Tensor | None) -> Tensor:
        """Minus the mean score of fake rows, as in :meth:`loss`: a scalar, for autograd."""
        return -self.score(self._forward(None, fake, condition)).mean()

    def generator_loss_and_grads(self, fake: Rows, condition: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """:meth:`generator_loss`, and its gradients with respect to both parts of ``fake``."""
        count = len(fake[0]) // self.pac
        packs, _ = self._packs(count)
        with self.generator.draws_for(packs):
            score = self.score(self._forward(None, fake, condition))
        grad = self.out.backward(score.new_full((count, 1), -1 / packs.rows), None)
        grads = self.first.grad_rows(self.hidden.backward(grad, None))
        scalars, soft = grads.split([len(self.first.scalars), len(self.first.classes)], dim=1)
        return score.sum() / -packs.rows, scalars.reshape(fake[0].shape), soft.reshape(fake[1].shape)
