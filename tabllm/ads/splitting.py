"""The past that models learn from, and the later rows that they are tested on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.encoding.cells import labels
from tabular.errors import TableError, UsageError
from tabular.io.reading import check_table
from tabular.preparing.inference import infer_schema
from tabular.schema import Schema

from .features import value_text

__all__ = ["TEST_SHARE", "Split", "check_columns", "click_labels", "split_log", "times_of"]

#: Fraction of the rows, the latest, that models are tested on.
TEST_SHARE = 0.2
#: Fewer clicks than this on either side tell nothing.
MIN_CLICKS = 10


@dataclass(frozen=True)
class Split:
    """A log in two parts, both without the column of true probabilities.

    Attributes:
        truth: ``float64[test rows]``, if the log has it.
        test_from: the time of the first test row as text; ``None`` if the rows were split at random.
    """

    past: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    truth: np.ndarray | None = field(default=None, repr=False)
    test_from: str | None = None
    notes: tuple[str, ...] = ()


def check_columns(log: pd.DataFrame, **columns: str | None) -> None:
    """Raise :class:`UsageError` if one of ``columns`` (option -> name) is not in ``log``, or stands for two things."""
    for option, name in columns.items():
        if name is not None and name not in log:
            raise UsageError(f"There is no column {name!r} for --{option}; choose one of {', '.join(map(str, log))}.")
    given = [name for name in columns.values() if name is not None]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"The column {twice!r} is named for two things at once; name another for one of them.")


def split_log(
    log: pd.DataFrame,
    *,
    click: str,
    time: str | None = None,
    truth: str | None = None,
    test_share: float = TEST_SHARE,
    seed: int = 0,
) -> Split:
    """Part ``log``: the latest ``test_share`` of the rows by ``time``, or as many at random, are the test.

    Rows of the same time are never parted; rows without a click or a time that can be read are left out.

    Raises:
        UsageError: for a fraction out of range.
        TableError: if a part has too few clicks, or no clicks are what they should be.
    """
    if not 0 < test_share < 1:
        raise UsageError(f"The fraction of test rows must lie between 0 and 1, not be {test_share:g}.")
    log = check_table(log)
    known = log[click].notna().to_numpy(dtype=bool, copy=True)
    times = None if time is None else times_of(log, time)
    if times is not None:
        known &= ~np.isnan(times)
    notes = [f"{int((~known).sum()):,} rows without a click or a time were left out."] if not known.all() else []
    log = log[known].reset_index(drop=True)
    if times is None:
        notes.append(f"No --time was given: past and test rows were split at random with seed {seed}.")
        later = np.zeros(len(log), dtype=bool)
        later[np.random.default_rng(seed).permutation(len(log))[: round(test_share * len(log))]] = True
        begins = None
    else:
        times = times[known]
        begins = float(np.sort(times)[min(round((1 - test_share) * len(times)), len(times) - 1)]) if len(times) else 0.0
        later = times >= begins
        order = np.argsort(times, kind="stable")
        log, later = log.iloc[order].reset_index(drop=True), later[order]
    clicked, _ = click_labels(log[click], click)
    for part, rows in (("past", ~later), ("test", later)):
        clicks = int(clicked[rows].sum())
        if min(clicks, int(rows.sum()) - clicks) < MIN_CLICKS:
            raise TableError(
                f"The {part} has {int(rows.sum()):,} rows with {clicks} clicks; at least {MIN_CLICKS} rows with and "
                "without a click are needed on either side: take more rows, or another --test-share."
            )
    probability = None if truth is None else _truth(log[truth], truth)[later]
    log = log if truth is None else log.drop(columns=truth)
    return Split(
        log[~later].reset_index(drop=True),
        log[later].reset_index(drop=True),
        probability,
        None if time is None else str(log.loc[later, time].iloc[0]),
        tuple(notes),
    )


def click_labels(values: pd.Series, name: str, positive: str | None = None) -> tuple[np.ndarray, str]:
    """``bool[rows]``, and which value is a click: of numbers the larger of the two, of words the rarer.

    Args:
        positive: what is a click, where another table has settled it; all other values are none.

    Raises:
        UsageError: if the column does not have two values.
    """
    codes, distinct = labels(values, name)
    texts = np.array([value_text(value) for value in distinct], dtype=object)
    if positive is None:
        present, counts = np.unique(codes[codes >= 0], return_counts=True)
        if len(present) != 2:
            raise UsageError(f"The column {name!r} has {len(present)} values; a click is one of two, such as 0 and 1.")
        numbers = pd.to_numeric(pd.Series(texts[present]), errors="coerce").to_numpy(dtype=np.float64)
        positive = str(texts[present[counts.argmin() if np.isnan(numbers).any() else numbers.argmax()]])
    return np.isin(codes, np.flatnonzero(texts == positive)), positive


def times_of(log: pd.DataFrame, name: str) -> np.ndarray:
    """``float64[rows]``: something that grows with time, NaN where it is missing."""
    column = infer_schema(log[[name]])[name]
    if not column.is_numeric:
        numbers = pd.to_numeric(log[name].astype(object), errors="coerce").to_numpy(dtype=np.float64)
        if np.isnan(numbers).mean() > 0.5:
            raise TableError(
                f"The column {name!r} is of the kind {column.kind!r} and cannot be put in order; --time wants a column "
                "of dates or numbers."
            )
        return numbers
    return to_arrays(log, Schema((column,), rows=len(log)))[name]


def _truth(values: pd.Series, name: str) -> np.ndarray:
    probability = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    if np.isnan(probability).any() or (probability < 0).any() or (probability > 1).any():
        raise TableError(f"The column {name!r} should hold true probabilities: a number of 0 to 1 in each row.")
    return probability
