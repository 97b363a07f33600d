"""What may be written to a terminal: names, values and messages come from files, and files come from strangers.

All output of the packages goes through here: lines through :func:`plain`, what rich draws through :func:`terminal`. The
password of a database's address is left out.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from .passwords import without_password

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["escape", "folded", "json_safe", "plain", "terminal"]

#: Control characters, what turns the direction of text, line separators, invisible characters, halves of characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_HIDDEN_BUT_LINES = re.compile(_HIDDEN.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


def plain(text: object, *, lines: bool = False) -> str:
    r"""``text`` with every character that a terminal would obey or hide written as ``\x1b``, ``\n``, ``\u202e``.

    Args:
        lines: line feeds stay: for a text of several lines of our own.
    """
    shown = without_password(str(text))
    return (_HIDDEN_BUT_LINES if lines else _HIDDEN).sub(lambda found: ascii(found[0])[1:-1], shown)


def folded(line: str, *, indent: int = 0) -> str:
    """``line`` for standard error: one line for a program, folded between words for a person at a terminal.

    Args:
        indent: of the lines after the first, in cells; what stands before the first is as wide.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        return line
    width = max(shutil.get_terminal_size().columns, 40) - indent
    lines = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


def json_safe(text: str) -> str:
    """JSON in which such characters are escaped too; they can only stand inside strings."""
    return _HIDDEN_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escape(text: object) -> str:
    """:func:`plain` for a place where rich reads markup: brackets are brackets."""
    from rich.markup import escape as escape_markup

    return escape_markup(plain(text))


def terminal(**options: Any) -> Console:
    """A rich console that turns no ``:name:`` into a picture and writes no character that :func:`plain` would not.

    Args:
        options: of :class:`rich.console.Console`.
    """
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Terminal(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control else Segment(self._held(plain(text, lines=True)), style)

        def _held(self, text: str) -> str:
            """``text`` with a question mark for what the encoding of this terminal does not hold."""
            utf = self.encoding.startswith("utf")
            return text if utf or text.isascii() else text.encode(self.encoding, "replace").decode(self.encoding)

    return Terminal(**{"highlight": False, "emoji": False, **options})
