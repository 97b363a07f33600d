"""Whether a scalar counts: it does not where its column is missing or stands at an atom."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .spans import Spans

__all__ = ["Gates"]


class Gates:
    """float32[width, scalars]: a product of one-hot spans with it is 1 where a scalar counts.

    Args:
        gates: see :attr:`.encoder.TableEncoder.gates`.
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

    def __call__(self, one_hot: Tensor) -> Tensor:
        """float32[n, width] (or probabilities) -> float32[n, scalars]."""
        return one_hot @ self.weights + self.always
