"""``tabllm doctor``: what this machine offers, and what to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .group import Command
from .options import json_option
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from tabllm.doctor import Machine, Report

__all__ = ["doctor"]

EXAMPLES = """
# Which engine will be used, and why
tabllm doctor
# For a bug report
tabllm doctor --json doctor.json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Show what this machine offers, and what to install.")
@json_option
@click.pass_obj
def doctor(session: Session, json_file: str | None) -> None:
    """Show memory, devices, engines and optional packages, which engine 'auto' takes, and what to install."""
    session.check_json(json_file)

    from tabllm.doctor import examine

    report = examine()
    if session.draws(json_file):
        _draw(report, session.console())
    session.write_json(report.to_dict(), json_file)


def _draw(report: Report, console: Console) -> None:
    from tabular.terminal import escape

    from .tables import draw_facts, quiet_table

    console.print()
    facts = {"tabllm": report.tabllm, "Python": report.python, "system": report.machine.system}
    facts |= {
        "processor": f"{report.machine.processor}, {report.machine.cores} cores",
        "memory": _memory(report.machine),
    }
    draw_facts(console, facts)

    console.print("\n[bold]Engines[/]")
    table = quiet_table(console, "", "version", "devices")
    for engine in report.engines:
        state = (
            "\n".join(engine.devices) if engine.usable else "[red]cannot be used[/]" if engine.version else "[dim]-[/]"
        )
        table.add_row(engine.name, engine.version or "[dim]not installed[/]", state)
    console.print(table)
    choice = report.choice
    console.print(f"[green]auto[/] takes [bold]{choice.engine}[/] on [bold]{choice.device}[/]: {choice.reason}.")
    for engine in report.engines:
        if engine.problem:
            console.print(f"[red]{engine.name}[/]: {escape(engine.problem)}")
        if engine.hint:
            console.print(f"[yellow]{engine.name}[/]: {escape(engine.hint)}")

    console.print("\n[bold]Optional packages[/]")
    table = quiet_table(console, "", "for", "version, or how to install")
    for package in report.optional:
        state = package.version or f"[dim]{escape(package.install)}[/]"
        table.add_row(package.name, package.purpose, state)
    console.print(table)
    console.print()


def _memory(machine: Machine) -> str:
    if machine.memory_bytes is None:
        return "unknown"
    free = "" if machine.free_memory_bytes is None else f", {machine.free_memory_bytes / 2**30:.1f} GB free"
    return f"{machine.memory_bytes / 2**30:.1f} GB{free}"
