"""What the command line says of rules between columns: the options that add and take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import options_as

if TYPE_CHECKING:
    import pandas as pd

    from tabular.progress import Reporter
    from tabular.rules import RuleChoice
    from tabular.schema import Schema

__all__ = ["rule_options", "ruled_schema"]

_OPTIONS = (
    click.option(
        "--rule",
        "add",
        multiple=True,
        metavar="TEXT",
        help="Rule between columns that all rows keep, such as 'start <= end'. Repeatable.",
    ),
    click.option(
        "--force-rule",
        "forced",
        multiple=True,
        metavar="TEXT",
        help="Rule that the synthetic rows are to keep, whether or not DATA does. Repeatable.",
    ),
    click.option(
        "--no-rule",
        "without",
        multiple=True,
        metavar="TEXT",
        help="Leave out the rule TEXT of those that are found or that the schema lists. Repeatable.",
    ),
    click.option("--no-rules", is_flag=True, help="Leave out all rules but those of --rule and --force-rule."),
)


def _choice(add: tuple[str, ...], forced: tuple[str, ...], without: tuple[str, ...], no_rules: bool) -> RuleChoice:
    from tabular.rules import ALL, RuleChoice

    return RuleChoice(add, forced, (*without, *([ALL] if no_rules else [])))


#: The options about rules; the command gets them as one argument, ``rules``.
rule_options = options_as("rules", _OPTIONS, _choice)


def ruled_schema(
    table: pd.DataFrame, schema: Schema, rules: RuleChoice, *, data: str, seed: int, progress: Reporter
) -> Schema:
    """``schema`` with the rules that are found in ``table``, the rows to learn, and those of ``rules``; says which.

    Args:
        data: the file, for the message.

    Raises:
        RuleError: as :func:`tabular.rules.chosen_rules`.
    """
    from tabular.rules import choosing
    from tabular.rules.telling import rules_line

    found = choosing.ruled(table, schema, rules, find=choosing.FOUND_BY_DEFAULT, seed=seed, progress=progress)
    if found.rules:
        progress.note(rules_line(found.rules, data))
    return found
