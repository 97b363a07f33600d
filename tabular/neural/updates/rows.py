"""Which rows an update learns from, drawn on the device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..encoding.spans import Spans
from ..network import Data

__all__ = ["ConditionalRows", "shuffled_rows"]


def shuffled_rows(rows: int, batch: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """int64[batch]: the rows of an update."""
    if batch * 8 > rows:
        return torch.randperm(rows, generator=generator, device=device)[:batch]
    # Of many rows a few are hardly ever drawn twice, and a permutation of all would cost more than the update.
    return torch.randint(rows, (batch,), generator=generator, device=device)


class ConditionalRows:
    """Training by sampling (Xu et al. 2019, section 4.3): a column, a value of it by log frequency, a row that has it.

    Args:
        data: the table.
        spans: its layout.
        columns: the spans that are conditions.
        log_frequency: whether values are drawn by the logarithm of how often they occur, or evenly by rows.

    Attributes:
        shares: float32[width], how often each class occurs in the table.
    """

    def __init__(self, data: Data, spans: Spans, columns: tuple[int, ...], *, log_frequency: bool = True) -> None:
        self.device, self.conditions = spans.device, len(columns)
        counts = spans.one_hot_counts(data.codes)
        self.shares = counts / max(len(data.codes), 1)
        # The classes of all conditions side by side: where they are among all classes, and how many rows have each.
        flat = [np.arange(spans.sizes[column]) + spans.starts[column] for column in columns]
        self.flat = torch.from_numpy(np.concatenate(flat)).to(spans.device)
        self.counts = counts[self.flat]
        # A ladder: condition k has the steps from k to k + 1, each as high as its class is likely.
        steps, firsts, lasts, begin = [], [], [], 0
        for place, classes in enumerate(flat):
            held = self.counts[begin : begin + len(classes)].cpu().numpy().astype(np.float64)
            weights = np.log1p(held) if log_frequency else held
            steps.append(place + weights.cumsum() / weights.sum())
            firsts.append(place * len(data.codes) + held.cumsum() - held)
            lasts.append(begin + int(np.flatnonzero(held)[-1]))
            begin += len(classes)
        self.ladder = torch.from_numpy(np.concatenate(steps).astype(np.float32)).to(spans.device)
        self.firsts = torch.from_numpy(np.concatenate(firsts).astype(np.int64)).to(spans.device)
        self.lasts = torch.tensor(lasts, device=spans.device)
        # Per condition the rows sorted by their value; the first of each class is at ``firsts``.
        by_value = data.codes[:, list(columns)].argsort(dim=0, stable=True).to(torch.int32)
        self.order = by_value.T.reshape(-1)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(flat class int64[count] that is asked for, int64[count] a row that has it)."""
        uniform = torch.rand(3, count, generator=generator, device=self.device)
        condition = (uniform[0] * self.conditions).long().clamp_(max=self.conditions - 1)
        # Rounded, a place may lie at the very end of its steps.
        which = torch.searchsorted(self.ladder, uniform[1] + condition, right=True).minimum(self.lasts[condition])
        counts = self.counts[which]
        among = (uniform[2] * counts).long().minimum(counts.long() - 1)
        return self.flat[which], self.order[self.firsts[which] + among].long()
