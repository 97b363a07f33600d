"""``tabllm demo``: the whole way on a real table that comes with the package."""

from __future__ import annotations

import click

from .errors import Interrupted
from .group import Command
from .options import PATH, AtLeast, claim, seed_option
from .session import Session, seconds

__all__ = ["demo"]

EXAMPLES = """
# About three minutes on two cores
tabllm demo
# A quicker look
tabllm demo --rows 5000
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Go the whole way on a real table: learn, make, compare.")
@click.option("--rows", type=AtLeast(100), metavar="N", help="Learn N rows only.  [default: all 32,561]")
@click.option("--epochs", type=AtLeast(1), metavar="N", help="Passes over the rows at most.")
@click.option(
    "-o", "--out", type=PATH, default="demo-run", show_default=True, metavar="DIR", help="Folder for all of it."
)
@seed_option
@click.pass_obj
def demo(session: Session, rows: int | None, epochs: int | None, out: str, seed: int | None) -> None:
    """Learn UCI Adult (a census: who earns more than 50,000 dollars?), make as many rows, and report on them."""
    from eval.terminal import render
    from tabllm.demo import run_demo

    claim(session, out, force=True, folder=True)
    try:
        done = run_demo(out, rows=rows, epochs=epochs, seed=seed or 0, progress=session.reporter())
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted; what was made so far is in {out}/.") from None

    render(done.report, session.console(), limit=5)
    rate = f"{done.rows / done.sample_seconds:,.0f} rows/s"
    session.say(f"Learned {done.rows:,} rows in {seconds(done.fit_seconds)}, made as many at {rate}; all in {out}/.")
    session.say("")
    session.say("More of it:")
    session.step("tabllm", "sample", done.run, "-n", "1000", "--where", "income=>50K", "-o", "rich.csv")
    session.say("Your own table:")
    session.step("tabllm", "fit", "visits.csv")
    session.step("tabllm", "sample", "visits-run", "-o", "synthetic.csv")
    session.step("tabllm", "eval", "visits.csv", "synthetic.csv")
