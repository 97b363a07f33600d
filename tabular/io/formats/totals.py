"""Rows of an export that sum up the others: found by their label and their numbers, and left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from .table_layout import is_number

__all__ = ["counts_without", "find_totals", "is_total", "may_be_totals"]

#: How programs of several languages call such a row; more words may follow a colon or a blank.
_LABEL = re.compile(
    r"(?:(?:grand|sub|report|account|overall|column)[ -]?)?totals?\b|total\s+(?:g[eé]n[eé]ral|geral|general)|"
    r"(?:gesamt|zwischen|end)?summe\b|gesamt(?:ergebnis)?\b|insgesamt\b|somme\b|totaal\b|totale\b|totalt\b|suma\b|"
    r"soma\b|razem\b|celkem\b|toplam\b|yhteens[aä]\b|i alt\b|итого|всего|合计|总计|小计|合計|総計|합계|총계",
    re.IGNORECASE,
)
#: Rows at the end that may sum up.
LAST_ROWS = 3
#: Numbers add up within so much of their sum, as each is rounded.
_CLOSE = 0.005
#: Numbers that a row without a label must add up: of fewer ones chance may do it.
_ADDED = 5
#: What stands where nothing is to be summed up.
_EMPTY = {"", "-", "--", "---", "\u2013", "\u2014", "n/a", "N/A", "*", "(not set)"}


def find_totals(
    rows: int, row: Callable[[int], list[str]], counts: Callable[[int, Sequence[int]], pd.Series]
) -> list[int]:
    """Which of ``rows`` rows sum up the others: some of the last ones, or the first one.

    Args:
        row: the cells of a row as text, ``""`` where missing.
        counts: (a column, rows in question) -> how often each distinct text of the column stands in the other rows.
    """
    found, unnamed = may_be_totals(rows, row)
    if not found:
        return []
    columns = _Columns(counts, found)
    if unnamed:
        return found if _adds_up(row(found[0]), columns) else []
    return sorted(position for position in found if _sums_up(row(position), columns))


def may_be_totals(rows: int, row: Callable[[int], list[str]]) -> tuple[list[int], bool]:
    """(the rows of :func:`find_totals` that are called totals, or the last one if it has no name; whether it has none).

    Only the first and the last :data:`LAST_ROWS` rows are requested.
    """
    if rows <= LAST_ROWS:
        return [], False
    found = []
    for index in range(rows - 1, rows - 1 - LAST_ROWS, -1):
        if _label(row(index)) is None:
            break
        found.append(index)
    if _label(row(0)) is not None:
        found.append(0)
    last = row(rows - 1)
    if not found and not last[0].strip() and any(cell.strip() for cell in last):
        # Below a column of names the total may have none; then each of its numbers must be a sum.
        return [rows - 1], True
    return found, False


def counts_without(cells: Sequence[str], rows: Sequence[int]) -> pd.Series:
    """How often each distinct text of ``cells`` stands in other rows than ``rows``."""
    return pd.Series(np.delete(np.asarray(cells, dtype=object), list(rows)), dtype=object).value_counts(sort=False)


def is_total(cells: Sequence[str]) -> bool:
    """Whether a record is called a total."""
    return _label(cells) is not None


def _label(cells: Sequence[str]) -> int | None:
    """The field that calls a row a total: the first that is filled, or below an empty one a field that is that word."""
    filled = [index for index, cell in enumerate(cells) if cell.strip()]
    if not filled:
        return None
    if _LABEL.match(cells[filled[0]].strip()):
        return filled[0]
    return next((i for i in filled[1:] if not cells[0].strip() and _LABEL.fullmatch(cells[i].strip(" :"))), None)


def _sums_up(cells: Sequence[str], columns: _Columns) -> bool:
    """Whether a labelled row adds up the others, or goes far beyond them and says nothing else."""
    label = _label(cells)
    assert label is not None
    if columns.occurs(label, cells[label]):
        return False  # a category of that name
    others = [index for index in range(len(cells)) if index != label]
    numbers = {position: value for position in others if (value := _number(cells[position])) is not None}
    silent = all(cells[position].strip() in _EMPTY for position in others if position not in numbers)
    beyond = False
    for position, value in numbers.items():
        values, counts = columns.numbers(position)
        if not len(values):
            continue
        total = float((values * counts).sum())
        if total and counts.sum() > 1 and abs(value - total) <= _CLOSE * abs(total):
            return True
        beyond |= abs(value) > np.abs(values).max()
    return silent and beyond


def _adds_up(cells: Sequence[str], columns: _Columns) -> bool:
    """Whether a row without a label holds the sums of numbers and nothing else."""
    numbers = {index: value for index, cell in enumerate(cells) if (value := _number(cell)) is not None}
    if not numbers or any(cell.strip() not in _EMPTY for index, cell in enumerate(cells) if index not in numbers):
        return False
    for position, value in numbers.items():
        values, counts = columns.numbers(position)
        total = float((values * counts).sum())
        if not total or counts.sum() < _ADDED or abs(value - total) > _CLOSE * abs(total):
            return False
    return True


class _Columns:
    """The columns without the rows in question, each as distinct values."""

    def __init__(self, counts: Callable[[int, Sequence[int]], pd.Series], without: Sequence[int]) -> None:
        self._counted, self._without = counts, list(without)
        self._known: dict[int, pd.Series] = {}

    def _counts(self, position: int) -> pd.Series:
        if position not in self._known:
            self._known[position] = self._counted(position, self._without)
        return self._known[position]

    def occurs(self, position: int, text: str) -> bool:
        return text in self._counts(position).index

    def numbers(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Distinct numbers of a column and how often each occurs."""
        counts = self._counts(position)
        values = np.array([_number(text) for text in counts.index], dtype=np.float64)
        return values[~np.isnan(values)], counts.to_numpy()[~np.isnan(values)]


def _number(text: str) -> float | None:
    """A cell as a number, whatever stands about it: ``"$1,234.50"``, ``"1.234,5 %"``, ``"(12)"``."""
    if not is_number(text):
        return None
    body = re.sub(r"[^\d.,+-]", "", text)
    if "," in body and "." in body:
        group = "," if body.rindex(".") > body.rindex(",") else "."
    elif "," in body:
        group = "," if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+", body) else ""
    else:
        group = "." if body.count(".") > 1 else ""
    body = (body.replace(group, "") if group else body).replace(",", ".")
    try:
        value = float(body)
    except ValueError:
        return None
    return -value if text.strip().startswith("(") else value
