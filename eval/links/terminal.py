"""A report of linked tables on the terminal: a line per key and question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular.terminal import escape, plain

from ..screen.tables import print_table
from ..sequences.pictures import excess
from ..sequences.words import shown, times_the_floor
from .facts import KeyReport, LinksReport
from .words import QUESTION_NAMES, integrity_cells

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["render_links"]


def render_links(report: LinksReport, console: Console, *, details: bool = False, limit: int = 10) -> None:
    """Print ``report`` on ``console``.

    Args:
        details: whether the figures of every question follow, those farthest above the noise floor first.
        limit: figures of each question at most.
    """
    sizes = [
        f"{escape(plain(name))} {rows:,} ({report.synthetic_rows[name]:,})" for name, rows in report.real_rows.items()
    ]
    console.print(f"Rows, real (synthetic): {', '.join(sizes)}.")
    console.print()
    rows = [[escape(plain(key.key)), *integrity_cells(key)] for key in report.keys]
    print_table(console, ["key", "", ">valid", ">unique", ">no parent", ">real"], rows)
    for key in report.keys:
        if key.questions is not None:
            console.print()
            _render_key(key, console, details=details, limit=limit)
    for note in report.notes:
        console.print(escape(plain(note)))


def _render_key(key: KeyReport, console: Console, *, details: bool, limit: int) -> None:
    console.print(f"{escape(plain(key.key))}  ({key.compared_parents:,} parents of each side)", style="bold")
    rows = [
        [QUESTION_NAMES[question], shown(found.value), shown(found.floor), times_the_floor(found)]
        for question, found in (key.questions or {}).items()
    ]
    print_table(console, ["distance", ">synthetic", ">noise floor", ">times"], rows)
    console.print(
        f"Detection of parents with their children: {shown(key.detection)} (noise floor "
        f"{shown(key.detection_floor)}; 1 = a classifier cannot tell them from real ones)."
    )
    if key.telling and key.detection is not None and key.detection < 0.95:
        named = ", ".join(f"{escape(plain(name))} {gain:.0f} %" for name, gain in list(key.telling.items())[:5])
        console.print(f"They are told by {named}.")
    for question in key.questions or {} if details else ():
        found = sorted(
            (f for f in key.figures if f.question == question and f.value is not None),
            key=excess,
            reverse=True,
        )
        lines = [[escape(plain(f.name)), shown(f.value), shown(f.floor), times_the_floor(f)] for f in found[:limit]]
        print_table(console, [QUESTION_NAMES[question], ">synthetic", ">noise floor", ">times"], lines)
