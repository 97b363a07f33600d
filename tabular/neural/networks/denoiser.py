"""The network of TabDDPM: Gaussian diffusion of scalars beside multinomial diffusion of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..batch_parts import Part, drawn, part_of
from ..encoding.spans import Spans
from ..layers.first_layer import FirstLayer
from ..layers.residual import dropout
from ..network import CERTAIN, Data, Guide, Network
from ..updates.learner import AdamLearner
from ..updates.optimizer import Adam
from ..updates.rows import shuffled_rows

__all__ = ["AVERAGE", "Denoiser", "DenoiserLearner"]

#: Share of the old weights in the averaged ones.
AVERAGE = 0.999
#: Numbers of the sinusoidal embedding of a time step.
TIME_WIDTH = 128


class Denoiser(Network):
    """A multilayer perceptron that is shown a noisy row and its time step, and tells the noise and the classes.

    Noise comes by a cosine schedule (Nichol and Dhariwal 2021): after t of T steps a scalar is
    sqrt(a) x + sqrt(1 - a) noise, and a class is still itself with probability a, else any class of its span alike
    (Hoogeboom et al. 2021, "Argmax Flows and Multinomial Diffusion", section 4). A guided span is never noised:
    it is what rows are asked for.

    Args:
        scalars: of a row.
        spans: their layout.
        guided: at most one span that rows are made for.
        widths: of the layers.
        dropout: share of a layer's outputs that an update leaves out.
        times: T.
        taken: steps that are taken when rows are made.
    """

    def __init__(
        self,
        scalars: int,
        spans: Spans,
        guided: tuple[int, ...],
        *,
        widths: Sequence[int],
        dropout: float,
        times: int,
        taken: int,
    ) -> None:
        super().__init__()
        self.scalars, self.spans, self.guided, self.dropout = scalars, spans, guided, dropout
        self.times, self.taken = times, taken
        self.time = nn.Sequential(nn.Linear(TIME_WIDTH, TIME_WIDTH), nn.SiLU(), nn.Linear(TIME_WIDTH, widths[0]))
        self.first = FirstLayer(scalars, spans, widths[0])
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1], scalars + spans.width)
        self.register_buffer("shares", torch.zeros(spans.width))
        moments = (torch.arange(times + 1, dtype=torch.float64, device="cpu") / times + 0.008) / 1.008
        kept = torch.cos(moments * math.pi / 2).square()
        # kept[t]: the share of the signal after t steps; the last one would be 0, which no row comes back from.
        self.kept = (kept / kept[0]).clamp(min=1e-5).float().to(spans.device)
        self.class_counts = torch.tensor(spans.sizes, dtype=torch.float32, device=spans.device)
        self.free = torch.ones(len(spans), dtype=torch.bool, device=spans.device)
        self.free[list(guided)] = False
        scale = torch.exp(-math.log(1e4) * torch.arange(TIME_WIDTH // 2, device=spans.device) / (TIME_WIDTH // 2))
        angles = torch.arange(times + 1, device=spans.device)[:, None] * (1000 / times) * scale
        self.moments = torch.cat([angles.cos(), angles.sin()], dim=1)

    def forward(self, scalars: Tensor, codes: Tensor, time: Tensor, generator: torch.Generator | None) -> Tensor:
        """Noisy float32[n, scalars] and int64[n, spans] at int64[n] or int64[1] -> float32[n, scalars + width]."""
        x = self.first(scalars, codes) + self.time(self.moments[time])
        for number in range(len(self.layers) + 1):
            x = functional.silu(x)
            x = dropout(x, self.dropout, generator)
            x = (self.layers[number] if number < len(self.layers) else self.out)(x)
        return x

    def noisy(self, scalars: Tensor, codes: Tensor, time: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """(scalars, their noise, int64 codes) after int64[n] steps."""
        kept = self.kept[time][:, None]
        noise = drawn(torch.randn, scalars.shape, generator, scalars.device)
        uniform = drawn(torch.rand, (2, *codes.shape), generator, codes.device, dim=1)
        other = (uniform[0] * self.class_counts).long()
        changed = torch.where((uniform[1] >= kept) & self.free, other, codes)
        return kept.sqrt() * scalars + (1 - kept).sqrt() * noise, noise, changed

    def loss(self, scalars: Tensor, codes: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of the noise and cross-entropy of the classes, per row, over the number of both.

        Of a part of a batch (:mod:`tabular.neural.batch_parts`) its part of the batch's loss.
        """
        part = part_of(generator)
        rows = len(codes) if part is None else part.rows
        time = torch.randint(1, self.times + 1, (rows,), generator=generator, device=codes.device)
        if part is not None:
            time = part.of(time)
        at, noise, changed = self.noisy(scalars, codes, time, generator)
        found = self(at, changed, time, generator)
        squared = (found[:, : self.scalars] - noise).square().sum()
        likely = self.spans.log_likelihood(found[:, self.scalars :], codes)
        return (squared - likely) / (rows * (self.scalars + len(self.spans)))

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        device = self.spans.device
        scalars = torch.randn(rows, self.scalars, generator=generator, device=device)
        uniform = torch.rand(rows, len(self.spans), generator=generator, device=device)
        codes = (uniform * self.class_counts).long()
        if self.guided:
            likely = self.class_shares(self.guided[0]) if guide is None else guide.probabilities
            codes[:, self.guided[0]] = torch.multinomial(likely, rows, replacement=True, generator=generator)
        asked = codes
        moments = torch.linspace(self.times, 0, self.taken + 1).round().long().tolist()
        for now, then in pairwise(moments):
            found = self(scalars, codes, torch.tensor([now], device=device), None)
            logits = found[:, self.scalars :]
            scalars = self._denoised(scalars, found[:, : self.scalars], now, then, generator)
            if then:
                drawn = self.spans.draw_by(self._posterior(logits, codes, now, then), generator)
                codes = torch.where(self.free, drawn, asked)
        if self.guided:
            certain = self.spans.one_hot(asked) * CERTAIN
            logits = torch.where(self.free[self.spans.span_of], logits, certain)
        return logits, scalars

    def _denoised(self, x: Tensor, noise: Tensor, now: int, then: int, generator: torch.Generator) -> Tensor:
        """A draw of the scalars at step ``then`` from those at ``now`` (Ho et al. 2020, equation 7)."""
        kept_now, kept_then = float(self.kept[now]), float(self.kept[then])
        step = kept_now / kept_then
        clean = (x - (1 - kept_now) ** 0.5 * noise) / kept_now**0.5
        clean = clean.clamp(-5, 5)  # as far as normal scores go
        mean = (kept_then**0.5 * (1 - step) * clean + step**0.5 * (1 - kept_then) * x) / (1 - kept_now)
        if not then:
            return mean
        spread = ((1 - kept_then) / (1 - kept_now) * (1 - step)) ** 0.5
        return mean + spread * torch.randn(x.shape, generator=generator, device=x.device)

    def _posterior(self, logits: Tensor, codes: Tensor, now: int, then: int) -> Tensor:
        """float32[n, width], up to a factor for each span: how likely the classes at step ``then`` are, given those at
        ``now`` (int64[n, spans]) and the likely clean ones.

        It is the mean of q(x_then | x_now, x_0) over x_0, and not q at the mean of x_0 as the authors have it. All
        classes of a span but the present one are alike but for their likelihood, so that one is put right by itself.
        """
        kept_now, kept_then = float(self.kept[now]), float(self.kept[then])
        step = kept_now / kept_then
        here = codes + self.spans.offsets
        even = (1 / self.class_counts).expand(codes.shape)
        # p(x_0) / q(x_now | x_0), times (1 - kept_now) even, which all the other classes share
        weight = self.spans.softmax(logits)
        other = (1 - kept_now) * even
        present = weight.gather(1, here) * (other / (kept_now + other))
        weight.scatter_(1, here, present)
        came_anew = (1 - kept_then) * even * self.spans.sums(weight)
        found = weight.mul_(kept_then).add_(came_anew.index_select(1, self.spans.span_of))
        # q(x_now | x_then), times 1 / ((1 - step) even)
        stayed = (step + (1 - step) * even) / ((1 - step) * even)
        return found.scatter_(1, here, (kept_then * present + came_anew) * stayed)


class DenoiserLearner(AdamLearner):
    """One update; the averaged weights are what is kept at the end."""

    def __init__(self, network: Denoiser, data: Data, adam: Adam, *, batch: int, steps: int) -> None:
        super().__init__(adam, network.spans.device, batch=batch)
        self.network, self.data, self.steps = network, data, steps
        if network.guided:
            network.shares.copy_(network.spans.one_hot_counts(data.codes) / len(data.codes))

    def step(self, number: int) -> Tensor | None:
        rows = shuffled_rows(len(self.data.codes), self.batch, self.generator, self.data.codes.device)

        def differentiate(part: Part) -> Tensor:
            mine = part.of(rows)
            loss = self.network.loss(self.data.scalars[mine], self.data.codes[mine], self.generator)
            self.adam.differentiate(loss)
            return loss.detach()

        loss = self.differentiate_in_parts(self.adam, differentiate)
        self.adam.update(number / self.steps, decay=True)
        return loss
