"""``tabllm ctr``: would a CTR model that learned from a synthetic log rank ads as well?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabular.errors import TabllmError, UsageError

from .claims import claim_work
from .errors import goes_on, interruptible
from .group import Command
from .options import (
    PATH,
    Share,
    count_option,
    device_option,
    drop_option,
    file_option,
    out_option,
    sampled_option,
    seed_option,
)
from .outputs import Outputs, output_options
from .reading import read, read_more, reading_options
from .rule_options import rule_options, ruled_schema
from .session import Session

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from tabular.io.file_form import ReadOptions
    from tabular.rules import RuleChoice
    from tabular.schema import Schema

    from ..ads.facts import CtrReport
    from ..ads.splitting import Split
    from ..comparing.study import Settings

__all__ = ["ctr"]

EXAMPLES = """
# How well can clicks be predicted at all? Learn from the past, test on the latest fifth
tabllm ctr ads.csv --click click --time time
# And from rows that generators made of the past?
tabllm ctr ads.csv --click click --time time -m nano -m tvae --markdown ctr.md
# From a table of your own, made from the past alone
tabllm ctr ads.csv --click click --time time --past past.csv
tabllm fit past.csv -o past-run
tabllm sample past-run -o synthetic.csv
tabllm ctr ads.csv --click click --time time --synthetic synthetic.csv
# Users with histories: each row is told of the clicks before it, and nano learns whole histories
tabllm simulate-ads 50000 --users 4000 --truth -o users.csv
tabllm ctr users.csv --click click --by user_id --time time --drop conversion -m nano
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Train CTR models on a real and on synthetic pasts.")
@click.argument("log", type=PATH)
@click.option("--click", "clicked", required=True, metavar="COL", help="Click column: 0 or 1.")
@click.option(
    "--time",
    "time_",
    metavar="COL",
    help="Time column: learn from the past, test on the latest rows.  [default: split at random]",
)
@click.option(
    "--by",
    metavar="COL",
    help="User column, with --time: tell the models of each user's past clicks and impressions, and fit nano "
    "to whole histories.",
)
@click.option("--ad", metavar="COL", help="Ad column, whose ranking is compared.  [default: guessed]")
@click.option(
    "--truth",
    metavar="COL",
    help="Column of true click probabilities, for an upper bound.  [default: true_click_probability, if there]",
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="Generator to fit to the past, as 'tabllm fit' takes it. Repeatable, or several separated by commas.",
)
@click.option(
    "--synthetic",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Synthetic rows that a generator made of the past. Repeatable.",
)
@file_option("--past", help="File to write the rows to that a generator may learn.")
@click.option(
    "--test-share",
    type=Share(),
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Fraction of the rows to test on.",
)
@file_option(
    "--schema", "schema_file", help="Schema file: the kinds of the columns, as 'tabllm schema -o FILE' wrote it."
)
@out_option("FOLDER", "Folder for the runs and rows of the generators.  [default: LOG's name + '-ctr']")
@sampled_option("-n", "--rows")
@count_option("--epochs", help="Passes over the rows, for every generator.  [default: its own]")
@device_option()
@output_options
@rule_options
@seed_option
@drop_option
@reading_options
@click.pass_obj
def ctr(
    session: Session,
    log: str,
    clicked: str,
    time_: str | None,
    by: str | None,
    ad: str | None,
    truth: str | None,
    models: tuple[str, ...],
    synthetic: tuple[str, ...],
    past: str | None,
    test_share: float,
    schema_file: str | None,
    out: str | None,
    sampled: int | None,
    epochs: int | None,
    device: str | None,
    outputs: Outputs,
    rules: RuleChoice,
    seed: int | None,
    dropped: tuple[str, ...],
    reading: ReadOptions,
) -> None:
    """Train a CTR model on the past of the click log LOG and on synthetic pasts, and test each on the latest rows.

    The model is the same for all: boosted trees over the mean clicks of hashed values. What a generator made stays in
    FOLDER: after Ctrl-C, or with more of them, the same command goes on from there.
    """
    outputs.check(session)
    session.check_file(past)

    from eval.facts.plain_data import plain
    from eval.facts.provenance import provenance
    from eval.judging.side_by_side import unique_names
    from tabular.io.dropping import drop_columns
    from tabular.io.origins import existing, is_there
    from tabular.io.writing import TableWriter
    from tabular.preparing.inference import infer_schema
    from tabular.registry import check_name
    from tabular.relations.log import infer_log_schema
    from tabular.schema import Schema

    from ..ads.histories.simulated import CONVERSION_TRUTH
    from ..ads.page import page
    from ..ads.simulator import TRUTH
    from ..ads.splitting import check_columns, split_log
    from ..ads.study import guess_ad, study_ctr
    from ..ads.tables import to_markdown
    from ..comparing.study import Settings
    from .fit import default_run

    models = tuple(name.strip() for name in ",".join(models).split(",") if name.strip())
    for name in models:
        check_name(name, of_rows=True)
    if by is not None and time_ is None:
        raise UsageError("--by tells of the past of users, so it needs --time COL, the column that orders events.")
    seed = seed or 0
    for path in synthetic:
        if not is_there(path):
            existing(Path(path))
    table = drop_columns(read(session, log, reading).table, dropped)
    truth = truth or (TRUTH if TRUTH in table else None)
    if truth == TRUTH and CONVERSION_TRUTH in table:
        table = table.drop(columns=CONVERSION_TRUTH)  # of the simulation, too, and no model may see it
    check_columns(table, click=clicked, time=time_, truth=truth, by=by)
    check_columns(table, click=clicked, ad=ad)
    split = split_log(table, click=clicked, time=time_, truth=truth, test_share=test_share, seed=seed)
    log_columns = None if by is None or time_ is None else (by, time_)
    if schema_file:
        schema = Schema.from_json(schema_file)
    else:
        schema = infer_schema(split.past) if log_columns is None else infer_log_schema(split.past, *log_columns)
    if models:  # of rows that are given, no rule need hold
        schema = ruled_schema(split.past, schema, rules, data=log, seed=seed, progress=session.reporter())
    if past:
        with TableWriter(past) as writer:
            writer.write(split.past)
    given = {
        name: drop_columns(read_more(session, path, reading), [*dropped, *([truth] if truth else [])], absent_ok=True)
        for name, path in zip(unique_names(synthetic), synthetic, strict=True)
    }
    options = {name: value for name, value in {"epochs": epochs, "device": device}.items() if value is not None}
    folder = Path(out or default_run(log).removesuffix("-run") + "-ctr")
    if models:
        claim_work(session, folder, "*/made.json", "*/run", "*/run.partial")
    settings = Settings(clicked, seed, sampled, options)
    with interruptible(goes_on(folder) if models else ""):
        made, seconds, failed = _made(session, models, split, schema, settings, folder, log_columns)
        report = study_ctr(
            split,
            {**given, **made},
            click=clicked,
            time=time_,
            ad=ad or guess_ad(list(split.past)),
            schema=schema,
            by=by,
            fit_seconds=seconds,
            seed=seed,
            progress=session.reporter(),
        )

    facts = {
        "click log": f"{len(table):,} rows of {log}",
        "generators": ", ".join(models),
        "synthetic rows": ", ".join(synthetic),
        "settings": ", ".join(f"{name} {value}" for name, value in options.items()),
        "seed": str(seed),
    }
    outputs.write(
        session,
        {**plain(report), "failed": failed},
        draw=lambda console: draw(console, report, failed),
        markdown=lambda: to_markdown(report),
        page=lambda facts: page(report, failed, provenance(facts).facts),
        facts=facts,
    )
    if synthetic:
        session.say("Files are taken as made from the past alone; '--past FILE' writes it, for 'tabllm fit'.")
    if models and len(failed) == len(models):
        raise TabllmError("None of the generators made a past; see above why.")


def _made(
    session: Session,
    models: tuple[str, ...],
    split: Split,
    schema: Schema,
    settings: Settings,
    folder: Path,
    log_columns: tuple[str, str] | None,
) -> tuple[dict[str, pd.DataFrame], dict[str, float], dict[str, str]]:
    """What each generator made, how long it learned, and why those failed that did; one failure is its own."""
    from tabular.errors import OutputError

    from ..ads.making import make_past

    tables, seconds, failed = {}, {}, {}
    progress = session.reporter()
    for model in dict.fromkeys(models):
        try:
            made = make_past(model, split.past, schema, settings, folder, progress, log_columns)
        except (OutputError, UsageError):
            raise
        except (TabllmError, RuntimeError, MemoryError, ArithmeticError, ValueError) as error:
            failed[model] = str(error) if isinstance(error, TabllmError) else f"{type(error).__name__}: {error}"
            progress.note(f"{model} failed: {failed[model]}")
        else:
            tables[model], seconds[model] = made.table, made.fit_seconds
    return tables, seconds, failed


def draw(console: Console, report: CtrReport, failed: dict[str, str]) -> None:
    """The tables, a sentence for each synthetic past, and what there is to know."""
    from eval.screen.tables import print_table
    from tabular.terminal import escape

    from ..ads.tables import ctr_tables, headline, verdict

    console.print(f"\n[bold]CTR models of {escape(report.click)}[/]  [dim]{escape(headline(report))}[/]\n")
    for table in ctr_tables(report):
        console.print(f"[bold]{escape(table.title)}[/]")
        print_table(console, table.headers, [[escape(cell) for cell in row] for row in table.rows])
        console.print(f"[dim]{escape(table.note)}[/]\n")
    for model in report.synthetic:
        console.print(escape(verdict(model)))
    for note in report.notes:
        console.print(f"[dim]- {escape(note)}[/]")
    for name, why in failed.items():
        console.print(f"[red]{escape(name)} failed:[/] {escape(why)}")
