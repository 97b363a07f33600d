"""``tabllm impute``: fill in missing cells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from .claims import claim
from .errors import interruptible, unwritten
from .group import Command
from .in_parts import Cluster, cluster_options, table_in_parts, writes_parts
from .options import PATH, out_option
from .reading import read, rows_of_file_options
from .session import Session, seconds, shown

if TYPE_CHECKING:
    from tabular.io.file_form import ReadOptions

__all__ = ["impute"]

EXAMPLES = """
# Fill in what is missing, each cell drawn from what the rest of its row says
tabllm impute visits-run holes.csv -o filled.csv
# Another draw
tabllm impute visits-run holes.csv -o filled-2.csv --seed 2
# A big Parquet file in parts, by the workers of a Ray cluster
tabllm impute visits-run holes.parquet -o filled/ --cluster ray
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Fill in the missing cells of a table.")
@click.argument("run", type=PATH)
@click.argument("table", type=PATH)
@out_option(
    "OUT",
    "File to write; its ending says the format, '-' prints CSV on standard output; a folder "
    "('filled/' or s3://...) gets Parquet parts of a Parquet file.",
    required=True,
)
@rows_of_file_options
@cluster_options
@click.pass_obj
def impute(
    session: Session,
    run: str,
    table: str,
    out: str,
    seed: int | None,
    device: str,
    dropped: tuple[str, ...],
    reading: ReadOptions,
    cluster: Cluster,
    force: bool,
) -> None:
    """Fill in the missing cells of TABLE, a file with the columns of the table that RUN learned."""
    from tabular.io.dropping import drop_columns
    from tabular.io.reading import read_as_text
    from tabular.io.writing import TableWriter, check_output
    from tabular.registry import load_run
    from tabular.sampling.imputing import in_given_text

    cluster.check()
    if writes_parts(out, cluster):
        table_in_parts(
            session,
            "impute",
            run,
            table,
            out,
            cluster,
            label="Imputing",
            device=device,
            force=force,
            seed=seed,
            dropped=list(dropped),
        )
        return
    written_as = check_output(out)
    claim(session, out, force=force)
    found = read(session, table, reading)
    holes = drop_columns(found.table, dropped)
    synthesizer = load_run(run, device=device)
    start = time.perf_counter()
    with interruptible(unwritten(out)):
        filled = written = synthesizer.complete(holes, seed=seed, progress=session.reporter())
        text = read_as_text(table, written_as, options=reading)
        if text is not None:
            written = in_given_text(filled, drop_columns(text, dropped), synthesizer.schema)
        with TableWriter(out, form=found.form) as writer:
            writer.write(written)

    took = time.perf_counter() - start
    cells = int(holes.isna().to_numpy().sum()) - int(filled.isna().to_numpy().sum())
    session.say(f"Filled {cells:,} cells in {len(filled):,} rows in {seconds(took)}; wrote {shown(out)}.")
