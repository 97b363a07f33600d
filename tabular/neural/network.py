"""What a generator leaves when it is trained, and what it learns from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .encoding.spans import Spans

__all__ = ["CERTAIN", "Data", "Guide", "Network"]

#: Logit of a class that was drawn or asked for already.
CERTAIN = 60.0


class Data(NamedTuple):
    """A table on the device: int64[n, spans] and float32[n, scalars] (0 where a scalar does not count)."""

    codes: Tensor
    scalars: Tensor


class Guide(NamedTuple):
    """A condition that a network can keep by itself: the span, and float32[classes] how likely each is to be."""

    span: int
    probabilities: Tensor


class Network(nn.Module):
    """What a generator leaves when it is trained.

    Attributes:
        spans: the layout of its classes.
        guided: the spans that :meth:`propose` can be guided on; where there are any, ``shares`` is float32[width],
            how often each class occurs in the table.
    """

    spans: Spans
    guided: tuple[int, ...] = ()
    shares: Tensor

    def class_shares(self, span: int) -> Tensor:
        """float32[classes]: how often each class of a guided span occurs in the table."""
        return self.shares[self.spans.starts[span] :][: self.spans.sizes[span]]

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        """(logits float32[rows, width], scalars float32[rows, scalars]) of new rows."""
        raise NotImplementedError
