"""Where a table begins and ends among the lines of an export: titles above its header, notes and totals below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["find_header", "is_note", "is_number", "usual_width"]

#: A header stands within so many records from the top.
MAX_TITLES = 60
#: So many of the titles may hold the delimiter, as a date or a sentence does; more of them are a table.
LONG_TITLES = 3
_YEAR = re.compile(r"(1[89]|2[01])\d\d")
#: A number or a date, whatever stands about its digits.
_NUMBER = re.compile(
    r"[\s<>~+(\-\u2212$\u00a3\u20ac\u00a5]*\d[\d.,:'/\sT\u2019\u202f\u00a0\-]*(?:[eE][+-]?\d+)?\s*[%)\u20ac$Z]?\w{0,3}"
)

Record = Sequence[str]


def is_number(text: str) -> bool:
    """Whether a cell is more likely a number, an amount or a date in digits than a name."""
    return _NUMBER.fullmatch(text.strip()) is not None


def usual_width(records: Sequence[Record]) -> int:
    """The number of fields that most records have; the larger one of two that are as frequent."""
    counts = Counter(len(record) for record in records)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def find_header(records: Sequence[Record]) -> int:
    """Which of the first ``records`` of a file is the header: 0 unless those before it are titles beyond doubt.

    A file whose rows do not fit its header must not pass for one with a title, so that titles are shorter than the
    rows, and the header looks like one: in no column is it a number where the rows below have numbers.
    """
    width = usual_width(records)
    if width < 2:
        return 0
    for index, record in enumerate(records[:MAX_TITLES]):
        if len(record) != width or _is_title(record, width, records[index + 1 :]):
            continue
        return index if index and _can_head(records[:index], record, records[index + 1 :], width) else 0
    return 0


def _filled(record: Record) -> list[str]:
    return [cell for cell in record if cell.strip()]


def _is_title(record: Record, width: int, below: Sequence[Record]) -> bool:
    """Whether a record as wide as the table is a title padded with empty fields, above a record that is full."""
    filled = len(_filled(record))
    if filled > max(1, width // 3) or not below:
        return False
    first = record[0].strip() != ""
    return any(len(_filled(other)) > max(filled, width // 2) for other in below[:5]) and (first or filled == 0)


def _can_head(titles: Sequence[Record], header: Record, rows: Sequence[Record], width: int) -> bool:
    rows = [row for row in rows if len(row) == width] if _few_others(rows, width) else []
    if not rows or len(_filled(header)) < max(1, width - 1) // 2:
        return False
    sample = rows[:50]
    numeric = [_is_numeric([row[i] for row in sample]) for i in range(width)]
    clash = [header[i] for i in range(width) if is_number(header[i]) and numeric[i]]
    if clash and not (len(clash) < width and all(_YEAR.fullmatch(cell.strip()) for cell in clash)):
        return False
    long = [t for t in titles if len(_filled(t)) > max(1, width // 2) and not t[0].lstrip().startswith("#")]
    plain = not long
    if any(numeric):
        return plain or (len(long) <= LONG_TITLES and not any(is_number(cell) for cell in header))
    # Nothing but text: one word above could be the header of a single column whose cells hold the delimiter.
    return plain and (len(titles) > 1 or " " in "".join(titles[0]).strip() or titles[0][0].startswith("#"))


def _few_others(rows: Sequence[Record], width: int) -> bool:
    """Whether all rows but a few at the end have the usual width."""
    while rows and len(rows[-1]) != width:
        rows = rows[:-1]
    return sum(len(row) != width for row in rows) <= len(rows) // 50


def _is_numeric(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and sum(map(is_number, filled)) > len(filled) / 2


def is_note(record: Record, width: int) -> bool:
    """Whether a record below a table that is ``width`` wide is a sentence or a note, and no row that was cut short."""
    filled = _filled(record)
    if not filled:
        return True
    if len(filled) > max(1, width // 2) or is_number(filled[0]):
        return False
    return bool(re.search(r"[ :#*©]|--", filled[0]))
