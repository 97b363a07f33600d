"""Logs of events on the command line: the options ``--by`` and ``--time``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError
from tabular.terminal import escape, plain

if TYPE_CHECKING:
    import pandas as pd

    from tabular.schema import Schema
    from tabular.synthesizer import Synthesizer

    from .session import Session

__all__ = ["compare_logs", "log_columns", "log_options", "refuse_users", "take_log"]

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
        linked = " Of linked tables TABLE.COLUMN, which orders rows of one parent." if purpose == "learn" else ""
        command = click.option(
            "--time",
            metavar="COL",
            help=f"With --by: column of the time, or the number, that orders a user's events.{linked}",
        )(command)
        return click.option(
            "--by",
            metavar="COL",
            help=f"Rows are events: {purpose} whole histories, of the users that this column names.",
        )(command)

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


def log_columns(real: str, by: str | None, time: str | None) -> tuple[str, str] | None:
    """The columns of users and of times that ``eval`` judges histories by: those named, or those of the run ``real``.

    Raises:
        UsageError: where one is named without the other.
    """
    if by is not None and time is not None:
        return by, time
    if by is not None or time is not None:
        raise UsageError("Histories are compared by --by COL, the column of users, and --time COL: name both.")
    if not (Path(real) / "config.json").is_file():
        return None
    from tabular.registry import read_config

    config = read_config(real)
    if config["model"] != "sequences":
        return None
    return config["options"]["by"], config["options"]["time"]


def compare_logs(
    session: Session,
    real: pd.DataFrame,
    synthetic: Mapping[str, pd.DataFrame],
    schema: Schema | None,
    columns: tuple[str, str],
    *,
    details: bool,
    limit: int,
    json_file: str | None,
    html_file: str | None,
    facts: Mapping[str, str],
    **options: Any,
) -> None:
    """Compare the histories in each table of ``synthetic`` with those in ``real``; draw the reports, and write them.

    Args:
        facts: where the tables come from.
        options: as ``eval.sequences.compare_sequences`` takes them.
    """
    from eval.sequences import compare_sequences
    from eval.sequences.terminal import render_sequences

    by, time = columns
    reports = {
        name: compare_sequences(real, table, by=by, time=time, schema=schema, progress=session.reporter(), **options)
        for name, table in synthetic.items()
    }
    if session.draws(json_file):
        console = session.console()
        for number, (name, report) in enumerate(reports.items()):
            if len(reports) > 1:
                console.print(f"{chr(10) * (number > 0)}{escape(plain(name))}", style="bold")
            render_sequences(report, console, limit=limit, details=details)
    if html_file:
        from eval.sequences.page.whole import write_sequence_html

        write_sequence_html(reports, html_file, facts={**facts, "command": session.command})
    found = {name: report.to_dict() for name, report in reports.items()}
    session.write_json(next(iter(found.values())) if len(found) == 1 else found, json_file)


def refuse_users(synthesizer: Synthesizer, requested: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` if one of ``requested`` (options, commands) is set and ``synthesizer`` makes users."""
    for option, value in requested.items():
        if value and synthesizer.unit != "rows":
            raise UsageError(
                f"{option} counts rows, and this run makes {synthesizer.unit} with all their events; fit "
                "without --by for it."
            )
