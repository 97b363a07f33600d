"""``tabllm make``: fit, sample and report in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .claims import claim_work
from .errors import goes_on, interruptible
from .fit import chosen_kinds, default_run
from .group import Command
from .options import (
    PATH,
    Holdout,
    count_option,
    details_option,
    device_option,
    drop_option,
    faker_option,
    kind_option,
    model_option,
    out_option,
    real_rows_option,
    seed_option,
)
from .reading import reading_options
from .rule_options import rule_options
from .session import Session, seconds

if TYPE_CHECKING:
    from ..pipeline import Made

__all__ = ["make", "say_made"]

EXAMPLES = """
# Learn visits.csv but for a fifth of its rows, make as many rows, and judge them by that fifth
tabllm make visits.csv
# 20,000 rows, by another generator, judged by how well they teach to predict clicks
tabllm make visits.csv -n 20000 -m tabcascade --target clicked -o cascade
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Fit, sample and report in one command.")
@click.argument("data", type=PATH)
@count_option("-n", "--rows", least=2, help="Rows to generate.  [default: as many as were learned]")
@model_option("Generator, as 'tabllm fit' takes it.")
@out_option("FOLDER", "Folder for the run, the rows and the report.  [default: DATA's name + '-made']")
@click.option(
    "--holdout",
    type=Holdout(),
    default="20%",
    show_default=True,
    metavar="SHARE",
    help="Rows to hold back, a fraction (20%) or a number, drawn at random, to judge by.",
)
@click.option("--target", metavar="COL", help="Target column to predict in the report.  [default: guessed]")
@kind_option
@drop_option
@rule_options
@faker_option
@count_option("--epochs", help="Maximum passes over the rows.")
@device_option()
@seed_option
@reading_options
@details_option
@real_rows_option
@click.option("-f", "--force", is_flag=True, help="Make FOLDER anew if it was made with other rows or settings.")
@click.pass_obj
def make(
    session: Session,
    /,
    data: str,
    model: str,
    out: str | None,
    kinds: tuple[str, ...],
    epochs: int | None,
    device: str | None,
    seed: int | None,
    details: bool,
    no_real_rows: bool,
    force: bool,
    **others: Any,
) -> None:
    """Fit a generator to the table DATA, generate N rows, and report how good they are.

    FOLDER then holds run/ for 'tabllm sample', the rows, and report.html. Ctrl-C loses nothing: the same command goes
    on from there.
    """
    from tabular.registry import check_name

    from ..pipeline import STATE, Order, check_folder, make_table

    check_name(model, of_rows=True)
    folder = out or default_run(data).removesuffix("-run") + "-made"
    options = {name: value for name, value in {"epochs": epochs, "device": device}.items() if value is not None}
    order = Order(data, model=model, options=options, kinds=chosen_kinds(kinds), seed=seed or 0, **others)
    check_folder(Path(folder))
    claim_work(session, folder, STATE)
    with interruptible(goes_on(folder)):
        made = make_table(
            order,
            folder,
            replace=force,
            real_rows=not no_real_rows,
            command=session.command,
            progress=session.reporter(),
        )
    say_made(session, made, details=details)


def say_made(session: Session, made: Made, *, details: bool) -> None:
    """What was made and how long it took, then the report."""
    from eval.screen.report import render

    fit = "" if made.fit_seconds is None else f" in {seconds(made.fit_seconds)}"
    rate = "" if made.sample_seconds is None else f" at {len(made.table) / made.sample_seconds:,.0f} rows/s"
    session.say(f"Learned {len(made.learned):,} rows{fit}; the run is {made.run}/.")
    session.say(f"Generated {len(made.table):,} rows{rate}: {made.synthetic}. The report is {made.page}.")
    render(made.report, session.console(), details=details)
