"""Keys: whether a column numbers or names its rows, and the pattern by which new ones are made."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..codes.checksums import find_check
from ..codes.patterns import find_pattern, loose_pattern, number_range, without_real
from ..codes.sequences import is_dense
from .facts import ColumnFacts, as_whole
from .names import named_like_a_measurement, named_like_a_row_number, named_like_an_identifier

__all__ = ["counts_rows", "identifier_pattern", "number_texts", "reads_as_identifier", "written_as_codes"]

#: Keys that grow by uneven steps, or stand in no order, are inferred from so many rows.
GROWING_ROWS, SHUFFLED_ROWS = 20, 50
#: The least number that a check digit is looked for in, and the digits of a code with zeros in front.
LONG_NUMBER, CODE_DIGITS = 10**9, 5


def reads_as_identifier(facts: ColumnFacts) -> bool:
    """Whether whole numbers name the rows: all distinct, and named like an identifier, counting on, or dense.

    A measurement may be distinct in every row too, so being distinct alone says nothing.
    """
    if facts.missing or not facts.is_unique or facts.type not in ("integer", "float"):
        return False
    return named_like_an_identifier(facts.name) or counts_rows(facts) or _has_check_digit(facts)


def _has_check_digit(facts: ColumnFacts) -> bool:
    """Whether all are long numbers with a check digit, as of articles and books."""
    if facts.numbers.min() < LONG_NUMBER:
        return False
    return find_check(as_whole(facts.distinct).astype(str).to_numpy()) is not None


def written_as_codes(texts: pd.Series) -> bool:
    """Whether distinct texts of digits are no quantities: all of one length, some with a zero or a plus in front."""
    lengths = texts.str.len()
    in_front = texts.str.startswith(("0", "+"))
    return bool(lengths.min() == lengths.max() >= CODE_DIGITS and in_front.any())


def counts_rows(facts: ColumnFacts) -> bool:
    """Whether all cells are distinct and each is what follows the one before, or they leave nothing out."""
    if facts.missing or not facts.is_unique:
        return False
    if facts.type not in ("integer", "string") or named_like_a_measurement(facts.name):
        return False
    if facts.counting(gaps=facts.cells >= GROWING_ROWS) is not None:
        return True
    if facts.type != "integer" or facts.cells < SHUFFLED_ROWS or np.abs(facts.numbers).max() >= 2.0**53:
        return False
    low, high = facts.ends()
    return high - low == facts.cells - 1


def identifier_pattern(facts: ColumnFacts) -> str:
    """The pattern of new identifiers for a column of them: they go on after the real ones, or avoid them."""
    whole = facts.type == "integer" or (facts.type == "float" and not np.any(facts.numbers % 1))
    if facts.type == "float" and not whole:
        return "sequence"
    if facts.is_unique:
        if whole and named_like_a_row_number(facts.name) and facts.from_one():
            return "sequence"
        counting = facts.counting(shuffled=True, whole=whole)
        if counting is not None:
            return counting
    if not whole:
        pattern = find_pattern(facts.texts) or loose_pattern(facts.texts)
        return without_real(pattern, facts.texts.to_numpy(dtype=object), facts.name) or pattern
    numbers = as_whole(facts.distinct).to_numpy()
    known = numbers.astype(str).astype(object)
    among = None if is_dense(numbers) else without_real(number_range(numbers, facts.dtype), known, facts.name)
    return among or number_range(numbers, facts.dtype, apart=True)


def number_texts(facts: ColumnFacts) -> pd.Series:
    """The distinct whole numbers of a column as text."""
    return as_whole(facts.distinct).astype(str)
