"""Patterns that make identifiers of which none is a real one, for columns that name persons."""

from __future__ import annotations

import re

import pandas as pd

from ..identifiers import pattern_room

__all__ = ["anew_pattern"]

#: So many times as many identifiers as there are real ones must a pattern make, that hitting one is a rare accident:
#: where a person asked for identifiers, and where the column was one by itself, whose form counts for more.
ASKED_ROOM, OWN_ROOM = 100_000, 100
#: What stands for itself at the beginning of a pattern, but for digits.
_PREFIX = re.compile(r"(?:\\[^\d]|[^AaXx#\\\d])*")
#: Digits at least where numbers are made up: enough for a billion rows.
DIGITS = 9


def anew_pattern(texts: pd.Series, pattern: str | None, dtype: str, *, asked: bool) -> str:
    """The ``pattern`` of a column if it has much room beside its real values, else digits longer than theirs.

    A running number would meet the real running numbers, and ``192.168.1.99`` has a hundred values of which all may
    be real. A longer number is none of them, whatever is drawn.

    Args:
        texts: the distinct real values as text.
        dtype: of the column, which the numbers must fit.
        asked: whether a person asked for identifiers here.
    """
    least = (ASKED_ROOM if asked else OWN_ROOM) * len(texts)
    if pattern is not None and pattern != "sequence" and pattern_room(pattern) >= least:
        return pattern
    # What does not end in digits cannot be met by a number.
    at_end = texts.str.removesuffix(".0").str.extract(r"(\d*)$", expand=False)
    digits = max(DIGITS, int(at_end.str.len().max()) + 1)
    if integer := re.match(r"(u?)int(\d+)", dtype.lower()):
        digits = min(digits, len(str(2 ** (int(integer[2]) - (not integer[1])) - 1)) - 1)
    elif dtype.lower().startswith("float"):
        digits = min(digits, 15)  # that float64 still holds exactly
    # The letters and signs that all begin with stay: `user_#` becomes `user_` and more digits than any real one has.
    prefix = "" if pattern in (None, "sequence", "uuid") or ":" in str(pattern) else re.match(_PREFIX, str(pattern))[0]  # type: ignore[index]
    return prefix + "9" * digits
