"""Which rows an update learns from, drawn on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Data
from .spans import Spans

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
        self.device, self.columns = spans.device, torch.tensor(columns, device=spans.device)
        self.offsets = spans.offsets[self.columns]
        codes = data.codes[:, self.columns]
        # Per condition the rows sorted by their value, and where in them each value begins.
        self.order = codes.argsort(dim=0, stable=True).to(torch.int32)
        counts = spans.one_hot_counts(data.codes)
        weights = torch.log1p(counts) if log_frequency else counts
        self.shares = counts / max(len(codes), 1)
        # One row of class weights per condition, 0 where a class is of another span.
        self.cumulative = (spans.spread[self.columns] * weights).cumsum(dim=1)
        within = counts.cumsum(0)
        start_of_span = torch.cat([within.new_zeros(1), within])[self.offsets]
        self.starts = torch.cat([within.new_zeros(1), within[:-1]])
        self.start_of_span, self.counts = start_of_span, counts

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(flat class int64[count] that is asked for, int64[count] a row that has it)."""
        uniform = torch.rand(3, count, generator=generator, device=self.device)
        condition = (uniform[0] * len(self.columns)).long().clamp_(max=len(self.columns) - 1)
        ladder = self.cumulative[condition]
        flat = (ladder <= (uniform[1] * ladder[:, -1])[:, None]).sum(dim=1).clamp_(max=ladder.shape[1] - 1)
        among = (uniform[2] * self.counts[flat]).floor().minimum(self.counts[flat] - 1).clamp_(min=0)
        place = self.starts[flat] - self.start_of_span[condition] + among
        return flat, self.order[place.long(), condition].long()
