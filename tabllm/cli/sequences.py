"""Logs of events on the command line: the options ``--by`` and ``--time``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

if TYPE_CHECKING:
    from tabular.synthesizer import Synthesizer

__all__ = ["log_options", "refuse_users", "take_log"]

#: Options of ``fit`` that draw, hide or train rows one by one.
_OF_ROWS = {
    "dp_epsilon": ("--dp-epsilon", "its noise covers single rows, not all events of a user"),
    "train_rows": ("--train-rows", "it would tear histories apart"),
}


def log_options(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--by`` and ``--time``.

    Args:
        purpose: what the table of events is there for, such as ``"learn"``.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option("--time", metavar="COL",
                               help="With --by: column of the time, or the number, that orders a user's "
                                    "events.")(command)  # fmt: skip
        return click.option("--by", metavar="COL",
                            help=f"Rows are events: {purpose} whole histories, of the users that this column "
                                 "names.")(command)  # fmt: skip

    return decorate


def take_log(model: str, given: dict[str, Any], by: str | None, time: str | None, train_rows: int | None) -> str:
    """The generator for a fit to whole histories, if ``by`` asks for one; ``given`` gets its options.

    Raises:
        UsageError: where one of the two columns is not named, or something else asked for does not go with them.
    """
    if by is None and time is None and model != "sequences":
        return model
    if by is None or time is None:
        missing = "--time COL, the column that puts them in order" if time is None else "--by COL, the column of users"
        raise UsageError(f"Events of a user need --by and --time; add {missing}.")
    if model not in ("nano", "sequences"):
        raise UsageError(f"--by learns whole histories, which the model nano alone can; leave out -m {model}.")
    for name, (option, reason) in _OF_ROWS.items():
        if name in given or (name == "train_rows" and train_rows is not None):
            raise UsageError(f"{option} does not go with --by: {reason}.")
    given |= {"by": by, "time": time}
    return "sequences"


def refuse_users(synthesizer: Synthesizer, asked: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` if one of the options ``asked`` is set and ``synthesizer`` makes users, not rows."""
    for option, value in asked.items():
        if value and synthesizer.unit != "rows":
            raise UsageError(f"{option} counts rows, and this run makes {synthesizer.unit} with all their events; "
                             f"fit without --by for it.")  # fmt: skip
