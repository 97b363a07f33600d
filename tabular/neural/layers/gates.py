"""Whether a scalar counts: it does not where its column is missing or stands at an atom."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..encoding.spans import Spans

__all__ = ["Gates"]


class Gates:
    """From one-hot spans, or the probabilities of their classes, to 1 where a scalar counts, and its gradient.

    That is a product with float32[width, scalars], or of many spans their sums.

    Args:
        gates: see :attr:`tabular.neural.encoding.encoder.TableEncoder.gates`.
        spans: the layout.
    """

    def __init__(self, gates: np.ndarray, spans: Spans) -> None:
        self.spans = spans
        self.always = torch.from_numpy((gates[:, 0] < 0).astype(np.float32)).to(spans.device)
        self.weights: Tensor | None = None
        if not spans.many:
            self.weights = torch.zeros(spans.width, len(gates), device=spans.device)
        self.regular = torch.zeros(spans.width, device=spans.device)
        scalar_of = [-1] * len(spans)
        for scalar, (span, regular) in enumerate(gates.tolist()):
            if span >= 0:
                begin = spans.starts[span]
                self.regular[begin : begin + regular] = 1.0
                scalar_of[span] = scalar
                if self.weights is not None:
                    self.weights[begin : begin + regular, scalar] = 1.0
        # The same by codes: a scalar counts where the code of its span is below this. A scalar that always counts
        # looks at a column of zeros beside the codes.
        places = [span if span >= 0 else len(spans) for span, _ in gates.tolist()]
        below = [below if span >= 0 else 1 for span, below in gates.tolist()]
        self.places = torch.tensor(places, dtype=torch.int64, device=spans.device)
        self.below = torch.tensor(below, dtype=torch.int64, device=spans.device)
        # And back: the scalar of each span, one of zeros behind the last where there is none.
        back = [scalar if scalar >= 0 else len(gates) for scalar in scalar_of]
        self.scalar_of = torch.tensor(back, dtype=torch.int64, device=spans.device)

    def __call__(self, one_hot: Tensor) -> Tensor:
        """float32[n, width] (or probabilities) -> float32[n, scalars]."""
        if self.weights is not None:
            return one_hot @ self.weights + self.always
        sums = functional.pad(self.spans.sums(one_hot * self.regular), (0, 1))
        return sums.index_select(1, self.places) + self.always

    def add_gradient(self, gradient: Tensor, of_gates: Tensor) -> Tensor:
        """``gradient`` (float32[n, width]) and that with respect to the one-hot spans of what has the gradient
        ``of_gates`` (float32[n, scalars]) with respect to the gates."""
        if self.weights is not None:
            return torch.addmm(gradient, of_gates, self.weights.T)
        by_span = functional.pad(of_gates, (0, 1)).index_select(1, self.scalar_of)
        return torch.addcmul(gradient, self.spans.spread(by_span), self.regular)

    def of_codes(self, codes: Tensor) -> Tensor:
        """int64[n, spans] -> float32[n, scalars]."""
        with_none = torch.cat([codes, codes.new_zeros(len(codes), 1)], dim=1)
        return (with_none.index_select(1, self.places) < self.below).float()
