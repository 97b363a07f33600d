"""``tabllm augment``: real rows with synthetic ones of a rare class, and whether they help."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import TabllmError, UsageError

from .claims import claim, claim_work, force_option
from .errors import goes_on, interruptible, interruptible_fit, rows_left
from .fit import chosen_kinds, default_run
from .group import Command
from .options import (
    PATH,
    Renamed,
    Share,
    Shares,
    count_option,
    device_option,
    drop_option,
    file_option,
    kind_option,
    model_option,
    out_option,
    seed_option,
)
from .outputs import Outputs, output_options
from .reading import read, read_more, reading_options
from .rule_options import rule_options, ruled_schema
from .sequences import refuse_users
from .session import Session, seconds, shown

if TYPE_CHECKING:
    import pandas as pd

    from tabular.io.file_form import FileForm, ReadOptions
    from tabular.io.files import FileFormat
    from tabular.sampling.strata import Stratum
    from tabular.schema import Schema
    from tabular.synthesizer import Synthesizer

    from ..augmenting.classes import Classes

__all__ = ["augment"]

EXAMPLES = """
# As many clicks as to make them a fifth of all rows; what was learned stays in visits-augment-run/
tabllm augment visits.csv --target clicked --raise-to 20% -o hybrid.csv
# 5,000 clicks from a run that is there, with a column that tells real from synthetic rows
tabllm augment visits.csv --target clicked --rows 5000 --run visits-run --provenance source -o hybrid.csv
# Every class as frequent as the most frequent one
tabllm augment visits.csv --target slot --raise-to equal -o hybrid.csv
# Does it help? Beside class weights and SMOTE, on real rows that nothing has learned
tabllm augment visits.csv --target clicked --study --markdown study.md
# Leave out what is known only after the click
tabllm augment visits.csv --target clicked --study --drop seconds_on_page --ratios 5%,20%
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Add synthetic rows of a rare class to a table.")
@click.argument("data", type=PATH)
@click.option("--target", metavar="COL", required=True, help="Target column, whose rare class gets more rows.")
@click.option(
    "--raise-to",
    "balance",
    cls=Renamed,
    former=("--balance",),
    type=Share("equal"),
    metavar="RATE",
    help="Fraction of all rows that the class is raised to, such as 20%; 'equal' raises every class to the largest.",
)
@count_option("-n", "--rows", help="Rows of the class to generate.")
@click.option("--label", metavar="VALUE", help="Class to raise.  [default: the rarest]")
@model_option("Generator to fit, as 'tabllm fit' takes it.")
@click.option(
    "--run",
    "run_folder",
    type=PATH,
    metavar="RUN",
    help="Run of 'tabllm fit' to generate the rows with.  [default: fit one]",
)
@out_option(
    "OUT",
    "File to write, '-' prints CSV; with --study the folder of its work.  [default: DATA's name + "
    "'-augmented.csv', '-study']",
)
@click.option("--provenance", metavar="NAME", help="Name of a column to add, which says 'real' or 'synthetic'.")
@click.option("--shuffle", is_flag=True, help="Shuffle the rows.  [default: the real rows first]")
@drop_option
@kind_option
@count_option("--epochs", help="Maximum passes over the rows.")
@device_option()
@rule_options
@click.option(
    "--study",
    is_flag=True,
    help="Study in place of rows: train XGBoost on real rows, with synthetic ones, class weights and SMOTE, "
    "and judge all by held-out real rows.",
)
@click.option(
    "--ratios",
    type=Shares(),
    metavar="SHARES",
    help="Fractions of the class that a study tries.  [default: 5%,10%,25%,50%]",
)
@file_option("--holdout", help="Held-out real rows for a study to judge by.  [default: 30 % of DATA]")
@click.option("--oversample", is_flag=True, help="Oversampling: a study tries repeated rows of the class, too.")
@output_options
@seed_option
@reading_options
@force_option("a file or run")
@click.pass_obj
def augment(
    session: Session,
    /,
    data: str,
    target: str,
    dropped: tuple[str, ...],
    kinds: tuple[str, ...],
    reading: ReadOptions,
    study: bool,
    outputs: Outputs,
    **options: Any,
) -> None:
    """Write the rows of DATA and synthetic rows of its rarest class, or with --study find out whether those help.

    A model that is fitted stays in DATA-augment-run/. After Ctrl-C the same command goes on from what is done.
    """
    _check_options(study, outputs, options)
    chosen = chosen_kinds(kinds)

    from tabular.io.dropping import drop_columns
    from tabular.io.reading import check_table, read_as_text

    def checked(table: pd.DataFrame) -> pd.DataFrame:
        return check_table(drop_columns(table, dropped))

    def as_it_stands(written_as: FileFormat) -> pd.DataFrame | None:
        text = read_as_text(data, written_as, options=reading)
        return None if text is None else drop_columns(text, dropped)

    if target in dropped:
        raise UsageError(f"--drop {target} would drop the target; leave it out.")
    if study:
        outputs.check(session)
        held = None
        if options["holdout"]:
            held = check_table(drop_columns(read_more(session, options["holdout"], reading), dropped, absent_ok=True))
        _study(session, data, checked(read(session, data, reading).table), target, chosen, held, outputs, options)
    else:
        found = read(session, data, reading)
        _augment(session, data, checked(found.table), found.form, as_it_stands, target, chosen, options)


def _check_options(study: bool, outputs: Outputs, options: dict[str, Any]) -> None:
    """Raise :class:`UsageError` where options of the study and of the making of rows stand together."""
    making = {
        "balance": "--raise-to",
        "rows": "--rows",
        "run_folder": "--run",
        "provenance": "--provenance",
        "shuffle": "--shuffle",
    }
    studying = {"ratios": "--ratios", "holdout": "--holdout", "oversample": "--oversample"}
    wrong = [flag for name, flag in (making if study else studying).items() if options[name]]
    wrong += [] if study else outputs.flags()
    if wrong and study:
        raise UsageError(f"--study writes no rows and fits its own model on a part of DATA; leave {wrong[0]} out.")
    if wrong:
        raise UsageError(f"{wrong[0]} belongs to --study; add that, or leave it out.")
    if not study and bool(options["balance"]) == bool(options["rows"]):
        raise UsageError("Give one of --raise-to RATE and --rows N, to say how many rows to add; or --study.")
    if options["balance"] == "equal" and options["label"]:
        raise UsageError("--raise-to equal raises every class; leave --label out, or give a fraction.")


def _augment(
    session: Session,
    data: str,
    table: pd.DataFrame,
    form: FileForm,
    as_it_stands: Callable[[FileFormat], pd.DataFrame | None],
    target: str,
    kinds: dict[str, str],
    options: dict[str, Any],
) -> None:
    from tabular.io.resuming import ResumableWriter
    from tabular.io.writing import check_output
    from tabular.storage.rundir import run_stamp

    from ..augmenting.classes import classes_of
    from ..augmenting.hybrid import check_provenance, hybrid_parts, mixed
    from ..studies.workspace import fingerprint

    out = options["out"] or f"{_stem(data)}-augmented.csv"
    seed = options["seed"] or 0
    text = as_it_stands(check_output(out))
    real = table if text is None else text
    claim(session, out, force=options["force"])
    check_provenance(options["provenance"], table)
    ruled = partial(ruled_schema, rules=options["rules"], data=data, seed=seed, progress=session.reporter())
    synthesizer, schema = _prepared(data, table, kinds, ruled, options)
    classes = classes_of(table, schema, target, options["label"])
    strata = _wanted(classes, options)
    if synthesizer is None:
        synthesizer = _fitted(session, data, table, schema, target, options)
    start = time.perf_counter()
    identity = {
        **{name: options[name] for name in ("provenance", "shuffle")},
        "strata": strata,
        "seed": seed,
        "facts": synthesizer.describe(),
        "table": fingerprint([], real),
        "run": run_stamp(options["run_folder"] or _run_of(data)),
    }
    writer = ResumableWriter(out, identity, rows=len(table) + sum(stratum.rows for stratum in strata), form=form)
    with interruptible(lambda: rows_left(writer, out)), writer:
        for note in writer.notes:
            session.say(note)
        parts = hybrid_parts(
            table,
            synthesizer,
            strata,
            written=real,
            provenance=options["provenance"],
            seed=seed,
            progress=session.reporter(),
            done=writer.resumed,
        )
        for part in [mixed(parts, seed)] if options["shuffle"] and not writer.resumed else parts:
            writer.write(part)
    added = sum(stratum.rows for stratum in strata)
    have = classes.have + sum(stratum.rows for stratum in strata if stratum.values[target] == classes.label)
    session.say(
        f"Wrote {len(table):,} real and {added:,} synthetic rows to {shown(out)} in "
        f"{seconds(time.perf_counter() - start)}; {classes.named} rose from {100 * classes.have / classes.rows:.3g} % "
        f"to {100 * have / (classes.rows + added):.3g} %."
    )
    session.suggest("tabllm", "augment", data, "--target", target, "--study")


def _prepared(
    data: str,
    table: pd.DataFrame,
    kinds: dict[str, str],
    ruled: Callable[[pd.DataFrame, Schema], Schema],
    options: dict[str, Any],
) -> tuple[Synthesizer | None, Schema]:
    """The run that was named, and what the columns are; ``None`` where a model is yet to be fitted."""
    from tabular.preparing.inference import infer_schema
    from tabular.registry import check_name, load_run

    run = options["run_folder"]
    if run is None:
        check_name(options["model"], of_rows=True)
        return None, ruled(table, infer_schema(table, overrides=kinds))
    if kinds:
        raise UsageError("A run knows what its columns are; leave --kind out, or fit anew without --run.")
    if options["rules"]:
        raise UsageError("A run keeps the rules that it learned; leave --rule out, or fit anew without --run.")
    synthesizer = load_run(run, device=options["device"] or "auto")
    refuse_users(synthesizer, {"augment": True})
    differ = sorted(set(table.columns) ^ set(synthesizer.schema.names))
    if differ:
        where = f"{data} alone" if differ[0] in table.columns else f"{run} alone"
        raise UsageError(
            f"{data} is not the table that {run} learned: {where} has the column {differ[0]!r}; leave --run out to "
            "fit anew, or --drop what the run does not know."
        )
    return synthesizer, synthesizer.schema


def _wanted(classes: Classes, options: dict[str, Any]) -> list[Stratum]:
    from ..augmenting.classes import added, equalised, raised

    if options["rows"]:
        return added(classes, options["rows"])
    return equalised(classes) if options["balance"] == "equal" else raised(classes, options["balance"])


def _fitted(
    session: Session, data: str, table: pd.DataFrame, schema: Schema, target: str, options: dict[str, Any]
) -> Synthesizer:
    """A model of ``table`` in a run from which more can be sampled; the run of an interrupted call is taken up."""
    from tabular.storage.rundir import check_run_directory

    from ..comparing.study import target_option
    from ..studies.workspace import fingerprint_of_fit, fitted_run, has_fingerprint

    run, model = _run_of(data), options["model"]
    given = {"seed": options["seed"] or 0, **target_option(model, target, schema), **_given(options)}
    wanted = fingerprint_of_fit(model, given, schema, table)
    if not has_fingerprint(run, wanted) or options["force"]:
        if run.exists() and not options["force"]:
            raise UsageError(
                f"{run}/ is there already, and was fitted otherwise; use it with --run {run}, or add --force to fit "
                "anew."
            )
        check_run_directory(run)
        claim(session, run, force=options["force"], folder=True)
    synthesizer, _, there = fitted_run(
        run,
        wanted,
        model,
        table,
        schema,
        given,
        progress=session.reporter(),
        anew=options["force"],
        around=interruptible_fit(run),
    )
    if there:
        session.say(f"The rows are made with {run}/, which an earlier call fitted.")
    else:
        session.say(f"Learned {len(table):,} rows; the run is {run}/.")
    return synthesizer


def _run_of(data: str) -> Path:
    return Path(f"{_stem(data)}-augment-run")


def _study(
    session: Session,
    data: str,
    table: pd.DataFrame,
    target: str,
    kinds: dict[str, str],
    holdout: pd.DataFrame | None,
    outputs: Outputs,
    options: dict[str, Any],
) -> None:
    from eval.facts.provenance import provenance
    from tabular.registry import check_name

    from ..augmenting.page import page
    from ..augmenting.sheets import draw, to_json, to_markdown
    from ..augmenting.study import DEFAULT_SHARES, Settings, run_study

    check_name(options["model"], of_rows=True)
    folder = options["out"] or f"{_stem(data)}-study"
    claim_work(session, folder, "real.json", "run.json", "run", "run.partial")
    settings = Settings(
        target=target,
        label=options["label"],
        model=options["model"],
        shares=options["ratios"] or DEFAULT_SHARES,
        oversampling=options["oversample"],
        seed=options["seed"] or 0,
        options=_given(options),
    )
    ruled = partial(ruled_schema, rules=options["rules"], data=data, seed=settings.seed, progress=session.reporter())
    with interruptible(goes_on(folder)):
        found = run_study(
            table, settings, folder, kinds=kinds, holdout=holdout, ruled=ruled, progress=session.reporter()
        )
    facts = {
        "real rows": f"{len(table):,} rows of {data}",
        "holdout rows": "" if holdout is None else f"{len(holdout):,} rows of {options['holdout']}",
        "target": target,
        "generator": settings.model,
        "settings": ", ".join(f"{name} {value}" for name, value in settings.options.items()),
        "seed": str(settings.seed),
    }
    outputs.write(
        session,
        to_json(found),
        draw=lambda console: draw(found, console),
        markdown=lambda: to_markdown(found),
        page=lambda facts: page(found, provenance(facts).facts),
        facts=facts,
    )
    if all(outcome.error for outcome in found.outcomes):
        raise TabllmError("None of the training sets could be judged; see above why.")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("epochs", "device") if options[name] is not None}


def _stem(data: str) -> str:
    return default_run(data).removesuffix("-run")
