"""How many tokens of a free text are written: as many as the longest has, where the model's context allows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["MOST_TOKENS", "CutTexts", "cut_texts", "default_bound", "fair_bounds"]

#: A bound that nobody asked for is at most this: memory grows with it.
MOST_TOKENS = 1024
#: Texts of up to so many tokens are written whole; where a few are far longer than the others, so many times the 99 %
#: quantile of a column's lengths. (Blocks of rows get smaller by what one row can need, and 1 of 1,000 should not
#: make all others slow.)
FEW_TOKENS, SPREAD = 64, 2.0
#: Less than this is no text: the row does not fit the model then.
LEAST_TOKENS = 16


@dataclass(frozen=True)
class CutTexts:
    """A column of which some texts are not written whole.

    Attributes:
        bound: tokens of a text that are written.
        cut: how many texts have more.
        texts: how many there are.
        longest: tokens of the longest.
    """

    column: str
    bound: int
    cut: int
    texts: int
    longest: int

    def sentence(self) -> str:
        """What a user should know."""
        return (
            f"{self.cut:,} of {self.texts:,} texts of {self.column!r} have more than {self.bound:,} tokens (the "
            f"longest has {self.longest:,}): they are learned up to there, and none longer is made; "
            "--max-cell-tokens sets the bound."
        )


def default_bound(lengths: np.ndarray) -> int:
    """The bound for a column of texts of ``lengths`` (int64[n], tokens), whatever the model can read."""
    if not len(lengths):
        return 1
    usual = max(FEW_TOKENS, round(SPREAD * float(np.quantile(lengths, 0.99))))
    return int(np.clip(min(lengths.max(), usual), 1, MOST_TOKENS))


def fair_bounds(wanted: Sequence[int], room: int) -> list[int]:
    """Bounds of several columns that take ``room`` tokens together: none more than it wants, the others alike."""
    bounds = [0] * len(wanted)
    for done, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        bounds[index] = max(min(wanted[index], room // (len(wanted) - done)), min(wanted[index], LEAST_TOKENS))
        room -= bounds[index]
    return bounds


def cut_texts(bounds: Mapping[str, int], lengths: Mapping[str, np.ndarray]) -> list[CutTexts]:
    """The columns, of those with ``lengths`` (int64[n], tokens of each text), of which some are longer than allowed."""
    found = (
        CutTexts(name, bounds[name], int((each > bounds[name]).sum()), len(each), int(each.max(initial=0)))
        for name, each in lengths.items()
    )
    return [each for each in found if each.cut]
