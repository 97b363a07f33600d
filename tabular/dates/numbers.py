"""Dates that are written as numbers: 20240317, 202403, 2024031705, and seconds or milliseconds since 1970."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .derive import named_like_a_date
from .forms import EPOCH_TICKS, Form, compiled
from .reader import read_dates
from .text import LAST_SECOND, DateText, detect_date_text
from .writer import write_dates

__all__ = ["dates_of_numbers", "detect_date_numbers", "numbers_of_dates"]

#: Lengths that dates without separators have, and 5, 7 or 9 where the number lost a leading zero.
_LENGTHS = (6, 7, 8, 10, 12, 14)
#: Seconds since 1970 are dates of 1980 and later: smaller numbers count other things.
_FIRST_EPOCH = 315532800.0
#: Without a name that says so, numbers are seconds if they are whole hours, and so many different ones are.
_HOURS = 20


def detect_date_numbers(numbers: np.ndarray, name: str) -> DateText | None:
    """How ``numbers`` (float64, distinct and none missing) write dates, every one of them; ``None`` if they do not."""
    if not len(numbers) or numbers.min() < 190001 - 180000 or numbers.max() >= 2.0**63 or np.any(numbers % 1):
        return None
    length = len(f"{numbers.max():.0f}")
    if length in _LENGTHS:
        whole = numbers.astype(np.int64)
        width = length + length % 2
        sample = pd.Series(_digits(whole[:: max(1, len(whole) // 500)], width), dtype=object)
        if detect_date_text(sample, np.ones(len(sample), np.int64), bad_share=0.0, name=name) is not None:
            texts = pd.Series(_digits(whole, width), dtype=object)
            found = detect_date_text(texts, np.ones(len(texts), np.int64), bad_share=0.0, name=name)
            if found is not None and found.exact:
                return found
    return _epoch(numbers, name)


def _epoch(numbers: np.ndarray, name: str) -> DateText | None:
    for option, ticks in EPOCH_TICKS.items():
        seconds = numbers / ticks
        if not _FIRST_EPOCH <= seconds.min() <= seconds.max() < LAST_SECOND:
            continue
        hourly = len(numbers) >= _HOURS and not np.any(seconds % 3600) and bool(np.any(seconds % 100_000))
        if named_like_a_date(name) or hourly:
            return DateText(f"%{{{option}}}s" if option else "%s", seconds, False)
    return None


def dates_of_numbers(numbers: np.ndarray, form: str) -> np.ndarray:
    """Numbers (float64[rows], NaN missing) that write dates in ``form`` as seconds since 1970; NaN for no date."""
    known = compiled(form)
    seconds = np.full(len(numbers), np.nan)
    if known is None:
        return seconds
    filled = np.flatnonzero(~np.isnan(numbers) & (numbers >= 0) & (numbers < 2.0**63))
    if "s" in known.fields:
        seconds[filled] = numbers[filled] / EPOCH_TICKS[known.fields["s"].option]
    else:
        whole = filled[numbers[filled] % 1 == 0]
        seconds[whole] = read_dates(_digits(numbers[whole].astype(np.int64), _width(known)), known)
    return seconds


def numbers_of_dates(seconds: np.ndarray, form: str) -> np.ndarray:
    """Seconds since 1970 (float64[rows], NaN missing) as the numbers that ``form`` writes: float64[rows]."""
    known = compiled(form)
    numbers = np.full(len(seconds), np.nan)
    filled = ~np.isnan(seconds)
    if known is not None and "s" in known.fields:
        numbers[filled] = np.rint(seconds[filled] * EPOCH_TICKS[known.fields["s"].option])
    elif known is not None:
        numbers[filled] = write_dates(seconds[filled], known).astype(np.float64)
    return numbers


def _width(form: Form) -> int:
    return sum(field.digits for field in form.fields.values() if field.letter not in "bBaAp")


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """object[n]: whole numbers as digits, with zeros in front up to ``width``."""
    return np.asarray(np.char.zfill(numbers.astype(str), width), dtype=object)
