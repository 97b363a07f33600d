"""``tabllm extend``: more events of real users."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tabular.errors import UsageError

from .claims import claim
from .errors import interruptible, unwritten
from .group import Command
from .options import PATH, count_option, out_option
from .reading import read, rows_of_file_options
from .session import Session, seconds, shown

if TYPE_CHECKING:
    from tabular.io.file_form import ReadOptions

__all__ = ["extend"]

EXAMPLES = """
# Five more events of every user in the log, after his last one
tabllm extend log-run log.csv --events 5 -o next.csv
# Another draw
tabllm extend log-run log.csv --events 5 -o next-2.csv --seed 2
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Continue the histories of real users.")
@click.argument("run", type=PATH)
@click.argument("table", type=PATH, metavar="LOG")
@count_option("--events", least=1, default=1, help="New events of each user.")
@out_option(
    "OUT",
    "File to write: the new events alone; its ending says the format, '-' prints CSV on standard output.",
    required=True,
)
@rows_of_file_options
@click.pass_obj
def extend(
    session: Session,
    run: str,
    table: str,
    events: int,
    out: str,
    seed: int | None,
    device: str,
    dropped: tuple[str, ...],
    reading: ReadOptions,
    force: bool,
) -> None:
    """Draw the next events of each user in LOG, a file with the columns of the log that RUN learned.

    RUN is a run of histories, which 'tabllm fit --by' wrote.
    """
    from tabular.io.dropping import drop_columns
    from tabular.io.writing import TableWriter, check_output
    from tabular.registry import load_run

    from ..sequences.model import SequenceLM

    check_output(out)
    claim(session, out, force=force)
    synthesizer = load_run(run, device=device)
    if not isinstance(synthesizer, SequenceLM):
        raise UsageError(f"{run} makes rows and no histories; fit with --by and --time to continue those of users.")
    found = read(session, table, reading)
    start = time.perf_counter()
    with interruptible(unwritten(out)):
        made = synthesizer.extend(drop_columns(found.table, dropped), events, seed=seed, progress=session.reporter())
        with TableWriter(out, form=found.form) as writer:
            writer.write(made)
    took = seconds(time.perf_counter() - start)
    session.say(
        f"Wrote {len(made):,} rows, {events:,} of each of {len(made) // events:,} users, to {shown(out)} in {took}."
    )
