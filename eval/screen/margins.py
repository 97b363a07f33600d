"""The terminal renderer of :mod:`eval.margins`: its figures beside their floors, and where it is worst."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tabular.terminal import escape, plain

from ..facts.report import Report
from ..judging.wording import number
from ..margins.words import margin_rows, margin_sentences
from .tables import quiet_table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["margin_sections"]


def margin_sections(report: Report, console: Console, *, limit: int) -> Iterator[RenderableType]:
    """A table of figures, and one of the ``limit`` subgroups that are worst."""
    from rich.console import Group
    from rich.text import Text

    margins = report.margins
    if margins is None or not (rows := margin_rows(margins)):
        return
    table = quiet_table(console, "", ">synthetic", ">noise floor")
    for name, value, floor, _ in rows:
        table.add_row(name, value, f"[dim]{floor}[/]")
    said = [Text(plain(sentence)) for sentence in margin_sentences(margins)]
    yield Group(Text("Three columns, rare categories, subgroups", "bold"), table, *said)

    groups = margins.subgroups
    if groups is None or not groups.worst:
        return
    table = quiet_table(console, "subgroup", ">real rows", ">error %", ">floor %", "most of all in")
    for group in groups.worst[:limit]:
        table.add_row(
            escape(f"{group.column} = {group.value}"),
            f"{group.real_rows:,}",
            number(group.error_percent, 1),
            f"[dim]{number(group.floor_percent, 1)}[/]",
            escape(group.worst_column),
        )
    if groups.groups > len(groups.worst[:limit]):
        table.caption, table.caption_justify = f"and {groups.groups - len(groups.worst[:limit]):,} more", "left"
    about = "by excess over the noise floor"
    yield Group(Text.assemble(("Where it is worst", "bold"), "  ", (about, "dim")), table)
