"""The digits of a second behind those that float64 holds of a date: whether they say something, and made-up ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["digits_behind", "telling_digits", "without_digits_behind"]

_LAST_FRACTION = re.compile(r".*[.,]([0-9]+)", re.DOTALL)


def digits_behind(ticks: np.ndarray, digits: int) -> np.ndarray:
    """int64[n], each below ``10 ** digits``: what stands behind ``ticks`` (int64[n]); the same for equal ticks.

    The mixing is that of splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    """
    with np.errstate(over="ignore"):
        mixed = ticks.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(10**digits)).astype(np.int64)


def telling_digits(texts: Sequence[str]) -> int:
    """Digits of the fractions of a second in ``texts``, without the zeros that all of them end in."""
    found = (_LAST_FRACTION.match(text) for text in texts)
    return max((len(match[1].rstrip("0")) for match in found if match), default=0)


def without_digits_behind(texts: Sequence[str], held: int) -> pd.Series:
    """``texts`` with their fractions of a second cut to ``held`` digits, and without zeros at the end of these."""
    cells = pd.Series(list(texts), dtype=object)
    cut = cells.str.replace(rf"^(.*[.,][0-9]{{{held}}})[0-9]+", r"\1", regex=True)
    return cut.str.replace(r"^(.*[.,][0-9]+?)0+(?![0-9])", r"\1", regex=True)
