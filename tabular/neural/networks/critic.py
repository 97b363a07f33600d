"""The discriminator of CTGAN, with its gradient and its gradient penalty in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...machine.row_sums import sum_and_one_hot
from ..encoding.spans import Spans

__all__ = ["Critic"]

#: Of LeakyReLU below 0, and of dropout: the share that stays, a half, which is one bit.
SLOPE, KEEP = 0.2, 0.5
#: Weight of the gradient penalty.
PENALTY = 10.0
#: One in so many rows has a say in it: with every second one, tables were as good and the critic learned 12 % faster.
PENALIZED = 2


class Critic(nn.Module):
    """Linear layers with LeakyReLU and dropout, on ``pac`` rows at once and the conditions that they were made for.

    It is differentiated by hand, since several things are known of it, and each saves work. Conditions and real rows
    are one-hot, so their part of the first layer is a sum of rows of its weights. A row between a real and a fake one
    has the same condition and, before the first kink, the value between theirs. The critic is linear between its
    kinks, so the gradient of its score with respect to its input is a product of its weights and of the masks
    (slope times dropout) that a forward pass used: the penalty on that gradient (WGAN-GP, Gulrajani et al. 2017) needs
    no second differentiation, and of the rows between nothing but these masks. That gradient is taken with respect
    to the rows, not to the conditions, in which real and fake do not differ.

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
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1], 1)
        bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
        self.octets: Tensor
        self.register_buffer("octets", bits.float() / KEEP, persistent=False)

    @property
    def layers(self) -> list[nn.Linear]:
        """Those between the first and the last."""
        return cast(list[nn.Linear], list(self.hidden))

    # -- its parts ----------------------------------------------------------------------------------------------
    def _packed(self, rows: Tensor) -> Tensor:
        """[n, k] -> [n / pac, pac * k]."""
        return rows.reshape(len(rows) // self.pac, -1)

    def _places(self, classes: Tensor) -> Tensor:
        """Flat classes int64[n, k] -> int64[n / pac, pac * k], their rows of the weights."""
        if self.pac == 1:
            return classes
        turns = torch.arange(self.pac, device=classes.device) * self.spans.width
        return self._packed((classes.view(-1, self.pac, classes.shape[1]) + turns[:, None]).flatten(0, 1))

    def _of_fake(self, scalars: Tensor, soft: Tensor, out: Tensor | None = None) -> Tensor:
        """The first layer without its conditions, float32[n / pac, h]."""
        found = torch.addmm(self.bias, self._packed(scalars), self.scalars, out=out)
        return found.addmm_(self._packed(soft), self.classes)

    def _of_asked(self, places: Tensor) -> Tensor:
        """What conditions add to it: their places int64[n / pac, pac] -> float32[n / pac, h]."""
        return functional.embedding(places, self.asked).sum(dim=1)

    def _dropout_mask(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """The dropout mask of ``y`` times the slopes of LeakyReLU, which torch has as the gradient of LeakyReLU."""
        found: Tensor = torch.ops.aten.leaky_relu_backward(self.dropout(y.shape, generator), y, SLOPE, False)
        return found

    def dropout(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        """float32 in ``shape``: 0 or 2, by a fair coin each. Random bytes make eight of them each, in a good deal less
        time than a random number each; a processor, whose random numbers come one by one, makes four bytes of one."""
        count = math.prod(shape)
        octets = torch.empty(-(-count // 32), dtype=torch.int32, device=self.octets.device)
        if octets.device.type == "cpu":
            octets = octets.random_(-(1 << 31), 1 << 31, generator=generator).view(torch.uint8).int()
        else:
            octets = octets.new_empty(4 * len(octets)).random_(256, generator=generator)
        return self.octets.index_select(0, octets).view(-1)[:count].view(shape)

    def _score(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The first layer's output float32[n / pac, h], which is overwritten -> scores float32[n / pac, 1], what each
        layer after it was given, and the masks before each."""
        inputs, masks = [], []
        for layer in (*self.layers, self.out):
            masks.append(self._dropout_mask(y, generator))
            inputs.append(y.mul_(masks[-1]))
            y = torch.addmm(layer.bias, y, layer.weight.T)
        return y, inputs, masks

    # -- its updates --------------------------------------------------------------------------------------------
    @torch.no_grad()
    def learn(
        self,
        real: tuple[Tensor, Tensor],
        fake: tuple[Tensor, Tensor],
        condition: Tensor | None,
        generator: torch.Generator,
        grad_of: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """The mean score of the fake rows, less that of the real ones, and the penalty: a scalar.

        Args:
            real: float32[n, scalars] and int64[n, spans].
            fake: float32[n, scalars] and float32[n, width].
            condition: int64[n], the flat class that a row was made for.
            grad_of: gives the gradient buffer of a weight.
        """
        groups = len(real[0]) // self.pac
        first = self.bias.new_empty(2 * groups, len(self.bias))
        of_real, of_fake = first[:groups], first[groups:]
        torch.addmm(self.bias, self._packed(real[0]), self.scalars, out=of_real)
        if len(self.spans):
            of_classes, one_hot = sum_and_one_hot(self.classes, self._places(real[1] + self.spans.offsets))
            of_real += of_classes
        self._of_fake(*fake, out=of_fake)
        if condition is not None:
            places = self._places(condition[:, None])
            first.view(2, groups, -1).add_(self._of_asked(places))
        # The rows come in no order, so the first ones are as good as any.
        some = max(1, groups // PENALIZED)
        share = torch.rand(some, 1, generator=generator, device=first.device)
        penalty = self._penalize(torch.lerp(of_fake[:some], of_real[:some], share), generator, grad_of)

        scores, inputs, masks = self._score(first, generator)
        signs = torch.full((1, 2 * groups), 1 / groups, device=first.device)
        signs[:, :groups].neg_()
        grad_of(self.out.weight).addmm_(signs, inputs[-1])
        grad_of(self.out.bias).zero_()
        gradient = (self.out.weight * signs.T).mul_(masks[-1])
        for place in reversed(range(len(self.layers))):
            layer = self.layers[place]
            grad_of(layer.weight).addmm_(gradient.T, inputs[place])
            torch.sum(gradient, dim=0, out=grad_of(layer.bias))
            gradient = torch.mm(gradient, layer.weight).mul_(masks[place])
        torch.sum(gradient, dim=0, out=grad_of(self.bias))
        by_real, by_fake = gradient[:groups], gradient[groups:]
        grad_of(self.scalars).addmm_(self._packed(real[0]).T, by_real).addmm_(self._packed(fake[0]).T, by_fake)
        if len(self.spans):
            grad_of(self.classes).addmm_(one_hot.T, by_real).addmm_(self._packed(fake[1]).T, by_fake)
        if condition is not None:
            by_both = (by_real + by_fake)[:, None].expand(-1, self.pac, -1)
            grad_of(self.asked).zero_().index_add_(0, places.reshape(-1), by_both.reshape(-1, len(self.bias)))
        return scores[groups:].mean() - scores[:groups].mean() + penalty

    def _penalize(self, y: Tensor, generator: torch.Generator, grad_of: Callable[[Tensor], Tensor]) -> Tensor:
        """The penalty at rows whose first layer gave ``y`` (float32[n / pac, h]): a scalar. Its gradient goes to the
        buffers of the weights; it has none with respect to biases."""
        masks = []
        for layer in self.layers:
            masks.append(self._dropout_mask(y, generator))
            y = torch.addmm(layer.bias, y.mul_(masks[-1]), layer.weight.T)
        masks.append(self._dropout_mask(y, generator))
        # Of the score, with respect to what each layer gave, last first.
        slopes = [self.out.weight * masks[-1]]
        for layer, mask in zip(reversed(self.layers), reversed(masks[:-1]), strict=True):
            slopes.append(torch.mm(slopes[-1], layer.weight).mul_(mask))
        slopes.reverse()
        rows = torch.cat([self.scalars, self.classes])
        slope = torch.mm(slopes[0], rows.T)
        norms = torch.linalg.vector_norm(slope, dim=1, keepdim=True).clamp_(min=1e-12)
        # And back again.
        slope.mul_((norms - 1) / norms * (2 * PENALTY / len(norms)))
        scalars = len(self.scalars)
        torch.mm(slope[:, :scalars].T, slopes[0], out=grad_of(self.scalars))
        torch.mm(slope[:, scalars:].T, slopes[0], out=grad_of(self.classes))
        gradient = torch.mm(slope, rows).mul_(masks[0])
        for layer, mask, given in zip(self.layers, masks[1:], slopes[1:], strict=True):
            torch.mm(given.T, gradient, out=grad_of(layer.weight))
            gradient = torch.mm(gradient, layer.weight.T).mul_(mask)
        torch.sum(gradient, dim=0, keepdim=True, out=grad_of(self.out.weight))
        return PENALTY * (norms - 1).square().mean()

    @torch.no_grad()
    def generator_loss_and_grads(
        self, scalars: Tensor, soft: Tensor, condition: Tensor | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Minus the mean score of fake rows, a scalar, and its gradients with respect to their scalars and classes.

        Args:
            scalars, soft: float32[n, scalars] and float32[n, width].
            condition: int64[n], the flat class that a row was made for.
        """
        first = self._of_fake(scalars, soft)
        if condition is not None:
            first += self._of_asked(self._places(condition[:, None]))
        scores, _, masks = self._score(first, generator)
        gradient = (self.out.weight * (-1 / len(scores))) * masks[-1]
        for layer, mask in zip(reversed(self.layers), reversed(masks[:-1]), strict=True):
            gradient = torch.mm(gradient, layer.weight).mul_(mask)
        grad_scalars, grad_soft = (torch.mm(gradient, weights.T) for weights in (self.scalars, self.classes))
        return -scores.mean(), grad_scalars.view_as(scalars), grad_soft.view_as(soft)
