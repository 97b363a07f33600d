"""``tabllm demo``: the whole way on a real table that comes with the package."""

from __future__ import annotations

from pathlib import Path

import click

from .claims import claim_work
from .errors import goes_on, interruptible
from .group import Command
from .options import count_option, details_option, out_option, seed_option, train_rows_option
from .session import Session

__all__ = ["demo"]

EXAMPLES = """
# About three minutes on two cores
tabllm demo
# A quicker look
tabllm demo --train-rows 5000
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Go the whole way on a real table: learn, make, compare.")
@train_rows_option(100)
@count_option("--epochs", help="Maximum passes over the rows.")
@out_option("DIR", "Folder for the run, the rows and the report.", default="demo-run", show_default=True)
@seed_option
@details_option
@click.pass_obj
def demo(
    session: Session, train_rows: int | None, epochs: int | None, out: str, seed: int | None, details: bool
) -> None:
    """Learn UCI Adult (a census: who earns more than 50,000 dollars?), make as many rows, and report on them."""
    from tabllm.demo import run_demo

    from ..pipeline import STATE, check_folder
    from .make import say_made

    check_folder(Path(out))
    claim_work(session, out, STATE, "adult.csv")
    with interruptible(goes_on(out)):
        made = run_demo(out, rows=train_rows, epochs=epochs, seed=seed or 0, progress=session.reporter())

    say_made(session, made, details=details)
    session.say("More of it:")
    session.step("tabllm", "sample", made.run, "-n", "1000", "--where", "income=>50K", "-o", "rich.csv")
    session.say("Your own table:")
    session.step("tabllm", "make", "visits.csv")
