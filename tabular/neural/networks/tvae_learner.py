"""The update of TVAE, with its gradient written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...machine.devices import product_type
from ...machine.row_sums import sum_and_one_hot
from ..layers.by_hand import ReluStack, linears, through_relu
from ..layers.latent import divergence_of, drawn_latent, gradient_of_code
from ..network import Data
from ..updates.learner import AdamLearner
from ..updates.optimizer import Adam, LowPrecisionCopy
from ..updates.rows import shuffled_rows

if TYPE_CHECKING:
    from ..tvae import TVAE, Autoencoder

__all__ = ["TvaeLearner"]

#: The loss of one in so many updates is told: it only says how training goes, and took a twentieth of an update.
TELLS_EVERY = 4


class TvaeLearner(AdamLearner):
    """One update of encoder and decoder together.

    :meth:`Autoencoder.loss` is what goes down; its gradient is written out here, for with torch's differentiation half
    of an update was bookkeeping.
    """

    def __init__(self, model: TVAE, network: Autoencoder, data: Data) -> None:
        adam = Adam(network, rate=model._rate(), weight_decay=model.l2scale)
        super().__init__(adam, network.spans.device)
        self.network, self.data, self.factor = network, data, model.loss_factor
        self.batch = model._batch_rows(len(data.codes))
        self.counts = network.gates.of_codes(data.codes)
        self.low = LowPrecisionCopy(adam, product_type(network.spans.device))
        self.down, self.up = (ReluStack(linears(part), self.low) for part in (network.down, network.up))
        self.share = torch.tensor(1 / self.batch, device=network.spans.device)
        self.taken = 0

    def begin_interval(self, seed: int) -> None:
        super().begin_interval(seed)
        self.taken = 0

    def step(self, number: int) -> Tensor | None:
        rows = shuffled_rows(len(self.data.codes), self.batch, self.generator, self.data.codes.device)
        loss = self.differentiate(
            *(part.index_select(0, rows) for part in (self.data.scalars, self.data.codes, self.counts)),
            told=self.taken % TELLS_EVERY == 0,
        )
        self.adam.update()
        self.taken += 1
        return loss

    @torch.no_grad()
    def differentiate(self, scalars: Tensor, codes: Tensor, counts: Tensor, *, told: bool = True) -> Tensor | None:
        """The loss of some rows (see :meth:`Autoencoder.loss`), if it is to be told; its gradient goes to the
        optimizer's buffers."""
        network, grad_of = self.network, self.adam.grad_of
        first, spans = network.first, network.spans
        self.low.sync_from_master()
        found = torch.addmm(first.bias, scalars, first.scalars)
        if len(spans):
            of_classes, one_hot = sum_and_one_hot(first.classes, codes + spans.offsets)
            found += of_classes
        entered = found.relu_()
        code = self.down.forward(entered)
        latent, deviation, noise = drawn_latent(code, self.generator)
        out = self.up.forward(latent)

        gradient = torch.empty_like(out)
        scale = self.factor / len(codes)
        if len(spans):
            logits, of_logits = (part[:, network.scalars :] for part in (out, gradient))
            _, *likely = spans.likelihood_gradient(logits, codes, -scale, out=of_logits)
        # Nearly all of the time of numbers this few is the calls, so there are as few of them as can be.
        sigma = network.sigma.clamp(*network.bounds)
        means = torch.tanh(out[:, : network.scalars])
        distance = (scalars - means).div_(sigma)
        counted = distance * counts
        squares, times = distance.mul_(counted).sum(dim=0), counts.sum(dim=0)
        slopes = (network.sigma == sigma) * scale / sigma
        gradient[:, : network.scalars] = torch.ops.aten.tanh_backward(counted.mul_(-scale / sigma), means)

        of_code = gradient_of_code(self.up.backward(gradient), self.share, code, deviation, noise)
        of_first = through_relu(self.down.backward(of_code), entered)
        self.low.copy_grads_to_master()  # and then those of the weights of which no copy is used
        torch.mul(times - squares, slopes, out=grad_of(network.sigma))
        torch.mm(scalars.T, of_first, out=grad_of(first.scalars))
        torch.sum(of_first, dim=0, out=grad_of(first.bias))
        if len(spans):
            torch.mm(one_hot.T, of_first, out=grad_of(first.classes))
        if not told:
            return None
        off = (0.5 * squares + times * sigma.log()).sum()
        if len(spans):
            off -= spans.likelihood_of(*likely)
        return (self.factor * off + divergence_of(code, deviation)) / len(codes)
