"""``tabllm example``: a small table to try the commands on."""

from __future__ import annotations

import click

from .claims import claim, force_option
from .group import Command
from .options import PATH, AtLeast, seed_option
from .session import STDOUT, Session, shown
from .simulate_ads import write_simulated

__all__ = ["example"]

EXAMPLES = """
# 8,000 impressions of ads, 4 % of them clicked; then go the whole way with them
tabllm example visits.csv
tabllm make visits.csv
# A smaller one, and other rows of the same kind
tabllm example small.csv -n 1000 --seed 1
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Write a small simulated table to try the commands on.")
@click.argument("out", type=PATH)
@click.option("-n", "--rows", type=AtLeast(1), default=8_000, show_default=True, metavar="N", help="Rows to generate.")
@seed_option
@force_option("a file")
@click.pass_obj
def example(session: Session, out: str, rows: int, seed: int | None, force: bool) -> None:
    """Write a simulated ad log to OUT: who saw which ad where, at what price, and who clicked.

    Nothing in it was measured: the device series begin with 'sim-', and OUT.simulated.json beside the file says so and
    lists the relations that were built in.
    """
    from tabular.io.writing import check_output

    from ..ads.example import example_note, example_table

    check_output(out)
    claim(session, out, force=force)
    table = example_table(rows, seed=seed or 0)
    note = example_note(table, seed=seed or 0)
    write_simulated(table, note, out)
    session.say(
        f"Wrote {len(table):,} simulated rows to {shown(out)}, {note['clicks']:,} of them clicked; nothing in them was "
        "measured."
    )
    if out != STDOUT:
        session.suggest("tabllm", "make", out)
