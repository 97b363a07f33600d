"""How facts look on a terminal: quiet tables, as in the report of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from eval.screen.tables import quiet_table
from tabular.terminal import escape, plain

if TYPE_CHECKING:
    from rich.console import Console

    from tabular.rules.support import SeenRule
    from tabular.schema import Column, Schema

    from .session import Session

__all__ = ["draw_facts", "draw_rules", "draw_schema", "quiet_table"]


#: Rules that stand under the columns of a schema.
_RULES = 12


def draw_facts(console: Console, facts: dict[str, str]) -> None:
    """Names in one column, what they are in the other."""
    table = quiet_table(console, "", "")
    table.show_header = False
    for name, value in facts.items():
        table.add_row(f"[dim]{escape(name)}[/]", escape(value))
    console.print(table)


def draw_schema(console: Console, schema: Schema) -> None:
    """One line per column, the rules between them, then what a person should know."""
    table = quiet_table(console, "column", "kind", ">missing %", "values")
    for column in schema:
        missing = f"{100 * column.missing_rate:.1f}" if column.missing_rate else "[dim]-[/]"
        style = "bold red" if column.gives_persons_away else "green"
        made_up = "" if column.gives_persons_away else ", made up"
        person = f"  [{style}]{escape(column.personal)}{made_up}[/]" if column.personal else ""
        table.add_row(escape(column.name), escape(column.kind) + person, missing, escape(_values(column)))
    console.print(table)
    if schema.rules:
        console.print("\n[bold]Rules[/]")
        for rule in schema.rules[:_RULES]:
            console.print(f"- {escape(rule.text)}{' [yellow]a wish[/]' if rule.forced else ''}")
        if len(schema.rules) > _RULES:
            console.print(f"[dim]and {len(schema.rules) - _RULES:,} more[/]")
    notes = [*schema.notes, *(f"{column.name}: {note}" for column in schema for note in column.notes)]
    if notes:
        console.print("\n[bold]Notes[/]")
        for note in notes:
            console.print(f"[dim]- {escape(note)}[/]")


def draw_rules(session: Session, rules: Sequence[SeenRule], rows: int) -> None:
    """Each rule with the rows it is about and one of them; for a program, and quietly, a line each, parted by tabs."""
    console = session.console()
    if session.quiet or not console.is_terminal:
        for rule in rules:
            click.echo("\t".join(map(plain, (rule.text, rule.rows, rule.example or ""))))
        return
    if not rules:
        return
    console.print(f"\n[bold]{len(rules)} rules between columns[/]  [dim]{rows:,} rows[/]\n")
    table = quiet_table(console, ">", "rule", ">rows", "such as")
    for number, rule in enumerate(rules, 1):
        wish = "  [yellow]a wish[/]" if rule.forced else ""
        table.add_row(f"[dim]{number}[/]", escape(rule.text) + wish, f"{rule.rows:,}", escape(rule.example or "-"))
    console.print(table)
    console.print()


def _values(column: Column) -> str:
    """What the column may hold, in a few words."""
    if column.has_categories:
        shown: list[str] = []
        room = 40
        for category in map(str, column.categories):
            if shown and room < len(category):
                break
            shown.append(category if len(category) <= 40 else category[:37] + "...")
            room -= len(category) + 2
        more = len(column.categories) - len(shown)
        return ", ".join(shown) + (f", and {more:,} more" if more else "")
    if column.is_numeric and column.minimum is not None and column.maximum is not None:
        often = [_bound(column, atom) for atom in column.atoms] if len(column.atoms) <= 3 else []
        text = f"{_bound(column, column.minimum)} to {_bound(column, column.maximum)}"
        grain = f"; {column.grain}" if column.grain else ""
        return text + (f"; often {', '.join(often)}" if often else "") + grain
    return column.pattern or ""


def _bound(column: Column, value: float) -> str:
    if column.kind == "datetime" and column.format:
        import numpy as np

        from tabular.dates.text import format_dates

        return str(format_dates(np.array([value]), column.format)[0])
    if column.kind == "datetime":
        from datetime import datetime, timedelta, timezone

        instant = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=value)
        return f"{instant:%Y-%m-%d}" if value % 86400 == 0 else f"{instant:%Y-%m-%d %H:%M:%S}"
    if column.kind == "integer":
        return f"{value:,.0f}"
    return f"{value:,.{column.decimals}f}" if column.decimals is not None and column.decimals <= 4 else f"{value:,.5g}"
