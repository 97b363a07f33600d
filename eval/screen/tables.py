"""What every table on a terminal shares: quiet lines, and glyphs that say what the colours say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from tabular.terminal import escape

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["STYLES", "glyphs", "is_unicode", "print_table", "quiet_table"]

#: The colour of each level of a verdict.
STYLES = {"good": "green", "fair": "yellow", "poor": "red", "open": "dim"}
# The glyph says what the colour says, for eyes and terminals that have none.
_GLYPHS = {"good": "✓", "fair": "~", "poor": "✗", "open": "?"}
_ASCII_GLYPHS = {"good": "+", "fair": "~", "poor": "x", "open": "?"}
#: Cells between two columns, and what a column of text is given before the table is cut into parts.
_GAP, _TEXT_WIDTH = 3, 24


def is_unicode(console: Console) -> bool:
    """Whether more than ASCII may be printed."""
    return (console.encoding or "utf-8").lower().startswith("utf")


def glyphs(console: Console) -> dict[str, str]:
    """The glyph of each level of a verdict."""
    return _GLYPHS if is_unicode(console) else _ASCII_GLYPHS


def quiet_table(console: Console, *headers: str) -> Table:
    """A table with one line under its header and no other; ``>`` before a header sets it to the right."""
    frame = box.SIMPLE_HEAD if is_unicode(console) else box.Box("    \n    \n -- \n" + 5 * "    \n", ascii=True)
    table = Table(box=frame, header_style="dim", show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        if header.startswith(">"):
            table.add_column(escape(header[1:]), justify="right", no_wrap=True)  # figures are never cut
        else:
            table.add_column(escape(header), overflow="fold")
    return table


def print_table(
    console: Console,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    repeated: int = 1,
    text: int = _TEXT_WIDTH,
) -> None:
    """Print a :func:`quiet_table`; where the terminal is too narrow for it, in parts, so that no word is broken.

    Args:
        rows: cells in rich's markup.
        repeated: the first columns that stand in every part.
        text: the width, in cells, that a column of text has at least, if it needs it.
    """
    for least in (text, 0):
        widths = [_least_width(index, header, rows, least) for index, header in enumerate(headers)]
        parts = _parts(widths, repeated, console.width)
        if all(_total(widths, part) <= console.width for part in parts):
            break
    for part in parts:
        drawn = quiet_table(console, *(headers[index] for index in part))
        for column, index in zip(drawn.columns, part, strict=True):
            column.min_width = widths[index]
            column.no_wrap = _least_width(index, headers[index], rows, console.width) == widths[index]
        for row in rows:
            drawn.add_row(*(row[index] for index in part))
        console.print(drawn)
        if part[-1] != len(headers) - 1:
            console.print()


def _least_width(index: int, header: str, rows: Sequence[Sequence[str]], text: int) -> int:
    """Of a column, in cells: all of a figure, of a text the longest word or ``text``."""
    from rich.text import Text

    cells = [header.removeprefix(">"), *(Text.from_markup(row[index]).plain for row in rows)]
    whole = max(len(line) for cell in cells for line in cell.split("\n"))
    if header.startswith(">"):
        return whole
    return max(min(whole, text), *(len(word) for cell in cells for word in cell.split() or [""]))


def _parts(widths: Sequence[int], repeated: int, width: int) -> list[list[int]]:
    """The columns of each part, as few parts as fit into ``width`` and about as many columns in each."""
    first, rest = list(range(repeated)), list(range(repeated, len(widths)))
    for most in range(len(rest), 0, -1):
        count = -(-len(rest) // most)
        size = -(-len(rest) // count)  # six columns of which five fit: three and three
        parts = [first + rest[start : start + size] for start in range(0, len(rest), size)]
        if all(_total(widths, part) <= width for part in parts):
            return parts
    return [[*first, index] for index in rest] or [first]


def _total(widths: Sequence[int], part: Sequence[int]) -> int:
    return sum(widths[index] + _GAP for index in part) - _GAP
