"""HTML elements as text, everything escaped that is not markup already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

__all__ = ["Child", "Markup", "element", "joined"]


class Markup(str):
    """Text that is HTML already. Only this package makes it; whatever comes from a table is plain ``str``."""

    __slots__ = ()


Child = str | None

_VOID = {"meta", "link", "br", "rect", "line", "path", "circle"}
#: What no HTML text may hold, what turns the direction of text, and lone surrogates, which UTF-8 cannot write.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """``<tag attributes>children</tag>``; ``None`` children and attributes are left out.

    An underscore at the end of an attribute's name is dropped (``class_``), others become hyphens.

    Example:
        >>> element("p", "1 < 2", class_="note")
        '<p class="note">1 &lt; 2</p>'
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID and not any(children):
        return Markup(f"<{tag}{written}/>" if tag in ("rect", "line", "path", "circle") else f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """The children after each other, those that are no markup escaped."""
    return Markup("".join(child if isinstance(child, Markup) else _text(child) for child in children if child))


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if isinstance(value, float):
        value = f"{value:.1f}".removesuffix(".0")
    return f' {name}="{_text(str(value))}"'
