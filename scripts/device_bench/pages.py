"""A part of a page that a script writes, between two marks."""

from __future__ import annotations

import sys
from pathlib import Path

from tabular.storage.rundir import write_text

__all__ = ["between", "marks", "update"]


def marks(part: str, script: str) -> tuple[str, str]:
    """The lines that stand around a part."""
    return f"<!-- {part}: begin, written by scripts/{script} -->", f"<!-- {part}: end -->"


def between(page: str, content: str, around: tuple[str, str]) -> str:
    """The page with ``content`` between two marks.

    Raises:
        ValueError: if they do not stand there once, in this order.
    """
    first, last = around
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end) or first in after or last in after:
        raise ValueError(f"the marks {first!r} and {last!r} must stand there, once each")
    return f"{before}{first}\n{content}\n{last}{after}"


def update(path: Path | None, content: str, around: tuple[str, str]) -> None:
    """Write ``content`` between the marks of a file, or end with one sentence; print it where there is no file."""
    if path is None:
        print(content)
        return
    try:
        write_text(path, between(path.read_text(encoding="utf-8"), content, around))
    except ValueError as error:
        sys.exit(f"{path} is left as it is: {error}.")
