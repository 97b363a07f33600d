"""``tabllm tune``: search the settings of a generator for one table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError
from tabular.plain_json import FieldError, parse_json

from .claims import claim_work
from .errors import goes_on, interruptible
from .group import Command
from .in_parts import Cluster, study_cluster_options
from .options import PATH, Within, count_option, drop_option, model_option, out_option, seed_option, train_rows_option
from .outputs import Outputs, output_options
from .reading import read, reading_options
from .rule_options import rule_options, ruled_schema
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from tabular.io.file_form import ReadOptions
    from tabular.rules import RuleChoice

    from ..tuning.tables import FrontTable

__all__ = ["tune"]

#: Trials that are proposed together where workers make them.
PARALLEL = 4

EXAMPLES = """
# The settings of ctgan for this table, in half an hour; then a fit with the best ones
tabllm tune visits.csv -m ctgan --target clicked --minutes 30
tabllm fit visits.csv --settings visits-tune/best.json
# The same, and then the two best and the default in full training, which takes as long as three fits
tabllm tune visits.csv -m ctgan --target clicked --minutes 30 --confirm 2
# 40 trials, each the mean of three fits; a second call with 80 goes on from the first 40
tabllm tune visits.csv -m tabddpm --trials 40 --repeats 3
tabllm tune visits.csv -m tabddpm --trials 80 --repeats 3
# What matters is how real the rows look, and one option is settled
tabllm tune visits.csv -m tvae --utility-weight 0 --set numbers=quantiles
# A quick look: 2,000 rows, 5 passes over them in each trial
tabllm tune visits.csv -m tabcascade --train-rows 2000 --epochs 5 --trials 10
# Eight trials at a time, by the workers of a Ray cluster
tabllm tune visits.csv -m ctgan --trials 40 --parallel 8 --cluster ray --address auto
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Search the best settings of a generator.")
@click.argument("data", type=PATH)
@model_option("Generator, as 'tabllm fit' takes it.")
@click.option("--target", metavar="COL", help="Target column to predict.  [default: guessed]")
@count_option("--trials", help="Number of trials to stop after, those of earlier calls included.  [default: 40]")
@click.option(
    "--minutes",
    type=Within(0, min_open=True),
    metavar="M",
    help="Minutes to search for; without --trials, nothing else ends the search.",
)
@click.option(
    "--share",
    type=Within(0, 1, min_open=True),
    metavar="S",
    help="Fraction of the generator's own training that a trial gets.  [default: 0.1 to 0.5]",
)
@count_option("--epochs", help="Passes over the rows in each trial, in place of --share.")
@count_option("--steps", help="Number of updates in each trial, in place of --share.")
@count_option("--repeats", least=1, default=1, help="Fits per trial, each with another seed.")
@count_option(
    "--confirm",
    least=0,
    default=0,
    metavar="K",
    help="Confirmation: fit the K best and the default for as long as 'fit' would, and take the best.",
)
@count_option(
    "--parallel",
    help="Trials that are proposed together; what is found depends on it, and not on --workers.  [default: 1, with "
    f"--cluster {PARALLEL}]",
)
@train_rows_option(20)
@click.option(
    "--utility-weight",
    type=Within(0, 1),
    default=0.5,
    show_default=True,
    metavar="W",
    help="Weight of utility in the score; fidelity has the rest.",
)
@click.option(
    "--set",
    "fixed",
    multiple=True,
    metavar="NAME=VALUE",
    help="Fixed option of the generator, which is not searched. Repeatable.",
)
@out_option("FOLDER", "Folder for the search and best.json.  [default: DATA's name + '-tune']")
@output_options
@rule_options
@seed_option
@drop_option
@study_cluster_options
@reading_options
@click.pass_obj
def tune(
    session: Session,
    data: str,
    model: str,
    target: str | None,
    trials: int | None,
    minutes: float | None,
    share: float | None,
    epochs: int | None,
    steps: int | None,
    repeats: int,
    confirm: int,
    parallel: int | None,
    train_rows: int | None,
    utility_weight: float,
    fixed: tuple[str, ...],
    out: str | None,
    outputs: Outputs,
    rules: RuleChoice,
    seed: int | None,
    dropped: tuple[str, ...],
    cluster: Cluster,
    reading: ReadOptions,
) -> None:
    """Try settings of a generator on the table DATA, the most promising ones next, and keep the best.

    A fifth of the rows is learned by no trial and judges them all. What is done stays in FOLDER: after Ctrl-C, or
    with more trials, the same command goes on from there.
    """
    if sum(given is not None for given in (share, epochs, steps)) > 1:
        raise UsageError("--share, --epochs and --steps contradict each other; give one of them.")
    options = _fixed(fixed)
    outputs.check(session)
    cluster.check()

    from eval.facts.provenance import provenance
    from eval.models.utility import check_target, guess_target
    from tabular.io.dropping import drop_columns
    from tabular.io.reading import check_table, random_rows
    from tabular.preparing.inference import infer_schema
    from tabular.registry import check_name, check_options

    from ..tuning.page import page
    from ..tuning.settings import SETTINGS
    from ..tuning.storage import require_optuna
    from ..tuning.study import run_search
    from ..tuning.tables import front_table, to_json, to_markdown
    from ..tuning.trials import Search
    from .fit import default_run

    require_optuna()
    check_name(model, of_rows=True)
    check_options(model, options)
    seed = seed or 0
    table = check_table(drop_columns(read(session, data, reading).table, dropped), minimum_rows=20)
    if train_rows is not None and train_rows < len(table):
        table = random_rows(table, train_rows, seed)
    schema = infer_schema(table)
    if target is None and (target := guess_target(schema)) is not None:
        session.say(f"The target was guessed: {target!r}.")
    elif target is not None:
        check_target(target, schema)
    folder = Path(out or default_run(data).removesuffix("-run") + "-tune")
    claim_work(session, folder, "study.db")
    parallel = parallel or (1 if cluster.name is None else PARALLEL)
    search = Search(model, target, seed, share, epochs, steps, repeats, utility_weight, options, parallel)
    if trials is None and minutes is None:
        trials = 40
    ruled = partial(ruled_schema, rules=rules, data=data, seed=seed, progress=session.reporter())
    with interruptible(goes_on(folder)):
        found = run_search(
            table,
            search,
            folder,
            trials=trials,
            minutes=minutes,
            confirm=confirm,
            ruled=ruled,
            workers=cluster.executor(session.reporter()),
            progress=session.reporter(),
        )

    facts = {
        "real rows": f"{len(table):,} rows of {data}",
        "generator": model,
        "target": target or "none",
        "seed": str(seed),
    }
    outputs.write(
        session,
        to_json(found),
        draw=lambda console: draw(console, front_table(found), model),
        markdown=lambda: to_markdown(found),
        page=lambda facts: page(found, provenance(facts).facts),
        facts=facts,
    )
    session.say(f"The best settings are in {folder / SETTINGS}.")
    without = [word for name in dropped for word in ("--drop", name)]
    session.suggest("tabllm", "fit", data, *without, "--settings", folder / SETTINGS, "-o", f"{folder}-run")


def draw(console: Console, table: FrontTable, model: str) -> None:
    """The Pareto front, the chosen trial in green."""
    from eval.screen.tables import print_table
    from tabular.terminal import escape

    console.print(f"[bold]Tuning {escape(model)}: trials that no other beats in everything, and the default[/]")
    marked = [
        [f"[green]{escape(cell)}[/]" if index == table.best else escape(cell) for cell in row]
        for index, row in enumerate(table.rows)
    ]
    print_table(console, table.headers, marked)
    for note in table.notes:
        console.print(f"[dim]- {escape(note)}[/]")


def _fixed(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``NAME=VALUE`` as options: a value that is JSON is taken so, else it is text."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"--set {pair!r} is not NAME=VALUE; write for example --set batch_size=200.")
        try:
            options[name] = parse_json(value)
        except FieldError:
            options[name] = value
    for name in ("seed", "epochs", "steps"):
        if name in options:
            raise UsageError(f"--set {name} would undo --{name}; give that instead.")
    return options
