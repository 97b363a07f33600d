"""One-hot spans side by side in a tensor: softmax, draws and one-hot of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..batch_parts import drawn

__all__ = ["Spans"]

#: Logits count this far from 0 when a likelihood is asked for: e to this and its sums stay well within float32.
FARTHEST = 60.0
#: One over the temperature of the Gumbel softmax: a fifth power is three products.
SHARPNESS = 5
#: Probabilities count from here on where their fifth power is taken, so that none is denormal, which is slow.
LEAST = 1e-7
#: Uniform numbers end here: times a sum of weights and rounded, they must not reach it.
BELOW_ONE = 1 - 2**-22
#: Spans are summed in so many columns or a multiple of it.
ROUND = 16
#: Of more spans than these no matrix of what belongs to what is made: with 1,000 a sum of each took 15 times as long.
MOST_IN_MATRIX = 128
#: Spans of more classes than one of these and no more than the next are padded together.
BUCKETS = (0, 4, 16, 64, 256, 1 << 30)


class Spans:
    """The layout of some one-hot spans, with operations that cost a few kernels however many spans there are.

    Args:
        sizes: classes of each span.
        device: where the tensors are.

    Attributes:
        width: classes of all spans together.
        offsets: int64[spans], where each begins (``starts``: the same as a list).
    """

    def __init__(self, sizes: Sequence[int], device: torch.device) -> None:
        self.sizes, self.device = list(sizes), device
        self.width = sum(sizes)
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        self.starts, self.offsets = starts, torch.tensor(starts, dtype=torch.int64, device=device)
        self._last = torch.tensor(sizes, dtype=torch.int64, device=device) - 1
        span_of = [place for place, size in enumerate(sizes) for _ in range(size)]
        self.span_of = torch.tensor(span_of, dtype=torch.int64, device=device)
        self._member: Tensor | None = None
        if len(sizes) <= MOST_IN_MATRIX:
            # Columns of zeros up to a round number: with 15 spans the product takes three times as long as with 16.
            self._member = torch.zeros(self.width, -(-len(sizes) // ROUND) * ROUND, device=device)
            self._member[torch.arange(self.width, device=device), self.span_of] = 1.0
            self._spread = self._member.T[: len(sizes)].contiguous()
        # Spans of like size are looked at together, each row padded with the first class of its span.
        self.buckets = []
        self.in_bucket = []
        for low, high in pairwise(BUCKETS):
            if among := [place for place, size in enumerate(sizes) if low < size <= high]:
                longest = max(sizes[place] for place in among)
                index = [[starts[p] + (k if k < sizes[p] else 0) for k in range(longest)] for p in among]
                beyond = [[k >= sizes[p] for k in range(longest)] for p in among]
                self.in_bucket.append(torch.tensor(among, device=device))
                self.buckets.append(
                    (torch.tensor(index, device=device).reshape(-1), torch.tensor(beyond, device=device))
                )
        bucket_of = [next(n for n, high in enumerate(BUCKETS[1:]) if size <= high) for size in sizes]
        by_bucket = sorted(range(len(sizes)), key=lambda place: bucket_of[place])
        self.back = torch.tensor([by_bucket.index(place) for place in range(len(sizes))], device=device)
        #: Numbers of a row when it is padded so.
        self.padded_width = sum(len(index) for index, _ in self.buckets)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def many(self) -> bool:
        """Whether there are too many spans for a matrix of what belongs to what."""
        return self._member is None

    def one_hot(self, codes: Tensor) -> Tensor:
        """int64[n, spans] -> float32[n, width]."""
        flat = torch.zeros(len(codes), self.width, device=codes.device)
        return flat.scatter_(1, codes + self.offsets, 1.0)

    def one_hot_counts(self, codes: Tensor) -> Tensor:
        """int64[n, spans] -> float32[width]: how often each class occurs (exact up to 16 million rows)."""
        flat = (codes + self.offsets).reshape(-1)
        return torch.zeros(self.width, device=codes.device).scatter_add_(
            0, flat, torch.ones(1, device=codes.device).expand(len(flat))
        )

    def sums(self, values: Tensor) -> Tensor:
        """float32[n, width] -> float32[n, spans], summed within each span."""
        if self._member is None:
            return self._per_bucket(values, lambda padded, beyond: padded.masked_fill(beyond, 0.0).sum(dim=2))
        return (values @ self._member)[:, : len(self)]

    def spread(self, values: Tensor) -> Tensor:
        """float32[n, spans] -> float32[n, width]: each class has what its span has."""
        return values.index_select(1, self.span_of) if self._member is None else values @ self._spread

    def weighted_sums(self, weights: Tensor, values: Tensor) -> Tensor:
        """Weights float32[n, spans] and float32[n, width] -> float32[width]: over rows, each by its span's weight."""
        if self._member is None:
            return torch.einsum("nw,nw->w", self.spread(weights), values)
        return ((weights.T @ values) * self._spread).sum(dim=0)

    def members(self, span_of_row: Tensor) -> Tensor:
        """int64[n], one span a row -> float32[n, width], 1 where a class belongs to it."""
        if self._member is None:
            return (self.span_of == span_of_row[:, None]).float()
        return self._spread.index_select(0, span_of_row)

    def _per_bucket(self, values: Tensor, reduce: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """[n, width] -> [n, spans]: ``reduce`` of padded [n, spans, longest] and where that is padding."""
        parts = []
        for index, beyond in self.buckets:
            padded = values.index_select(1, index).view(len(values), *beyond.shape)
            parts.append(reduce(padded, beyond))
        return torch.cat(parts, dim=1).index_select(1, self.back) if len(parts) > 1 else parts[0]

    def _top(self, logits: Tensor) -> Tensor:
        return self._per_bucket(logits, lambda padded, _: padded.amax(dim=2))

    def log_softmax(self, logits: Tensor) -> Tensor:
        """float32[n, width] -> float32[n, width], normalised within each span.

        Each span is shifted by its own maximum, so none underflows however far the others are above it; the sums are
        products with a 0/1 matrix, which are fast on every device, unless there are very many spans.
        """
        if not self.width:
            return logits
        with torch.no_grad():
            top = self._top(logits)
        shifted = logits - self.spread(top)
        return shifted - self.spread(self.sums(shifted.exp()).log())

    def log_likelihood(self, logits: Tensor, codes: Tensor) -> Tensor:
        """The sum over rows and spans of the log probability of the classes ``codes`` (int64[n, spans]): a scalar.

        Logits (float32[n, width]) beyond +-:data:`FARTHEST` count as there, and their gradient is as if they were.
        """
        if not self.width:
            return logits.sum()
        found: Tensor = _LogLikelihood.apply(logits, codes, self)
        return found

    def likelihood_gradient(
        self, logits: Tensor, codes: Tensor, scale: float = 1.0, out: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """For use without torch's differentiation: ``scale`` times the gradient of :meth:`log_likelihood` with respect
        to the logits, float32[n, width], and float32[n, spans] twice: e to the chosen logits, and the sum of e to
        each of their spans. ``out`` is where the gradient goes.

        Bounded logits need no shift by the maximum of their span, which costs more than all the rest.
        """
        classes = codes + self.offsets
        weights = self.weights(logits)
        chosen = weights.gather(1, classes)
        sums = self.sums(weights)
        gradient = torch.mul(weights, self.spread(-scale / sums), out=out)
        one = torch.full((1, 1), scale, device=logits.device).expand(classes.shape)
        gradient.scatter_add_(1, classes, one)
        return gradient, chosen, sums

    @staticmethod
    def likelihood_of(chosen: Tensor, sums: Tensor) -> Tensor:
        """:meth:`log_likelihood`, from what :meth:`likelihood_gradient` gave, which is used up."""
        # Each by itself: their quotient may be too small for float32.
        return chosen.log_().sum() - sums.log_().sum()

    def weights(self, logits: Tensor) -> Tensor:
        """float32[n, width] -> float32[n, width]: e to the logits, which count within +-:data:`FARTHEST`."""
        return logits.clamp(-FARTHEST, FARTHEST).exp_()

    def add_condition_loss(self, weights: Tensor, classes: Tensor, gradient: Tensor, rows: int | None = None) -> Tensor:
        """The mean over rows of the negative log probability of one class of one span, ``classes`` (int64[n], flat): a
        scalar. Its gradient with respect to the logits is added to ``gradient``.

        Args:
            weights: float32[n, width] as :meth:`weights` gives them.
            gradient: float32[n, width].
            rows: over how many the mean is taken, where these are a part of a batch.
        """
        rows, classes = rows or len(classes), classes[:, None]
        chosen = weights.gather(1, classes)
        within = self.members(self.span_of[classes[:, 0]]).mul_(weights)
        sums = within.sum(dim=1, keepdim=True)
        gradient.addcmul_(within, (sums * rows).reciprocal_())
        gradient.scatter_add_(1, classes, torch.full((1, 1), -1 / rows, device=weights.device).expand(classes.shape))
        return (sums.log_() - chosen.log_()).sum() / rows

    def head_log_likelihood(self, hidden: Tensor, head: Tensor, bias: Tensor, codes: Tensor) -> Tensor:
        """float32[spans]: the mean over rows of the log probability of each span's class.

        Each span has a hidden vector of its own, which is multiplied with its own classes' rows of the head alone.

        Args:
            hidden: float32[n, spans, h].
            head, bias: float32[width, h] and float32[width].
            codes: int64[n, spans].
        """
        parts = []
        for (index, beyond), places in zip(self.buckets, self.in_bucket, strict=True):
            rows = head.index_select(0, index).view(*beyond.shape, -1)  # (spans, longest, h)
            seen = hidden.index_select(1, places).transpose(0, 1)  # (spans, n, h)
            offset = bias.index_select(0, index).view(beyond.shape).masked_fill(beyond, -torch.inf)
            logits = torch.baddbmm(offset[:, None], seen, rows.transpose(1, 2))  # (spans, n, longest)
            chosen = codes.index_select(1, places).T[:, :, None]
            parts.append(logits.log_softmax(dim=2).gather(2, chosen)[:, :, 0].mean(dim=1))
        return torch.cat(parts)[self.back]

    def softmax(self, logits: Tensor) -> Tensor:
        """float32[n, width] -> float32[n, width], summing to 1 within each span."""
        return self.log_softmax(logits).exp()

    def gumbel_softmax(self, weights: Tensor, generator: torch.Generator) -> Tensor:
        """float32[n, width] -> float32[n, width]: classes drawn by their weights, nearly one-hot (Jang et al. 2017).

        The temperature is 0.2, as in CTGAN. e to (logit + Gumbel draw) is e to the logit over an exponential draw, and
        at the temperature 1 / :data:`SHARPNESS` it is that to a power.

        Args:
            weights: as :meth:`weights` gives them.
        """
        if not self.width:
            return weights
        ratio = weights / self.exponential(len(weights), generator)
        ratio.mul_(self.spread(self.sums(ratio).reciprocal_())).clamp_(min=LEAST)
        power = ratio.square().square_().mul_(ratio)
        return power.mul_(self.spread(self.sums(power).reciprocal_()))

    def gumbel_softmax_backward(self, soft: Tensor, gradient: Tensor) -> Tensor:
        """The gradient with respect to the logits, from that with respect to ``soft``, what the Gumbel softmax gave."""
        if not self.width:
            return gradient
        weighted = soft * gradient
        # SHARPNESS soft (gradient - its mean by soft)
        means = self.spread(self.sums(weighted).mul_(SHARPNESS))
        return weighted.mul_(SHARPNESS).addcmul_(soft, means, value=-1)

    def gumbel(self, rows: int, generator: torch.Generator) -> Tensor:
        """float32[rows, width]: independent standard Gumbel draws."""
        return self.exponential(rows, generator).log_().neg_()

    def exponential(self, rows: int, generator: torch.Generator) -> Tensor:
        """float32[rows, width]: independent standard exponential draws, none 0."""
        uniform = drawn(torch.rand, (rows, self.width), generator, self.device)
        return uniform.clamp_(min=1e-20).log_().neg_()

    def draw(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """float32[n, width] -> int64[n, spans]: one class of each span, by the softmax of its logits."""
        if not self.width:
            return torch.empty(len(logits), 0, dtype=torch.int64, device=logits.device)
        return self.best(logits + self.gumbel(len(logits), generator))

    def draw_by(self, weights: Tensor, generator: torch.Generator) -> Tensor:
        """float32[n, width], none negative -> int64[n, spans]: one class of each span, by the share of its weight.

        One random number a span and its place among the cumulative weights: :meth:`draw` takes one a class, and two
        logarithms of each.
        """
        if not self.width:
            return torch.empty(len(weights), 0, dtype=torch.int64, device=weights.device)
        ladder = (weights * self.sums(weights).reciprocal().index_select(1, self.span_of)).cumsum_(dim=1)
        ends = ladder.index_select(1, self.offsets + self._last)
        starts = functional.pad(ends[:, :-1], (1, 0))
        uniform = torch.rand(ends.shape, generator=generator, device=self.device).clamp_(max=BELOW_ONE)
        places = torch.lerp(starts, ends, uniform)
        passed = (ladder <= places.index_select(1, self.span_of)).float()
        return torch.minimum(self.sums(passed).long(), self._last)

    def best(self, logits: Tensor) -> Tensor:
        """float32[n, width] -> int64[n, spans]: the most likely class of each span."""
        return self._per_bucket(logits, lambda x, beyond: x.masked_fill(beyond, -torch.inf).argmax(dim=2))


class _LogLikelihood(torch.autograd.Function):
    """With its gradient, one-hot minus softmax, found on the way: half the kernels of a general one."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, codes: Tensor, spans: Spans) -> Tensor:
        gradient, *found = spans.likelihood_gradient(logits, codes)
        ctx.save_for_backward(gradient)
        return spans.likelihood_of(*found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * gradients[0], None, None
