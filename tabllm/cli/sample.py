"""``tabllm sample``: make new rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from ..decoding.precisions import PRECISIONS
from .claims import claim, force_option
from .errors import interruptible, rows_left
from .group import Command
from .in_parts import Cluster, cluster_options, loaded, run_in_parts, writes_parts
from .links import is_linked, refuse, sample_links
from .options import PATH, count_option, device_option, out_option, seed_option
from .prompting import Prompt, prompt_options, shown_rows
from .sequences import refuse_users
from .session import STDOUT, Session, seconds, shown

if TYPE_CHECKING:
    from tabular.sampling.strata import Stratum
    from tabular.synthesizer import Synthesizer

__all__ = ["sample"]

EXAMPLES = """
# As many rows as the table had
tabllm sample visits-run -o synthetic.csv
# 10,000 clicks of people of 30 and more
tabllm sample visits-run -n 10000 -w clicked=1 -w 'age>=30' -o clicks.csv
# As many women as men, and as many rich as poor of each
tabllm sample people-run -n 10000 --balance sex,income -o balanced.csv
# Income as it is, but the same in both sexes
tabllm sample people-run -n 10000 --fair 'income|sex' -o fair.csv
# A million rows as Parquet; parts are written as they are made
tabllm sample visits-run -n 1000000 -o synthetic.parquet
# A billion rows as a folder of Parquet parts, by the workers of a Ray cluster
tabllm sample visits-run -n 1e9 -o rows/ --cluster ray --address auto
# A fine-tuned language model with weights of 4 bits
tabllm sample gpt2-run -n 1000 -o synthetic.csv --precision 4bit
# No fit: GPT-2 is shown 8 rows of the table, and writes new ones
tabllm sample --prompt-only visits.csv -m gpt2 -n 100 -o synthetic.csv
# A run of histories ('tabllm fit --by'): all events of 5,000 users
tabllm sample log-run -n 5000 -o events.csv
# A run of linked tables: 5,000 users and what belongs to them, a file each
tabllm sample users-run -n 5000 -o synthetic
# A look
tabllm --quiet sample visits-run -n 5 -o -
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Generate rows from a run.")
@click.argument("run", type=PATH)
@count_option(
    "-n",
    "--rows",
    help="Rows to generate; of a run of histories users, with all their events; of linked tables rows of the first one "
    "without a parent.  [default: as many as the table had]",
)
@out_option(
    "OUT",
    "File to write: .csv, .tsv, .parquet, .jsonl or .xlsx, text also .gz; '-' prints CSV on "
    "standard output; a folder ('rows/' or s3://...) gets Parquet parts. Of linked tables a "
    "folder.",
    required=True,
)
@click.option(
    "-w",
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Condition that every row meets: 'clicked=1', 'age>=30', 'device in [ios, android]', 'city "
    "is missing'. Repeatable: all of them hold. Of linked tables on columns of tables without a parent: "
    "'shops.size=large'.",
)
@click.option(
    "--balance",
    metavar="COLS",
    help="Balanced columns: every combination of their values gets as many rows; separate them by commas.",
)
@click.option(
    "--fair",
    metavar="T|COLS",
    help="Fair column: T gets the same distribution in every group of COLS, as in 'income|sex'; the groups "
    "keep their sizes.",
)
@seed_option
@device_option(default="auto", purpose="compute on")
@click.option(
    "--engine",
    type=click.Choice(["auto", "mlx", "torch"]),
    help="Engine of a fine-tuned language model.  [default: auto]",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Weight precision of a fine-tuned language model.  [default: as fitted]",
)
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Refinement: a quarter more rows are drawn, and those taken whose counts, of columns and of pairs, "
    "come near to the table's; of histories and linked tables more users or families.  [default: with nano, without "
    "conditions, up to twice the table's rows]",
)
@click.option(
    "--temperature",
    type=float,
    metavar="T",
    help="Sampling temperature; below 1, likely values come more often than in the data.  [default: 1]",
)
@count_option("--top-k", metavar="K", help="Top-k sampling: draw from the K most probable tokens.")
@click.option(
    "--top-p",
    type=float,
    metavar="P",
    help="Top-p sampling: draw from the most probable tokens that together have probability P.  [default: 1]",
)
@prompt_options
@cluster_options
@force_option("a file")
@click.pass_obj
def sample(
    session: Session,
    /,
    run: str,
    rows: int | None,
    out: str,
    where: tuple[str, ...],
    balance: str | None,
    fair: str | None,
    seed: int | None,
    device: str,
    force: bool,
    refine: bool | None,
    prompt_only: bool,
    prompt: Prompt,
    cluster: Cluster,
    **options: Any,
) -> None:
    """Generate N rows from RUN, which 'tabllm fit' wrote, and write them to OUT.

    Shares for --balance and --fair are counted in a sample of the model's own: a run keeps none.

    Parts that are done are kept in OUT.partial/ until all are: after an interruption the same command goes on.
    """
    from tabular.io.resuming import ResumableWriter
    from tabular.io.writing import check_output
    from tabular.preparing.source import read_form, read_source
    from tabular.registry import load_run
    from tabular.sampling.strata import sample_strata
    from tabular.storage.rundir import run_stamp

    if balance and fair:
        raise UsageError("--balance and --fair contradict each other: one sets every fraction, the other keeps some.")
    if refine and (balance or fair):
        raise UsageError("--refine keeps the table's own fractions, which --balance and --fair change: leave one out.")
    if not prompt_only and is_linked(run):
        refuse(
            {
                "--balance": balance,
                "--fair": fair,
                "--cluster": cluster.name,
                **{f"--{name.replace('_', '-')}": value is not None for name, value in options.items()},
            }
        )
        sample_links(session, run, rows, out, where, seed=seed, device=device, refine=refine, force=force)
        return
    prompt.check(prompt_only, balance=balance, fair=fair, refine=refine)
    cluster.check()
    if writes_parts(out, cluster):
        for option, given in (("--balance", balance), ("--fair", fair), ("--prompt-only", prompt_only)):
            if given:
                raise UsageError(f"{option} does not go with a folder of parts; write one file, as -o rows.parquet.")
        job = {"where": list(where), "refine": refine, **options}
        _sample_parts(session, run, out, rows, seed, device, job, options, cluster, force=force)
        return
    check_output(out)
    claim(session, out, force=force)
    stamp: Any
    if prompt_only:
        synthesizer, stamp, form = shown_rows(session, run, prompt, seed, device, options)
    else:
        synthesizer, stamp, form = load_run(run, device=device, **options), run_stamp(run), read_form(run)
    refuse_users(synthesizer, {"--balance": balance, "--fair": fair})
    facts, unit = synthesizer.describe(), synthesizer.unit
    wanted = rows or facts[unit]
    identity = {
        "facts": facts,
        "run": stamp,
        "rows": wanted,
        "where": where,
        "balance": balance,
        "fair": fair,
        "seed": seed,
        "device": device,
        "refine": refine,
        **options,
    }
    start = time.perf_counter()
    writer = ResumableWriter(out, identity, rows=wanted if unit == "rows" else None, form=form)
    with interruptible(lambda: rows_left(writer, out)), writer:
        for note in writer.notes:
            session.say(note)
        how: dict[str, Any] = {"where": list(where) or None, "progress": session.reporter(), "done": writer.resumed}
        if balance or fair:
            strata = _strata(session, synthesizer, wanted, list(where), balance, fair, seed or 0)
            parts = sample_strata(synthesizer, strata, seed=seed or 0, **how)
        else:
            how |= {} if refine is None else {"refine": refine}
            parts = synthesizer.sample_batches(wanted, seed=seed, **how)
        for part in parts:
            writer.write(part)

    took = time.perf_counter() - start
    rate = f"{(writer.rows - writer.resumed) / took:,.0f} rows/s"
    of = "" if unit == "rows" else f" of {wanted:,} {unit}"
    session.say(f"Wrote {writer.rows:,} rows{of} to {shown(out)} in {seconds(took)} ({rate}).")
    if out != STDOUT and not (where or balance or fair):
        session.suggest("tabllm", "eval", run if prompt_only or read_source(run) else "DATA", out)


def _sample_parts(
    session: Session,
    run: str,
    out: str,
    rows: int | None,
    seed: int | None,
    device: str,
    settings: dict[str, Any],
    options: dict[str, Any],
    cluster: Cluster,
    *,
    force: bool,
) -> None:
    """Sample into a folder, in this process or by the workers of a cluster."""
    from tabular.preparing.source import read_source

    from ..cluster.cutting import sample_job
    from ..cluster.folders import is_remote
    from ..cluster.job import Work

    synthesizer, chosen = loaded(run, device, cluster, options)
    wanted = rows or synthesizer.describe()[synthesizer.unit]
    job = sample_job(synthesizer, run, wanted, seed=seed, settings={**settings, "device": chosen})
    given = {name: value for name, value in options.items() if value is not None}
    work = Work.of(job, run, out, device=chosen, options=given)
    run_in_parts(session, work, out, cluster, synthesizer, label="Sampling", force=force)
    if not settings["where"] and not is_remote(out):
        session.suggest("tabllm", "eval", run if read_source(run) else "DATA", out)


def _strata(
    session: Session,
    synthesizer: Synthesizer,
    rows: int,
    where: list[str],
    balance: str | None,
    fair: str | None,
    seed: int,
) -> list[Stratum]:
    from tabular.sampling.strata import balanced_strata, fair_strata, probe

    target, bar, groups = (fair or "").partition("|")
    if fair and not (target.strip() and bar and groups.strip()):
        raise UsageError(f"--fair {fair!r} is not T|COLS; write for example --fair 'income|sex'.")
    columns = [target.strip(), *_names(groups)] if fair else _names(balance or "")
    cells = probe(synthesizer, columns, rows, where=where, seed=seed, progress=session.reporter())
    strata = fair_strata(cells, rows) if fair else balanced_strata(cells, rows)
    drawn = [stratum.rows for stratum in strata]
    session.say(
        f"{len(cells.counts):,} combinations of {', '.join(columns)} occur in {cells.counts.sum():,} rows generated "
        f"to count them; {len(drawn):,} are drawn, {min(drawn):,} to {max(drawn):,} rows of each."
    )
    return strata


def _names(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",") if name.strip()]
