"""The classes of a row, one span after the other, each given those before it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..encoding.calibration import matching_bias
from ..encoding.spans import BELOW_ONE, Spans
from ..layers.residual import Residual

__all__ = ["Autoregression"]

#: Rows of like beginnings whose uniform numbers are spread over the whole of 0..1.
ALIKE = 16


class Autoregression(nn.Module):
    """A neural autoregressive density (Uria, Murray and Larochelle 2014, "A Deep and Tractable Density Estimator").

    The classes that are known add up, one row of weights each; what the sum says of the next span goes through
    ``depth`` layers to the logits of that span alone. So an update learns every span of every row, and a draw costs
    the width of a layer and the classes of one span. Any span can come first, which is what a condition on it needs;
    the others follow as they stand in the table. (All orders alike, as in section 3.1 there, cost 1.2 nats a row on
    Online Shoppers.)

    Args:
        spans: the layout, of at least one span.
        waves: float32[width, features], what classes of like numbers share
            (:meth:`tabular.neural.encoding.encoder.TableEncoder.waves`); weights of the features are added to those of
            the classes.
        width, depth, dropout: of the layers (:class:`tabular.neural.layers.residual.Residual`).
    """

    def __init__(self, spans: Spans, waves: Tensor, *, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.spans, self.waves = spans, waves
        self.known = nn.Parameter(torch.randn(spans.width, width) / math.sqrt(len(spans)))
        self.known_waves = nn.Parameter(torch.randn(waves.shape[1], width) / math.sqrt(len(spans)))
        self.asked = nn.Parameter(torch.randn(len(spans), width) / math.sqrt(len(spans)))
        self.layers = Residual(width=width, depth=depth, dropout=dropout)
        self.head = nn.Parameter(torch.zeros(spans.width, width))
        self.head_waves = nn.Parameter(torch.zeros(waves.shape[1], width))
        self.bias = nn.Parameter(torch.zeros(spans.width))

    def forward(self, codes: Tensor, order: Tensor, generator: torch.Generator | None) -> Tensor:
        """int64[n, spans] and an order of the spans -> float32[spans]: the mean log probability of each span's
        classes, given those that come before it in ``order``. Without ``generator`` nothing is left out."""
        flat = (codes + self.spans.offsets)[:, order]
        known, head = self._weights()
        seen = functional.embedding(flat[:, :-1], known).cumsum(dim=1)
        nothing = seen.new_zeros(len(codes), 1, seen.shape[2])
        x = torch.cat([nothing, seen], dim=1) + self.asked[order]
        hidden = self.layers(x, generator)[:, order.argsort()]
        return self.spans.head_log_likelihood(hidden, head, self.bias, codes)

    def _weights(self) -> tuple[Tensor, Tensor]:
        """(float32[width, h], float32[width, h]): what a known class adds, and the head, waves included."""
        return self.known + self.waves @ self.known_waves, self.head + self.waves @ self.head_waves

    @torch.no_grad()
    def begin(self, counts: Tensor) -> None:
        """Start from float32[width], how often each class occurs."""
        total = self.spans.spread(self.spans.sums(counts[None]))[0]
        self.bias.copy_(((counts + 0.5) / total).log())

    @torch.no_grad()
    def calibrate(self, shares: Tensor, rows: int, generator: torch.Generator) -> None:
        """Change the biases so that, in ``rows`` rows that are drawn, each class is as likely as its share.

        Args:
            shares: float32[width], how often each class occurs in the table.
        """
        self.draw(rows, generator, None, shares)

    def draw(
        self,
        rows: int,
        generator: torch.Generator,
        given: tuple[int, Tensor] | None,
        shares: Tensor | None = None,
    ) -> Tensor:
        """int64[rows, spans].

        Args:
            given: a span and float32[classes], the probabilities that it is drawn by.
            shares: float32[width], to which the biases are brought on the way, one span after the other.
        """
        spans = self.spans
        codes = torch.empty(rows, len(spans), dtype=torch.int64, device=spans.device)
        weights, head = self._weights()
        known = torch.zeros(rows, self.known.shape[1], device=spans.device)
        alike = torch.arange(rows, device=spans.device)
        for span in self.order(None if given is None else given[0]).tolist():
            here = slice(spans.starts[span], spans.starts[span] + spans.sizes[span])
            if given is not None and span == given[0]:
                likely = given[1].expand(rows, -1)
            else:
                hidden = self.layers(known + self.asked[span], None)
                likely = torch.addmm(self.bias[here], hidden, head[here].T).softmax(dim=1)
                if shares is not None:
                    bias = matching_bias(Spans([spans.sizes[span]], spans.device), shares[here], likely)
                    self.bias[here] += bias
                    likely = (likely.log() + bias).softmax(dim=1)
            ladder = likely.cumsum(dim=1)
            uniform = torch.empty(rows, device=spans.device)
            uniform[alike] = stratified(rows, generator, spans.device)
            drawn = (ladder <= (uniform * ladder[:, -1])[:, None]).sum(dim=1).clamp_(max=spans.sizes[span] - 1)
            codes[:, span] = drawn
            alike = alike[drawn[alike].argsort(stable=True)]
            known = known + functional.embedding(drawn, weights[here])
        return codes

    def order(self, first: int | None) -> Tensor:
        """int64[spans]: the spans as they stand in the table, but for one that comes ``first``."""
        rest = torch.arange(len(self.spans), device=self.spans.device)
        if first is None:
            return rest
        return torch.cat([rest[first : first + 1], rest[:first], rest[first + 1 :]])


def stratified(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """float32[count]: each uniform on 0..1, and any :data:`ALIKE` in a row spread over all of it.

    Neighbours are rows with like beginnings, so the classes that they take together come nearer to their shares than
    independent draws would, while each row by itself is still an exact draw.
    """
    groups = -(-count // ALIKE)
    places = torch.rand(groups, ALIKE, generator=generator, device=device).argsort(dim=1)
    within = torch.rand(groups, ALIKE, generator=generator, device=device)
    return ((places + within) / ALIKE).clamp_(max=BELOW_ONE).view(-1)[:count]
