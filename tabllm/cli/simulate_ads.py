"""``tabllm simulate-ads``: an ad log whose click chances are known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .claims import claim, force_option
from .group import Command
from .options import AtLeast, count_option, out_option, seed_option
from .session import STDOUT, Session, seconds, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["simulate_ads", "write_simulated"]

EXAMPLES = """
# 100,000 impressions of two weeks, about 2 % of them clicked
tabllm simulate-ads 100000 -o ads.csv
# With the true probability of every click, so that 'tabllm ctr' can tell how good the best model could be
tabllm simulate-ads 100000 --truth -o ads.parquet
tabllm ctr ads.parquet --click click --time time -m nano
# 4,000 users with histories: what they saw and clicked before changes what they click next
tabllm simulate-ads 50000 --users 4000 --truth -o users.parquet
# Rarer clicks, more ads
tabllm simulate-ads 1000000 --click-rate 0.005 --ads 2000 --seed 7 -o rare.parquet
"""


@click.command(
    "simulate-ads", cls=Command, examples=EXAMPLES, short_help="Simulate an ad log of known click probabilities."
)
@click.argument("rows", type=AtLeast(1), metavar="N")
@out_option("OUT", "File to write; its ending says the format, '-' prints CSV on standard output.", required=True)
@count_option("--ads", least=2, default=300, help="Number of different ads.")
@click.option(
    "--click-rate",
    type=float,
    default=0.02,
    show_default=True,
    metavar="RATE",
    help="Mean of the true click probabilities.",
)
@count_option(
    "--users", help="Users with histories: a click depends on the user's clicks and channel before; conversions, too."
)
@click.option(
    "--truth",
    is_flag=True,
    help="True probabilities: add a column true_click_probability; with --users true_conversion_probability, too.",
)
@seed_option
@force_option("a file")
@click.pass_obj
def simulate_ads(
    session: Session,
    rows: int,
    out: str,
    ads: int,
    click_rate: float,
    users: int | None,
    truth: bool,
    seed: int | None,
    force: bool,
) -> None:
    """Simulate N impressions of ads, by time; tabllm/ads/world.py says how a click comes about.

    Nothing in the file was measured: its ids begin with 'sim-', and OUT.simulated.json beside it says so and how it was
    made.
    """
    from tabular.io.writing import check_output

    from ..ads.histories.simulated import CONVERSION_TRUTH, simulate_users
    from ..ads.simulator import TRUTH, simulate_ads, simulation_note

    check_output(out)
    claim(session, out, force=force)
    start = time.perf_counter()
    if users is None:
        table = simulate_ads(rows, seed=seed or 0, ads=ads, click_rate=click_rate, truth=True)
    else:
        table = simulate_users(rows, users, seed=seed or 0, ads=ads, click_rate=click_rate, truth=True)
    note = simulation_note(table, seed=seed or 0, ads=ads, click_rate=click_rate, users=users)
    known = [name for name in (TRUTH, CONVERSION_TRUTH) if name in table]
    beside = write_simulated(table if truth else table.drop(columns=known), note, out)
    session.say(
        f"Simulated {rows:,} rows with {note['clicks']:,} clicks in {seconds(time.perf_counter() - start)}; wrote "
        f"{shown(out)}. Nothing in them was measured{f', as {beside} says' if beside else ''}."
    )
    session.say(f"The true probabilities have an AUC of {note['ceiling_auc']:.4f}: no model can expect more.")


def write_simulated(table: pd.DataFrame, note: dict[str, Any], out: str) -> Path | None:
    """Write ``table`` to ``out`` and ``note`` beside it; return the note's path, ``None`` on standard output."""
    from tabular.io.writing import TableWriter
    from tabular.storage.rundir import write_json

    with TableWriter(out) as writer:
        writer.write(table)
    if out == STDOUT:
        return None
    beside = Path(f"{out}.simulated.json")
    write_json(beside, note)
    return beside
