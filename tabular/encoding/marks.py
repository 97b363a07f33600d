"""Marks: texts that stand in a column of numbers or dates where a value is missing or was censored.

``NA``, ``..`` and ``--`` say that there is no value; ``< 10%`` and ``90+`` that it was not stated. A mark counts as
missing wherever a column is read, and is written back where a cell is missing.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ..schema import Column

__all__ = ["MARK_LIMIT", "choose_marks", "known_marks", "mark_cells", "put_marks"]

#: At most so many marks per column, the most frequent.
MARK_LIMIT = 16
#: A text that is not known as a mark is one only if it comes back: what stands once may be anybody's remark.
_RECURS = 2
#: What programs and people write for a missing value, in small letters.
_MISSING = frozenset(
    [
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#na",
        "<na>",
        "nan",
        "null",
        "(null)",
        "<null>",
        "#null!",
        "none",
        "nil",
        "\\n",
        "nd",
        "n/d",
        "n.d.",
        "nr",
        "n/r",
        "k.a.",
        "k.a",
        "unknown",
        "unk",
        "undefined",
        "missing",
        "blank",
        "(blank)",
        "(unknown)",
        "(none)",
        "(missing)",
        "(na)",
        "(n/a)",
        "(not set)",
        "not set",
        "not available",
        "not applicable",
        "not reported",
        "not specified",
        "not provided",
        "not known",
        "no data",
        "no value",
        "no answer",
        "no response",
        "not found",
        "tbd",
        "tba",
        "suppressed",
        "redacted",
        "withheld",
        "confidential",
        "inf",
        "+inf",
        "-inf",
        "infinity",
        "+infinity",
        "-infinity",
        "#value!",
        "#div/0!",
        "#ref!",
        "#name?",
        "#num!",
        "#error!",
    ]
)
_FILLERS = re.compile(r"[-\u2012-\u2015\u2212.\u2026?*_~/\\#]{1,8}")
_QUANTITY = r"[^\w\s]{0,2}\s?\d[\d.,'\u2019\s]*\s?\S{0,3}"
_CENSORED = re.compile(
    rf"(?:[<>≤≥]\s?=?|(?:under|over|below|above|less than|more than|fewer than|up to|at least|at most)\s)\s?{_QUANTITY}"
    rf"|{_QUANTITY}?\s?(?:\+|and (?:over|under|above|below|older|more)|or (?:more|less|over|above|older|fewer))",
    re.IGNORECASE,
)
#: Steps of a sequence that spreads evenly over 0 to 1 however many are taken: the golden ratio.
_GOLDEN = 0.6180339887498949


def known_marks(texts: pd.Series) -> np.ndarray:
    """Which of ``texts`` are marks in any column whose other texts are numbers or dates: ``bool[texts]``."""
    return np.fromiter((_is_known(text) for text in texts), dtype=bool, count=len(texts))


def _is_known(text: str) -> bool:
    text = text.strip()
    if len(text) > 30 or not text:
        return False
    if "0" <= text[-1] <= "9" and text[0] not in "<>≤≥" and not text[0].isalpha():
        return False  # most cells of numbers and dates; the patterns below cost ten times as much
    return text.lower() in _MISSING or bool(_FILLERS.fullmatch(text) or _CENSORED.fullmatch(text))


def choose_marks(
    texts: pd.Series, counts: np.ndarray, missing: int, least: int
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The marks among ``texts`` (distinct, no values of their column), and their fractions of all missing cells.

    Args:
        counts: ``int64[texts]`` how often each occurs.
        missing: cells that are empty.
        least: a mark occurs at least so often.
    """
    known = known_marks(texts)
    kept = np.flatnonzero((known | (counts >= _RECURS)) & (counts >= least))
    kept = kept[np.argsort(-counts[kept], kind="stable")][:MARK_LIMIT]
    total = missing + int(counts.sum())
    return tuple(str(texts.iloc[position]) for position in kept), tuple(
        float(counts[position] / total) for position in kept
    )


def mark_cells(cells: pd.Series, column: Column) -> np.ndarray:
    """Which cells of a numeric column hold a mark, its own or a known one: ``bool[rows]``."""
    codes, distinct = pd.factorize(cells)
    texts = pd.Series([value if isinstance(value, str) else "" for value in distinct], dtype=object)
    marked = known_marks(texts) | texts.isin(column.marks).to_numpy()
    return np.append(marked, False)[codes]


def put_marks(texts: np.ndarray, column: Column) -> np.ndarray:
    """``texts`` (object, None missing) with the marks of ``column`` in their fractions of the missing cells."""
    if not column.marks:
        return texts
    positions = np.flatnonzero([text is None for text in texts])
    spread = (np.arange(1, len(positions) + 1) * _GOLDEN) % 1.0
    drawn = np.searchsorted(np.cumsum(column.mark_shares), spread, side="right")
    written = np.array([*column.marks, None], dtype=object)
    texts = texts.copy()
    texts[positions] = written[np.minimum(drawn, len(column.marks))]
    return texts
