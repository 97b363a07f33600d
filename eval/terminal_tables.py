"""What every table on a terminal shares: quiet lines, and glyphs that say what the colours say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from tabular.terminal import escape

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["STYLES", "glyphs", "is_unicode", "quiet_table"]

#: The colour of each level of a verdict.
STYLES = {"good": "green", "fair": "yellow", "poor": "red", "open": "dim"}
# The glyph says what the colour says, for eyes and terminals that have none.
_GLYPHS = {"good": "✓", "fair": "~", "poor": "✗", "open": "?"}
_ASCII_GLYPHS = {"good": "+", "fair": "~", "poor": "x", "open": "?"}


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
