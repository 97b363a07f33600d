"""The terminal renderer of several synthetic tables: their verdicts side by side, then their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tabular.terminal import escape

from ..facts.report import Report
from ..judging.side_by_side import SideBySide, headline_of_several, verdict_rows
from .tables import STYLES, glyphs, print_table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["draw_tables", "render_several"]


def render_several(reports: Mapping[str, Report], tables: Sequence[SideBySide], console: Console) -> None:
    """Print what a reader needs to choose among the synthetic tables: verdicts, ``tables``, notes, one sentence."""
    first = next(iter(reports.values()))
    console.print(f"\n[bold]Synthetic tables side by side[/]  [dim]{first.rows.real:,} real rows[/]\n")
    signs = glyphs(console)
    rows = []
    for subject, found in verdict_rows(reports).items():
        cells = [
            "-" if each is None else f"[{STYLES[each.level]}]{signs[each.level]}[/] {escape(each.figure)}"
            for each in found
        ]
        rows.append([f"[bold]{subject}[/]", *cells])
    print_table(console, ["", *reports], rows, text=18)  # "✓ 53.0 % nearer to" and a second line
    console.print()
    draw_tables(tables, console)
    holders: dict[str, list[str]] = {}
    for name, report in reports.items():
        for note in report.notes:
            holders.setdefault(note, []).append(name)
    for note, names in holders.items():
        who = "" if len(names) == len(reports) else f"{', '.join(names)}: "
        console.print(f"[dim]- {escape(who + note)}[/]")
    console.print(f"\n[bold]{escape(headline_of_several(reports))}[/]")


def draw_tables(tables: Sequence[SideBySide], console: Console) -> None:
    """Each table with the best of every line in green and named at its end."""
    for table in tables:
        console.print(f"[bold]{escape(table.title)}[/]")
        rows = [[escape(label), *cells] for label, *cells in table.rows(lambda value: f"[green]{value}[/]", escape)]
        print_table(console, table.headers, rows, repeated=1 if table.baseline is None else 2)
        console.print("".join(f"[dim]{escape(note)}[/]\n" for note in table.notes))
