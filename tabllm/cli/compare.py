"""``tabllm compare``: several generators on one table, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabular.errors import TabllmError, UsageError

from .claims import claim_work
from .errors import goes_on, interruptible
from .group import Command
from .in_parts import Cluster, study_cluster_options
from .options import (
    PATH,
    Renamed,
    count_option,
    device_option,
    drop_option,
    file_option,
    out_option,
    real_rows_option,
    sampled_option,
    seed_option,
    train_rows_option,
)
from .outputs import Outputs, output_options
from .reading import read, read_more, reading_options
from .rule_options import rule_options, ruled_schema
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from eval.judging.side_by_side import SideBySide
    from tabular.io.file_form import ReadOptions
    from tabular.rules import RuleChoice

    from ..comparing.study import Outcome

__all__ = ["compare"]

EXAMPLES = """
# Which generator for this table? A fifth of its rows is held out to judge them
tabllm compare visits.csv -m nano,ctgan,tvae,tabddpm --target clicked
# With a holdout of your own, as a page with plots and as Markdown
tabllm compare visits.csv --holdout visits-test.csv --html comparison.html --markdown comparison.md
# A quick look
tabllm compare visits.csv -m ctgan -m tvae --epochs 10 --train-rows 2000
# Each generator on a worker of a Ray cluster
tabllm compare visits.csv -m nano,ctgan,tvae --cluster ray --workers 3
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Set several generators side by side.")
@click.argument("data", type=PATH)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    cls=Renamed,
    former=("--models",),
    metavar="NAME",
    default=("nano", "tabcascade", "tabddpm", "ctgan", "tvae"),
    show_default="nano and four others",
    help="Generator, as 'tabllm fit' takes it. Repeatable, or several separated by commas.",
)
@click.option("--target", metavar="COL", help="Target column to predict.  [default: guessed]")
@file_option("--holdout", help="Held-out real rows to judge by, which no generator learns.  [default: a fifth of DATA]")
@out_option("FOLDER", "Folder for the runs, rows and reports.  [default: DATA's name + '-compare']")
@sampled_option("-n")
@drop_option
@train_rows_option(10)
@count_option("--epochs", help="Passes over the rows, for every generator.  [default: its own]")
@device_option()
@output_options
@real_rows_option
@rule_options
@seed_option
@study_cluster_options
@reading_options
@click.pass_obj
def compare(
    session: Session,
    data: str,
    models: tuple[str, ...],
    target: str | None,
    holdout: str | None,
    out: str | None,
    sampled: int | None,
    dropped: tuple[str, ...],
    train_rows: int | None,
    epochs: int | None,
    device: str | None,
    outputs: Outputs,
    no_real_rows: bool,
    rules: RuleChoice,
    seed: int | None,
    cluster: Cluster,
    reading: ReadOptions,
) -> None:
    """Fit each of several generators to the table DATA, sample it and judge its rows.

    What is done stays in FOLDER: after Ctrl-C, or with more models, the same command goes on from there.
    """
    names = list(dict.fromkeys(name.strip() for name in ",".join(models).split(",") if name.strip()))
    if not names:
        raise UsageError("--model names no model; write for example --model nano --model ctgan.")
    outputs.check(session)
    cluster.check()

    from eval.facts.provenance import provenance
    from eval.judging.side_by_side import pairwise_tables, to_markdown
    from eval.metrics.pairwise import pairwise
    from eval.models.utility import check_target
    from eval.page.html import page as html_page
    from tabular.io.dropping import drop_columns
    from tabular.io.reading import check_table, random_rows
    from tabular.preparing.inference import infer_schema
    from tabular.registry import check_name

    from ..comparing.study import Settings, holdout_split, run_study, sampled_rows, toys
    from ..comparing.tables import fidelity_table, reports_of, to_json, utility_table
    from .fit import default_run

    for name in names:
        check_name(name, of_rows=True)
    seed = seed or 0
    table = check_table(drop_columns(read(session, data, reading).table, dropped))
    if train_rows is not None and train_rows < len(table):
        table = random_rows(table, train_rows, seed)
    if holdout:
        train, holdout_rows = table, drop_columns(read_more(session, holdout, reading), dropped, absent_ok=True)
    else:
        train, holdout_rows = holdout_split(table, seed, session.reporter())
    schema = ruled_schema(train, infer_schema(train), rules, data=data, seed=seed, progress=session.reporter())
    if target is not None:
        check_target(target, schema)
    options = {name: value for name, value in {"epochs": epochs, "device": device}.items() if value is not None}
    folder = Path(out or default_run(data).removesuffix("-run") + "-compare")
    claim_work(session, folder, "*/result.json", "*/run", "*/run.partial")
    settings = Settings(target, seed, sampled, options)
    with interruptible(goes_on(folder)):
        outcomes = run_study(
            names,
            train,
            holdout_rows,
            settings,
            folder,
            schema=schema,
            workers=cluster.executor(session.reporter()),
            progress=session.reporter(),
        )

    tables = [table for table in (fidelity_table(outcomes), utility_table(outcomes)) if table and table.names]
    made = sampled_rows(outcomes)
    if len(made) > 1:
        tables += pairwise_tables(pairwise(train, made, schema=schema), tuple(made))
    toy = toys(names, len(train), options)
    facts = {
        "real rows": f"{len(train):,} rows of {data}",
        "held-out rows": holdout or f"{len(holdout_rows):,} rows of {data}",
        "generators": ", ".join(names),
        "settings": ", ".join(f"{name} {value}" for name, value in options.items()),
        "seed": str(seed),
    }

    def page(facts: dict[str, str]) -> str:
        about = provenance(facts, None if no_real_rows else train, made, toy or "")
        return html_page(reports_of(outcomes), tables=tables, provenance=about)

    outputs.write(
        session,
        to_json(outcomes, tables),
        draw=lambda console: draw(console, outcomes, tables, toy),
        markdown=lambda: "\n".join(to_markdown(table) for table in tables),
        page=page if tables else None,
        facts=facts,
    )
    if all(outcome.error for outcome in outcomes):
        raise TabllmError("None of the generators could be judged; see above why.")


def draw(console: Console, outcomes: list[Outcome], tables: list[SideBySide], toy: str | None) -> None:
    """The tables, the best of each line in green, what failed, and whether the fits were no more than toys."""
    from eval.judging.side_by_side import headline_of_several
    from eval.screen.several import draw_tables
    from tabular.terminal import escape

    from ..comparing.tables import reports_of

    draw_tables(tables, console)
    judged = reports_of(outcomes)
    if len(judged) > 1:
        console.print(f"[bold]{escape(headline_of_several(judged))}[/]")
    for outcome in outcomes:
        if outcome.error:
            console.print(f"[red]{escape(outcome.model)} failed:[/] {escape(outcome.error)}")
    if toy:
        console.print(f"[yellow]{escape(toy)}[/]")
