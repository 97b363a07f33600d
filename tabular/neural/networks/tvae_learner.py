"""The update of TVAE, with its derivatives written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...machine.devices import product_type
from ..batch_parts import Part, part_of
from ..layers.by_hand import Linear, OneHotLinear, RoundedLinear, layers_of, tanh_backward, works_on
from ..layers.latent import divergence_of, drawn_latent, gradient_of_code
from ..network import Data
from ..updates.learner import AdamLearner
from ..updates.optimizer import Adam, LowPrecisionCopy
from ..updates.rows import shuffled_rows

if TYPE_CHECKING:
    from ..tvae import TVAE, Autoencoder

__all__ = ["TvaeLearner"]

#: The loss of one in so many updates is reported: it only says how training goes, and took a twentieth of an update.
REPORT_EVERY = 4


class TvaeLearner(AdamLearner):
    """One update of encoder and decoder together.

    They minimise :meth:`Autoencoder.loss`, whose gradient is written out here: with autograd an update takes a fifth
    longer.
    """

    def __init__(self, model: TVAE, network: Autoencoder, data: Data) -> None:
        adam = Adam(network, rate=model._rate(), weight_decay=model.l2scale)
        super().__init__(adam, network.spans.device, batch=model._batch_rows(len(data.codes)))
        self.network, self.data, self.factor = network, data, model.loss_factor
        self.counts = network.gates.of_codes(data.codes)
        self.low = LowPrecisionCopy(adam, product_type(network.spans.device))
        self.first = OneHotLinear(adam.of, network.first.scalars, network.first.classes, network.first.bias)
        last = RoundedLinear if self.low.dtype == torch.bfloat16 else Linear
        self.down, self.up = layers_of(network.down, self.low.of), layers_of(network.up, self.low.of, last=last)
        self.sigma, self.grad_sigma = adam.of(network.sigma)
        self.weight = torch.tensor(1 / self.batch, device=network.spans.device)
        self.by_hand, self.taken = works_on(network.spans.device), 0

    def begin_interval(self, seed: int) -> None:
        super().begin_interval(seed)
        self.taken = 0

    def step(self, number: int) -> Tensor | None:
        rows = shuffled_rows(len(self.data.codes), self.batch, self.generator, self.data.codes.device)
        reported = self.taken % REPORT_EVERY == 0

        def differentiate(part: Part) -> Tensor | None:
            mine = part.of(rows)
            values = self.data.scalars, self.data.codes, self.counts
            scalars, codes, counts = (value.index_select(0, mine) for value in values)
            if self.by_hand:
                return self.differentiate(scalars, codes, counts, reported=reported)
            loss = self.network.loss(scalars, codes, counts, self.factor, self.generator)
            loss = loss if part.count == 1 else loss * (len(mine) / part.rows)
            self.adam.differentiate(loss)
            return loss.detach()

        found = self.differentiate_in_parts(self.adam, differentiate)
        self.adam.update()
        self.taken += 1
        return found

    def differentiate(self, scalars: Tensor, codes: Tensor, counts: Tensor, *, reported: bool = True) -> Tensor | None:
        """The loss of some rows (see :meth:`Autoencoder.loss`), if it is reported; its gradient is written to the
        optimizer's buffers. Rows that are a part of a batch give their part of the batch's."""
        part = part_of(self.generator)
        batch = len(codes) if part is None else part.rows
        network, spans, low = self.network, self.network.spans, self.low.dtype
        self.low.sync_from_master()
        first = self.first.forward((scalars, codes + spans.offsets))
        code = self.down.forward(first.to(low)).float()
        latent, deviation, noise = drawn_latent(code, self.generator)
        out = self.up.forward(latent.to(low)).float()

        grad = torch.empty_like(out)
        scale = self.factor / batch
        if len(spans):
            logits, grad_logits = (part[:, network.scalars :] for part in (out, grad))
            _, *likely = spans.likelihood_gradient(logits, codes, -scale, out=grad_logits)
        # Nearly all of the time of numbers this few is the calls, so there are as few of them as can be.
        sigma = self.sigma.clamp(*network.bounds)
        means = torch.tanh(out[:, : network.scalars])
        distance = (scalars - means).div_(sigma)
        counted = distance * counts
        squares, times = distance.mul_(counted).sum(dim=0), counts.sum(dim=0)
        slopes = (self.sigma == sigma) * scale / sigma
        grad[:, : network.scalars] = tanh_backward(counted.mul_(-scale / sigma), means)

        grad_latent = self.up.backward(grad.to(low)).float()
        grad_code = gradient_of_code(grad_latent, self.weight, code, deviation, noise)
        grad_first = self.down.backward(grad_code.to(low)).float()
        self.low.copy_grads_to_master()  # and then those of the weights of which no copy is used
        self.first.backward(grad_first)
        torch.mul(times - squares, slopes, out=self.grad_sigma)
        if not reported:
            return None
        off = (0.5 * squares + times * sigma.log()).sum()
        if len(spans):
            off -= spans.likelihood_of(*likely)
        return (self.factor * off + divergence_of(code, deviation)) / batch
