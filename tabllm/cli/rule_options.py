"""What the command line says of rules between columns: the options that add and take away."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["rule_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--rule", "add", multiple=True, metavar="TEXT",
                 help="Rule between columns that all rows keep, such as 'start <= end'. Repeatable."),
    click.option("--force-rule", "forced", multiple=True, metavar="TEXT",
                 help="Rule that the synthetic rows are to keep, whether or not DATA does. Repeatable."),
    click.option("--no-rule", "without", multiple=True, metavar="TEXT",
                 help="Leave out the rule TEXT of those that are found or that the schema lists. Repeatable."),
    click.option("--no-rules", is_flag=True, help="Leave out all rules but those of --rule and --force-rule."),
)  # fmt: skip


def rule_options(command: Decorated) -> Decorated:
    """The options about rules; the command gets them as one argument, ``rules``."""

    @functools.wraps(command)
    def called(*args: Any, **given: Any) -> Any:
        from tabular.rules import ALL, RuleChoice

        without = (*given.pop("without"), *([ALL] if given.pop("no_rules") else []))
        return command(*args, rules=RuleChoice(given.pop("add"), given.pop("forced"), without), **given)

    made: Any = called
    for option in reversed(_OPTIONS):
        made = option(made)
    return made
