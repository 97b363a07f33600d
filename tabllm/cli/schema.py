"""``tabllm schema``: what each column of a table is taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .claims import claim, force_option
from .group import Command
from .links import propose_links, refuse
from .options import PATH, AtLeast, drop_option, faker_option, json_option, out_option
from .reading import read, reading_options
from .rule_options import rule_options
from .session import STDOUT, Session

if TYPE_CHECKING:
    from tabular.io.file_form import ReadOptions
    from tabular.rules import RuleChoice

__all__ = ["schema"]

EXAMPLES = """
# What each column is taken for
tabllm schema visits.csv
# Where a guess is wrong: write it to a file, edit that, and fit with it
tabllm schema visits.csv -o visits.schema.json
tabllm fit visits.csv --schema visits.schema.json
# Several tables: which keys join them
tabllm schema users.csv events.csv -o links.toml
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Show what each column is taken for.")
@click.argument("data", type=PATH, nargs=-1, required=True)
@out_option("FILE", "File to write the schema to, for you to edit; of several tables the keys (.toml or .json).")
@click.option(
    "--rare-below",
    type=AtLeast(0),
    default=0,
    metavar="K",
    help="Rare categories: fold those of fewer than K rows into one.  [default: 0]",
)
@drop_option
@rule_options
@faker_option
@reading_options
@force_option("a file")
@json_option
@click.pass_obj
def schema(
    session: Session,
    data: tuple[str, ...],
    out: str | None,
    rare_below: int,
    dropped: tuple[str, ...],
    rules: RuleChoice,
    faker: str | None,
    reading: ReadOptions,
    force: bool,
    json_file: str | None,
) -> None:
    """Show the kind, the missing share and the values of every column of the table DATA.

    Of several tables the keys between them are proposed, by values and names.
    """
    session.check_json(json_file)
    if len(data) > 1:
        refuse({"--drop": dropped, "--rule": rules, "--faker": faker, "--rare-below": rare_below})
        propose_links(session, data, out, reading, json_file, force=force)
        return
    file = data[0]
    session.check_json(out)
    if out:
        claim(session, out, force=force)

    from tabular.io.dropping import drop_columns
    from tabular.personal.telling import persons_given_away, persons_made_up
    from tabular.preparing.inference import infer_schema
    from tabular.rules.choosing import FOUND_BY_DEFAULT, ruled
    from tabular.rules.telling import rules_line

    table = drop_columns(read(session, file, reading).table, dropped)
    inferred = infer_schema(table, rare_below=rare_below, faker=faker)
    found = ruled(table, inferred, rules, find=FOUND_BY_DEFAULT, progress=session.reporter())
    if session.draws(json_file) and out != STDOUT:
        from .tables import draw_schema

        console = session.console()
        console.print(f"\n[bold]{len(found)} columns[/]  [dim]{found.rows:,} rows[/]\n")
        draw_schema(console, found)
        console.print()
    if warning := persons_given_away(found):
        session.warn(warning)
    if line := persons_made_up(found):
        session.say(line)
    if found.rules:
        session.say(rules_line(found.rules, file))
    session.write_json(found.to_dict(), json_file)
    session.write_json(found.to_dict(), out)
    if out and out != STDOUT:
        session.say(f"Wrote {out}: change the kind, bounds or categories of a column there.")
        session.suggest("tabllm", "fit", file, "--schema", out)
