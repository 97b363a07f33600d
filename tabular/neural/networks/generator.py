"""The generator of CTGAN, and its training pass with the gradient written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..encoding.encoder import TableEncoder
from ..encoding.spans import Spans
from ..layers.by_hand import linears, through_relu
from ..layers.gates import Gates
from ..network import Guide, Network
from ..updates.optimizer import Adam

__all__ = ["Generator", "GeneratorPass"]


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
                self.norms.append(nn.BatchNorm1d(wide))
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

    def noise(self, rows: int, generator: torch.Generator) -> Tensor:
        """float32[rows, embedding]."""
        return torch.randn(rows, self.embedding, generator=generator, device=self.spans.device)

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        condition = None
        if guide is not None:
            drawn = torch.multinomial(guide.probabilities, rows, replacement=True, generator=generator)
            condition = drawn + self.spans.offsets[guide.span]
        elif self.guided:
            # Any of the columns by its true frequencies, so that rows come as often as they do in the table.
            mask = self.spans.members(torch.tensor(self.guided, device=self.spans.device)).sum(dim=0)
            condition = torch.multinomial(self.shares * mask, rows, replacement=True, generator=generator)
        found: tuple[Tensor, Tensor] = self(self.noise(rows, generator), condition)
        return found


class GeneratorPass:
    """Rows from a :class:`Generator` in training, and the gradient of what is made of them.

    With torch's differentiation an update of both networks took up to a third longer: for bookkeeping, for copies of
    layers that were put side by side, and for the gradient of the noise, which nobody asks for. Here all that a layer
    is given lies in one tensor from the start, each layer's output before those of the earlier ones.

    Args:
        network: the generator.
        adam: has the gradient buffers of its weights; :meth:`backward` fills them.
    """

    def __init__(self, network: Generator, adam: Adam) -> None:
        self.network, self.grad_of = network, adam.grad_of
        self.layers = linears(network.layers)
        self.norms = cast(list[nn.BatchNorm1d], list(network.norms))
        self.widths = [norm.num_features for norm in self.norms]

    @torch.no_grad()
    def forward(self, rows: int, condition: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """New rows, their classes nearly one-hot: (float32[rows, scalars] in -1..1, float32[rows, width]).

        Args:
            condition: int64[rows], the flat class that each row is made for.
        """
        network, spans = self.network, self.network.spans
        begin = sum(self.widths)
        self.given = torch.empty(rows, begin + network.embedding, device=spans.device)
        self.given[:, begin:] = network.noise(rows, generator)
        self.condition, self.normed = condition, []
        for place in range(len(self.layers)):
            y = self._layer(place, self.given[:, begin:])
            if place < len(self.widths):
                norm = self.norms[place]
                out, mean, scale = torch.native_batch_norm(
                    y, norm.weight, norm.bias, norm.running_mean, norm.running_var, True, norm.momentum or 0.0, norm.eps
                )
                self.normed.append((y, mean, scale))
                end, begin = begin, begin - self.widths[place]
                torch.clamp(out, min=0, out=self.given[:, begin:end])
        self.scalars = torch.tanh(y[:, : network.scalars])
        self.weights = spans.weights(y[:, network.scalars :])
        self.soft = spans.gumbel_softmax(self.weights, generator)
        self.open = network.gates(self.soft)
        return self.scalars * self.open, self.soft

    def _layer(self, place: int, given: Tensor) -> Tensor:
        layer = self.layers[place]
        if self.condition is None or place >= len(self.network.asked):
            return torch.addmm(layer.bias, given, layer.weight.T)
        offsets = (self.network.asked[place] + layer.bias).index_select(0, self.condition)
        return offsets.addmm_(given, layer.weight.T)

    @torch.no_grad()
    def backward(self, grad_scalars: Tensor, grad_soft: Tensor) -> Tensor:
        """Writes to the buffers the gradient of a loss and of the mean negative log probability of requested classes,
        which is returned, a scalar.

        Args:
            grad_scalars, grad_soft: the gradients of that loss with respect to what :meth:`forward` gave last.
        """
        network, spans = self.network, self.network.spans
        count = network.scalars
        gradient = torch.empty(len(self.given), count + spans.width, device=spans.device)
        gradient[:, :count] = torch.ops.aten.tanh_backward(grad_scalars * self.open, self.scalars)
        grad_soft = network.gates.add_gradient(grad_soft, grad_scalars * self.scalars)
        gradient[:, count:] = spans.through_gumbel_softmax(self.soft, grad_soft)
        loss = gradient.new_zeros(())
        if self.condition is not None:
            loss = spans.add_asked(self.weights, self.condition, gradient[:, count:])
        self._through_layers(gradient)
        return loss

    def _through_layers(self, gradient: Tensor) -> None:
        """From the gradient with respect to what the last layer gave, float32[n, scalars + width]."""
        network, grad_of = self.network, self.grad_of
        begin, grad_inputs = 0, None
        for place in reversed(range(len(self.layers))):
            layer = self.layers[place]
            torch.mm(gradient.T, self.given[:, begin:], out=grad_of(layer.weight))
            torch.sum(gradient, dim=0, out=grad_of(layer.bias))
            if self.condition is not None and place < len(network.asked):
                grad_of(network.asked[place]).zero_().index_add_(0, self.condition, gradient)
            if not place:
                return
            # What the layers before this one made; the noise is not learned.
            made = sum(self.widths[:place])
            weight = layer.weight[:, :made]
            grad_inputs = gradient @ weight if grad_inputs is None else grad_inputs[:, -made:].addmm_(gradient, weight)
            end = begin + self.widths[place - 1]
            grad_outputs = through_relu(grad_inputs[:, : end - begin], self.given[:, begin:end])
            norm = self.norms[place - 1]
            y, mean, scale = self.normed[place - 1]
            gradient, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
                grad_outputs,
                y,
                norm.weight,
                norm.running_mean,
                norm.running_var,
                mean,
                scale,
                True,
                norm.eps,
                [True] * 3,
            )
            grad_of(norm.weight).copy_(of_weight)
            grad_of(norm.bias).copy_(of_bias)
            begin = end
