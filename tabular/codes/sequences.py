"""Keys that count: finding how a column goes on from row to row, and going on after its last one.

The pattern is ``count:user_{0201}+1``: what stands before and behind the number, the number of the next row with as
many digits as it must have, and the step. ``+1..3`` are steps of 1 to 3, ``-1`` counts down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .forms import hashed

__all__ = ["COUNT", "MEAN_STEP", "Counting", "find_counting", "is_dense", "parse_counting", "split_numbers"]

#: A run of numbers shorter than this may be monotone by accident.
SEQUENCE_ROWS = 10
#: Keys that grow have left out at most so many numbers for each that is there, on average: larger steps measure.
MEAN_STEP = 5
#: Numbers of more digits than this are no counters.
DIGITS = 18
COUNT = re.compile(
    r"count:(?P<head>[^{}]*)\{(?P<next>-?\d{1,19})\}(?P<tail>[^{}]*?)"
    r"(?P<sign>[+-])(?P<low>\d{1,18})(?:\.\.(?P<high>\d{1,18}))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Counting:
    """Numbers that grow, or fall, from row to row.

    Attributes:
        head, tail: what stands before and behind the number.
        next: the number of the first new row.
        width: digits at least, filled up with zeros.
        step: from one to the next, on average where ``jitter`` is above 1; below 0 counts down.
        jitter: the numbers lie up to one less than this beside the even steps.
    """

    head: str
    next: int
    tail: str
    width: int
    step: int
    jitter: int

    def numbers(self, numbers: np.ndarray, key: int) -> np.ndarray:
        """int64[n]: of the rows ``numbers``, which count from 0."""
        beside = hashed(numbers, key) % self.jitter if self.jitter > 1 else 0
        return self.next + self.step * numbers + np.sign(self.step) * beside

    def make(self, numbers: np.ndarray, key: int) -> np.ndarray:
        """object[n] of text."""
        values = self.numbers(numbers, key)
        if not self.head and not self.tail and self.width < 2:
            return values.astype(str).astype(object)
        made = np.empty(len(values), dtype=object)
        made[:] = [f"{self.head}{value:0{self.width}d}{self.tail}" for value in values.tolist()]
        return made


def parse_counting(pattern: str) -> Counting:
    """Read a pattern. Raises :class:`ValueError` if it is none."""
    found = COUNT.fullmatch(pattern)
    if found is None or not int(found["low"]):
        raise ValueError(f"{pattern!r} is no pattern such as 'count:user_{{0201}}+1'")
    low, high = int(found["low"]), int(found["high"] or found["low"])
    step = max(1, (low + high) // 2)
    digits = found["next"].lstrip("-")
    sign = 1 if found["sign"] == "+" else -1
    return Counting(
        found["head"],
        int(found["next"]),
        found["tail"],
        len(digits) if digits.startswith("0") else 1,
        sign * step,
        step if high > low else 1,
    )


def find_counting(cells: pd.Series, *, gaps: bool = True, shuffled: bool = False) -> str | None:
    """The pattern by which the filled ``cells``, whole numbers or text with one, count on; ``None`` if they do not.

    Args:
        gaps: whether steps may differ.
        shuffled: whether numbers without large gaps count in any order.
    """
    split = split_numbers(cells)
    if split is None:
        return None
    head, numbers, tail, width = split
    steps = np.diff(numbers)
    if len(numbers) < SEQUENCE_ROWS or not len(steps):
        return None
    low, high = int(np.abs(steps).min()), int(np.abs(steps).max())
    sign = int(np.sign(steps[0]))
    even = bool((steps == steps[0]).all()) and low > 0
    growing = bool((np.sign(steps) == sign).all()) and low > 0
    if even or (growing and gaps and np.abs(steps).mean() <= MEAN_STEP):
        return _written(head, numbers, tail, width, sign, low, high)
    if shuffled and is_dense(numbers):
        return _written(head, np.sort(numbers), tail, width, 1, 1, 1)
    return None


def is_dense(numbers: np.ndarray) -> bool:
    """Whether distinct whole numbers leave out at most one for each that is there."""
    ordered = np.sort(numbers)
    return len(ordered) > 1 and bool((np.diff(ordered) > 0).all()) and ordered[-1] - ordered[0] < 2 * len(ordered)


def _written(head: str, numbers: np.ndarray, tail: str, width: int, sign: int, low: int, high: int) -> str:
    mean = max(1, round(float(np.abs(np.diff(numbers)).mean())))
    high = max(high if low == high else 2 * mean - low, low)
    following = int(numbers[-1]) + sign * (mean if low < high else low)
    if sign < 0 and following - mean * len(numbers) < (10 ** (width - 1) if width == 1 else 0):
        # Counting down would end below the first number there can be: the new ones stand above all real ones.
        following, sign = int(numbers.max()) + mean, 1
    shown = f"{following:0{width}d}" if width > 1 else str(following)
    return f"count:{head}{{{shown}}}{tail}{'+' if sign > 0 else '-'}{low}{f'..{high}' if high > low else ''}"


def split_numbers(cells: pd.Series) -> tuple[str, np.ndarray, str, int] | None:
    """What stands before the numbers, the numbers, what stands behind, and their width if zeros fill it, else 1."""
    if pd.api.types.is_integer_dtype(cells.dtype):
        values = cells.to_numpy()
        held = values.astype(object) if values.dtype == np.uint64 else values.astype(np.int64)
        if values.dtype == np.uint64:
            if len(values) and int(values.max()) >= 10**DIGITS:
                return None
            held = values.astype(np.int64)
        elif len(held) and int(np.abs(held).max()) >= 10**DIGITS:
            return None
        return "", held, "", 1
    texts = cells.astype(str)
    first = re.fullmatch(r"(.*?)(\d+)(\D*)", texts.iloc[0], re.DOTALL) if len(texts) else None
    if first is None or set(first[1] + first[3]) & set("{}"):
        return None
    head, tail = first[1], first[3]
    if not first[2].startswith("0"):  # digits that stand before every number are the number's own
        head = re.sub(r"\d+$", "", head)
    inner = texts.str.fullmatch(rf"{re.escape(head)}\d{{1,{DIGITS}}}{re.escape(tail)}")
    if not inner.all():
        return None
    digits = texts.str.slice(len(head), -len(tail) if tail else None)
    padded = digits.str.startswith("0") & (digits.str.len() > 1)
    lengths = digits.str.len()
    if padded.any() and lengths.nunique() > 1:
        return None
    return head, digits.astype(np.int64).to_numpy(), tail, int(lengths.iloc[0]) if padded.any() else 1
