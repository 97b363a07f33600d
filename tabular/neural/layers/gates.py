"""Whether a scalar counts: it does not where its column is missing or stands at an atom."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..encoding.spans import Spans

__all__ = ["Gates"]


class Gates:
    """float32[width, scalars]: a product of one-hot spans with it is 1 where a scalar counts.

    Args:
        gates: see :attr:`tabular.neural.encoding.encoder.TableEncoder.gates`.
        spans: the layout.
    """

    def __init__(self, gates: np.ndarray, spans: Spans) -> None:
        self.weights = torch.zeros(spans.width, len(gates), device=spans.device)
        always = torch.zeros(len(gates), device=spans.device)
        for scalar, (span, regular) in enumerate(gates.tolist()):
            if span < 0:
                always[scalar] = 1.0
            else:
                begin = int(spans.offsets[span])
                self.weights[begin : begin + regular, scalar] = 1.0
        self.always = always
        # The same by codes: a scalar counts where the code of its span is below this. A scalar that always counts
        # looks at a column of zeros beside the codes.
        places = [span if span >= 0 else len(spans) for span, _ in gates.tolist()]
        below = [below if span >= 0 else 1 for span, below in gates.tolist()]
        self.places = torch.tensor(places, dtype=torch.int64, device=spans.device)
        self.below = torch.tensor(below, dtype=torch.int64, device=spans.device)

    def __call__(self, one_hot: Tensor) -> Tensor:
        """float32[n, width] (or probabilities) -> float32[n, scalars]."""
        return one_hot @ self.weights + self.always

    def of_codes(self, codes: Tensor) -> Tensor:
        """int64[n, spans] -> float32[n, scalars]."""
        with_none = torch.cat([codes, codes.new_zeros(len(codes), 1)], dim=1)
        return (with_none.index_select(1, self.places) < self.below).float()
