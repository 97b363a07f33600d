"""The generator of CTGAN, and its training pass with the derivatives written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...training.processes import Processes
from ..batch_parts import drawn, part_of
from ..encoding.encoder import TableEncoder
from ..encoding.spans import SHARPNESS, Spans
from ..layers.batch_norm import SpreadBatchNorm
from ..layers.by_hand import BatchNorm, Concat, Linear, WeightsOf, tanh_backward
from ..layers.gates import Gates
from ..network import Guide, Network

__all__ = ["MOMENTUM", "Generator", "GeneratorPass"]

#: How far the running statistics of batch normalisation move to those of a batch.
MOMENTUM = 0.1


class Generator(Network):
    """Residual layers that keep what they were given: noise and a condition in, logits and scalars out.

    A condition is one class of one column, one-hot in the paper; its part of each layer is a row of weights.

    Args:
        to_outputs: whether conditions have a part in the last layer too, as in the paper. Its weights are as many as
            the square of the classes of a table.
    """

    def __init__(
        self,
        encoder: TableEncoder,
        spans: Spans,
        guided: tuple[int, ...],
        embedding: int,
        widths: Sequence[int],
        *,
        to_outputs: bool = True,
    ) -> None:
        super().__init__()
        self.spans, self.guided, self.embedding = spans, guided, embedding
        self.scalars = encoder.scalars
        self.gates = Gates(encoder.gates, spans)
        asked, given = spans.width if guided else 0, embedding
        self.layers, self.norms, self.asked = nn.ModuleList(), nn.ModuleList(), nn.ParameterList()
        for place, wide in enumerate((*widths, self.scalars + spans.width)):
            bound = 1 / math.sqrt(given + asked)
            layer = nn.Linear(given, wide)
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.uniform_(layer.bias, -bound, bound)
            self.layers.append(layer)
            if guided and (to_outputs or place < len(widths)):
                self.asked.append(nn.Parameter(torch.empty(asked, wide).uniform_(-bound, bound)))
            if place < len(widths):
                self.norms.append(nn.BatchNorm1d(wide, momentum=MOMENTUM))
            given += wide
        self.register_buffer("shares", torch.zeros(spans.width))

    def forward(self, noise: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Noise float32[n, embedding] and flat classes int64[n] -> (logits float32[n, width], scalars
        float32[n, scalars] in -1..1)."""
        x = noise
        for place, layer in enumerate(self.layers):
            y = layer(x)
            if condition is not None and place < len(self.asked):
                y = y + functional.embedding(condition, self.asked[place])
            if place < len(self.norms):
                x = torch.cat([functional.relu(self.norms[place](y)), x], dim=1)
        scalars, logits = y.split([self.scalars, self.spans.width], dim=1)
        return logits, torch.tanh(scalars)

    def training_rows(
        self, rows: int, condition: Tensor | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New rows as :meth:`GeneratorPass.forward` makes them, and the mean negative log probability of their
        conditions: float32[rows, scalars], float32[rows, width] and a scalar."""
        spans = self.spans
        logits, scalars = self(self.noise(rows, generator), condition)
        soft = spans.softmax((logits + spans.gumbel(rows, generator)) * SHARPNESS)
        loss = logits.new_zeros(())
        if condition is not None:
            loss = -spans.log_softmax(logits).gather(1, condition[:, None]).mean()
        return scalars * self.gates(soft), soft, loss

    def noise(self, rows: int, generator: torch.Generator) -> Tensor:
        """float32[rows, embedding]."""
        return drawn(torch.randn, (rows, self.embedding), generator, self.spans.device)

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        condition = None
        if guide is not None:
            chosen = torch.multinomial(guide.probabilities, rows, replacement=True, generator=generator)
            condition = chosen + self.spans.offsets[guide.span]
        elif self.guided:
            # Any of the columns by its true frequencies, so that rows come as often as they do in the table.
            mask = self.spans.members(torch.tensor(self.guided, device=self.spans.device)).sum(dim=0)
            condition = torch.multinomial(self.shares * mask, rows, replacement=True, generator=generator)
        found: tuple[Tensor, Tensor] = self(self.noise(rows, generator), condition)
        return found


class GeneratorPass:
    """Rows from a :class:`Generator` in training, and the gradient of what is made of them.

    With autograd an update of both networks took up to a third longer: for bookkeeping, for copies of layers that were
    put side by side, and for the gradient of the noise, which nobody asks for.

    Args:
        network: the generator.
        of: gives what is multiplied with in place of its weights, and their gradient buffers, which are filled.
        generator: of all draws. Rows that are a part of a batch (:mod:`tabular.neural.batch_parts`) give their part of
            its loss and gradients.
        processes: that rows are spread over; this one alone if absent.
    """

    def __init__(
        self, network: Generator, of: WeightsOf, generator: torch.Generator, processes: Processes | None = None
    ) -> None:
        self.network, self.generator = network, generator
        classes = [*network.asked, *([None] * (len(network.layers) - len(network.asked)))]
        pairs = zip(cast(list[nn.Linear], list(network.layers)), classes, strict=True)
        *self.layers, self.last = (Linear(layer, of, weights) for layer, weights in pairs)
        self.norms = [
            BatchNorm(norm, of) if processes is None or processes.size == 1 else SpreadBatchNorm(norm, of, processes)
            for norm in cast(list[nn.BatchNorm1d], list(network.norms))
        ]
        self.body = Concat(list(zip(self.layers, self.norms, strict=True)))

    def forward(self, rows: int, condition: Tensor | None, momentum: float = MOMENTUM) -> tuple[Tensor, Tensor]:
        """New rows, their classes nearly one-hot: (float32[rows, scalars] in -1..1, float32[rows, width]).

        Args:
            condition: int64[rows], the flat class that each row is made for.
            momentum: how far running statistics move to those of these rows.
        """
        network = self.network
        for norm in self.norms:
            norm.momentum = momentum
        for layer in (*self.layers, self.last):
            layer.condition = condition
        y = self.last.forward(self.body.forward(network.noise(rows, self.generator)))
        self.scalars = torch.tanh(y[:, : network.scalars])
        self.weights = network.spans.weights(y[:, network.scalars :])
        self.soft = network.spans.gumbel_softmax(self.weights, self.generator)
        self.counts = network.gates(self.soft)
        return self.scalars * self.counts, self.soft

    def backward(self, grad_scalars: Tensor, grad_soft: Tensor) -> Tensor:
        """Writes to the buffers the gradient of a loss and of the mean negative log probability of requested classes,
        which is returned, a scalar.

        Args:
            grad_scalars, grad_soft: the gradients of that loss with respect to what :meth:`forward` gave last.
        """
        network, condition = self.network, self.last.condition
        count = network.scalars
        grad = grad_soft.new_empty(len(grad_soft), count + network.spans.width)
        grad[:, :count] = tanh_backward(grad_scalars * self.counts, self.scalars)
        grad_soft = network.gates.add_gradient(grad_soft, grad_scalars * self.scalars)
        grad[:, count:] = network.spans.gumbel_softmax_backward(self.soft, grad_soft)
        loss = grad.new_zeros(())
        if condition is not None:
            part = part_of(self.generator)
            rows = len(condition) if part is None else part.rows
            loss = network.spans.add_condition_loss(self.weights, condition, grad[:, count:], rows)
        self.last.grad_weights(grad)
        self.body.backward(grad @ self.last.weight[:, : self.body.width])
        return loss
