"""``tabllm rules``: what holds between the columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .claims import claim, force_option
from .fit import chosen_kinds
from .group import Command
from .options import PATH, drop_option, json_option, kind_option, out_option, seed_option
from .reading import read, reading_options
from .rule_options import rule_options
from .session import STDOUT, Session

if TYPE_CHECKING:
    from tabular.io.file_form import ReadOptions
    from tabular.rules import RuleChoice

__all__ = ["rules"]

EXAMPLES = """
# What holds between the columns of every row
tabllm rules visits.csv
# A rule of your own, which the rows are checked against
tabllm rules visits.csv --rule 'clicked <= 1'
# Write the schema with its rules, edit them there, and fit with it
tabllm rules visits.csv -o visits.schema.json
tabllm fit visits.csv --schema visits.schema.json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Show the rules between the columns of a table.")
@click.argument("data", type=PATH)
@out_option("FILE", "File to write the schema with its rules to, for you to edit.")
@rule_options
@kind_option
@drop_option
@seed_option
@reading_options
@force_option("a file")
@json_option
@click.pass_obj
def rules(
    session: Session,
    data: str,
    out: str | None,
    rules: RuleChoice,
    kinds: tuple[str, ...],
    dropped: tuple[str, ...],
    seed: int | None,
    reading: ReadOptions,
    force: bool,
    json_file: str | None,
) -> None:
    """Show what holds between the columns in every row of the table DATA, of how many rows each rule says something,
    and one of them.

    Each is the text that --rule and --no-rule of 'tabllm fit' take; synthetic rows keep it.
    """
    chosen = chosen_kinds(kinds)
    session.check_json(json_file)
    session.check_json(out)
    if out:
        claim(session, out, force=force)

    from dataclasses import replace

    from tabular.encoding.arrays import to_arrays
    from tabular.io.dropping import drop_columns
    from tabular.preparing.inference import infer_schema
    from tabular.rules import chosen_rules
    from tabular.rules.support import seen_rules

    table = drop_columns(read(session, data, reading).table, dropped)
    schema = infer_schema(table, overrides=chosen)
    arrays = to_arrays(table, schema)
    found = chosen_rules(arrays, schema, rules, find=True, seed=seed or 0, progress=session.reporter())
    schema = replace(schema, rules=found)
    seen = seen_rules(arrays, schema)
    if session.draws(json_file) and out != STDOUT:
        from .tables import draw_rules

        draw_rules(session, seen, schema.rows)
    session.write_json({"rows": schema.rows, "rules": [each.to_dict() for each in seen]}, json_file)
    session.write_json(schema.to_dict(), out)
    if not found:
        session.say(f"Nothing was found to hold between columns in all {schema.rows:,} rows of {data}.")
    if out and out != STDOUT:
        session.say(f"Wrote {out}: edit its rules there, at the end of the file.")
        session.suggest("tabllm", "fit", data, "--schema", out)
