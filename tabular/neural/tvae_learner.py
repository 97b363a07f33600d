"""The update of TVAE, with its gradient written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .by_hand import ReluStack, linears, through_relu
from .first_layer import sum_and_one_hot
from .latent import drawn_latent, gradient_of_code
from .network import Data
from .optimizer import Adam, AdamLearner
from .rows import shuffled_rows

if TYPE_CHECKING:
    from .tvae import TVAE, Autoencoder

__all__ = ["TvaeLearner"]


class TvaeLearner(AdamLearner):
    """One update of encoder and decoder together.

    :meth:`Autoencoder.loss` is what goes down; its gradient is written out here, for with torch's differentiation half
    of an update was bookkeeping.
    """

    def __init__(self, model: TVAE, network: Autoencoder, data: Data) -> None:
        adam = Adam(network, rate=model.learning_rate, weight_decay=model.l2scale)
        super().__init__(adam, network.spans.device)
        self.network, self.data, self.factor = network, data, model.loss_factor
        self.batch = model._batch_rows(len(data.codes))
        self.counts = network.gates.of_codes(data.codes)
        self.down, self.up = ReluStack(linears(network.down), adam), ReluStack(linears(network.up), adam)
        self.share = torch.tensor(1 / self.batch, device=network.spans.device)

    def step(self, number: int) -> Tensor:
        rows = shuffled_rows(len(self.data.codes), self.batch, self.generator, self.data.codes.device)
        loss = self.differentiate(
            *(part.index_select(0, rows) for part in (self.data.scalars, self.data.codes, self.counts))
        )
        self.adam.update()
        return loss

    @torch.no_grad()
    def differentiate(self, scalars: Tensor, codes: Tensor, counts: Tensor) -> Tensor:
        """The loss of some rows (see :meth:`Autoencoder.loss`); its gradient goes to the optimizer's rooms."""
        network, room = self.network, self.adam.room_of
        first, spans = network.first, network.spans
        found = torch.addmm(first.bias, scalars, first.scalars)
        if len(spans):
            of_classes, one_hot = sum_and_one_hot(first.classes, codes + spans.offsets)
            found += of_classes
        entered = found.relu_()
        latent, divergence, *kept = drawn_latent(self.down.forward(entered), self.generator)
        out = self.up.forward(latent)

        gradient = torch.empty_like(out)
        scale = self.factor / len(codes)
        likely = torch.zeros((), device=out.device)
        if len(spans):
            logits, of_logits = (part[:, network.scalars :] for part in (out, gradient))
            likely, _ = spans.likelihood_and_gradient(logits, codes, -scale, out=of_logits)
        # Nearly all of the time of numbers this few is the calls, so there are as few of them as can be.
        sigma = network.sigma.clamp(*network.bounds)
        means = torch.tanh(out[:, : network.scalars])
        distance = (scalars - means).div_(sigma)
        counted = distance * counts
        squares, times = distance.mul_(counted).sum(dim=0), counts.sum(dim=0)
        off = (0.5 * squares + times * sigma.log()).sum()
        slopes = (network.sigma == sigma) * scale / sigma
        torch.mul(times - squares, slopes, out=room(network.sigma))
        gradient[:, : network.scalars] = torch.ops.aten.tanh_backward(counted.mul_(-scale / sigma), means)

        of_code = gradient_of_code(self.up.backward(gradient), self.share, *kept)
        of_first = through_relu(self.down.backward(of_code), entered)
        torch.mm(scalars.T, of_first, out=room(first.scalars))
        torch.sum(of_first, dim=0, out=room(first.bias))
        if len(spans):
            torch.mm(one_hot.T, of_first, out=room(first.classes))
        return (self.factor * (off - likely) + divergence) / len(codes)
