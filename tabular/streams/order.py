"""Whether a column counts its rows, inferred from its first and last rows and by some in between."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..codes.sequences import MEAN_STEP, find_counting, parse_counting, split_numbers

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """Cells of a column and where they stand.

    Attributes:
        first, last: neighbouring cells at its start and at its end.
        drawn: cells drawn at random, in their order.
        rows: int64[drawn], their row numbers from 0.
    """

    first: pd.Series
    last: pd.Series
    drawn: pd.Series
    rows: np.ndarray

    def as_whole(self, dtype: np.dtype) -> Order:
        """The same as whole numbers."""
        first, last, drawn = (cells.astype(dtype) for cells in (self.first, self.last, self.drawn))
        return replace(self, first=first, last=last, drawn=drawn)

    def counting(self, *, gaps: bool = True) -> str | None:
        """The pattern by which the column goes on, as :func:`tabular.codes.sequences.find_counting` gives it."""
        at_start, at_end = find_counting(self.first, gaps=gaps), find_counting(self.last, gaps=gaps)
        if at_start is None or at_end is None:
            return None
        start, end = parse_counting(at_start), parse_counting(at_end)
        if (start.head, start.tail, np.sign(start.step)) != (end.head, end.tail, np.sign(end.step)):
            return None
        begin, between = split_numbers(self.first), split_numbers(self.drawn)
        if begin is None or between is None or begin[0] != between[0] or begin[2] != between[2]:
            return None
        numbers = between[1].astype(np.float64)
        if start.jitter == end.jitter == 1 and start.step == end.step:
            even = bool((numbers == float(begin[1][0]) + start.step * self.rows).all())
            return at_end if even else None
        steps = np.diff(numbers) * np.sign(start.step)
        grows = gaps and bool((steps > 0).all()) and steps.sum() <= MEAN_STEP * float(self.rows[-1] - self.rows[0])
        return at_end if grows else None

    def from_one(self) -> bool:
        """Whether the cells are 1, 2, 3, ... as far as is seen."""
        numbers = self.drawn.to_numpy()
        return bool(len(self.first) and self.first.iloc[0] == 1 and (numbers == self.rows + 1).all())
