"""Columns of words that a date decides: names of months and weekdays in any language, seasons, flags of weekends."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..language.functions import FUNCTIONS
from ..language.instants import local_times
from ..language.keys import missing
from ..language.syntax import quoted
from ..listing import plain_numbers, scalars
from ..rule import Rule, Scalar
from .dependencies import Dependencies, agreeing, evidence
from .sample import Sample, needed

__all__ = ["find_calendar_words"]

#: What a date is requested, that with the fewest values first: it is said what decides with as little as it takes.
PARTS = ("weekday", "quarter", "month", "hour", "day", "week", "yearday", "year")
#: Columns with more values are no words of a calendar.
MOST_WORDS = 370
#: Rows that all columns of words are screened by at once, before the others are looked at for one of them.
SCREENED = 500


def find_calendar_words(sample: Sample, known: Dependencies) -> list[Rule]:
    """Columns of few values that a part of a date decides, with what goes with each number; ``known`` learns them.

    What equations and other dependencies say already is left out.
    """
    dates = [name for name, column in sample.columns.items() if column.kind == "datetime"]
    words = [
        name
        for name, column in sample.columns.items()
        if column.kind != "datetime" and 2 <= sample.counts[name] <= MOST_WORDS
    ]
    if not dates or not words:
        return []
    least = needed(len(dates) * len(PARTS) * len(words))
    screened = np.stack([sample.codes[word][:SCREENED] for word in words])
    follows = {name: known.decided([name]) for name in (*dates, *words)}
    rules = []
    for date in dates:
        clocks = local_times(sample.arrays[date][sample.rows], sample.columns[date])
        numbers = {part: FUNCTIONS[part](clocks) for part in PARTS}
        keys = {part: pd.factorize(values)[0].astype(np.int64) for part, values in numbers.items()}
        may_be = {part: _agreeing(key[:SCREENED], screened) for part, key in keys.items()}
        # The month of a timestamp and that of its day have one name.
        same = frozenset().union(*(follows[other] for other in dates if date in follows[other]))
        for place in np.flatnonzero(np.any(list(may_be.values()), axis=0)):
            word = words[place]
            if word in follows[date] or date in follows[word] or word in same:
                continue
            for part, key in keys.items():
                values = sample.codes[word]
                if not may_be[part][place] or not agreeing(key, values):
                    continue
                if evidence(key, values, np.zeros_like(key)) < least:
                    continue
                if (listed := _listed(sample, date, part, word)) is not None:
                    rules.append(Rule(f"{part}({quoted(date)}) -> {quoted(word)}", listed))
                    known.edges.append(((date,), word))
                    follows = {name: known.decided([name]) for name in follows}
                    same = frozenset().union(*(follows[other] for other in dates if date in follows[other]))
                    break
    return rules


def _agreeing(key: np.ndarray, values: np.ndarray) -> np.ndarray:
    """bool[columns]: in which rows with the same key have the same value, missing ones apart; all without any key.

    Args:
        key: int64[rows], -1 missing.
        values: int[columns, rows], -1 missing.
    """
    order = np.argsort(key, kind="stable")
    order = order[key[order] >= 0]
    if not len(order):
        return np.ones(len(values), dtype=bool)
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    grouped = values[:, order]
    highest = np.maximum.reduceat(grouped, starts, axis=1)
    lowest = np.minimum.reduceat(np.where(grouped < 0, np.iinfo(grouped.dtype).max, grouped), starts, axis=1)
    return np.asarray((highest <= lowest).all(axis=1))


def _listed(sample: Sample, date: str, part: str, word: str) -> tuple[tuple[Scalar, ...], ...] | None:
    """The pairs of all rows; ``None`` where the same number goes with different words in rows outside the sample."""
    numbers, cells = FUNCTIONS[part](local_times(sample.arrays[date], sample.columns[date])), sample.arrays[word]
    there = ~(np.isnan(numbers) | missing(cells))
    pairs = pd.DataFrame({"number": numbers[there], "cell": cells[there]}).drop_duplicates().sort_values("number")
    if pairs["number"].duplicated().any():
        return None
    words = scalars(pairs["cell"].to_numpy(), sample.columns[word])
    return tuple(zip(plain_numbers(pairs["number"].to_numpy()), words, strict=True))
