"""``tabllm info``: what a run is."""

from __future__ import annotations

from typing import Any

import click

from .group import Command
from .links import describe_links, is_linked
from .options import PATH, json_option
from .private import privacy_facts, privacy_warning
from .session import Session, seconds

__all__ = ["info"]

EXAMPLES = """
# The model, how it was fitted, and its columns
tabllm info visits-run
# For a program
tabllm info visits-run --json - | jq .parameters
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Show what a run is and how it was fitted.")
@click.argument("run", type=PATH)
@json_option
@click.pass_obj
def info(session: Session, run: str, json_file: str | None) -> None:
    """Show which model RUN holds, how it was fitted, and the columns it makes."""
    session.check_json(json_file)

    from tabular.registry import load_run
    from tabular.runs import describe_run

    if is_linked(run):
        linked = describe_links(run)
        if session.draws(json_file):
            from .tables import draw_facts

            shown = {_label(name): _listed(value) for name, value in linked.items()}
            draw_facts(session.console(), {"run": run, **shown})
        session.write_json({"run": run, **linked}, json_file)
        return
    described = describe_run(run)
    if described is None:
        synthesizer = load_run(run)
        described = synthesizer.describe(), synthesizer.schema
    facts, schema = described
    if session.draws(json_file):
        from .tables import draw_facts, draw_schema

        console = session.console()
        console.print()
        short = {_label(name): _text(name, value) for name, value in facts.items() if _is_short(value)}
        draw_facts(console, {"run": run, **short, **privacy_facts(facts)})
        console.print()
        draw_schema(console, schema)
        console.print()
    if warning := privacy_warning(facts):
        session.say(click.style(warning, fg="yellow"))
    session.write_json({"run": run, **facts, "schema": schema.to_dict()}, json_file)


def _listed(value: Any) -> str:
    """A fact of a run of linked tables on a line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {rows:,}" for name, rows in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_short(value: Any) -> bool:
    """Whether a fact fits on a line: lists of losses are for ``--json``."""
    return isinstance(value, (str, int, float)) and value != ""


def _label(name: str) -> str:
    return name.replace("_seconds", " time").replace("_", " ")


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) and name.endswith("seconds"):
        return seconds(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
