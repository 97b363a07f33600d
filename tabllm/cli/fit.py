"""``tabllm fit``: learn a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from .by_parts import fit_by_parts, max_memory_option, why_by_parts
from .claims import claim, force_option
from .errors import interruptible_fit
from .group import Command
from .links import AskedLinks, fit_links, link_options, refuse
from .options import (
    PATH,
    Holdout,
    device_option,
    drop_option,
    faker_option,
    file_option,
    kind_option,
    model_option,
    out_option,
    seed_option,
    train_rows_option,
)
from .parallel import join_fit
from .private import privacy_options, take_privacy
from .reading import read, read_schema, reading_options
from .rule_options import rule_options
from .sequences import log_options, take_log
from .session import Session, seconds
from .settings import setting_options, settings_option, with_settings

if TYPE_CHECKING:
    import pandas as pd

    from tabular.io.file_form import ReadOptions
    from tabular.progress import Reporter
    from tabular.rules import RuleChoice
    from tabular.schema import Schema
    from tabular.synthesizer import Synthesizer

__all__ = ["fit"]

EXAMPLES = """
# Learn a table; the run lies in visits-run/
tabllm fit visits.csv
# Hold a fifth of the rows back, so that 'tabllm eval visits-run' can judge by rows that were not learned
tabllm fit visits.csv --holdout 20%
# Say what a column is, where the guess of 'tabllm schema visits.csv' is wrong
tabllm fit visits.csv --kind zip=categorical --kind score=continuous
# A quick look: 5,000 rows, 2 epochs
tabllm fit visits.csv --train-rows 5000 --epochs 2 -o quick-run
# Diffusion, for the classes of one column (tabcascade, ctgan and tvae need no download either)
tabllm fit visits.csv -m tabddpm --target clicked -o tabddpm-run
# Fine-tune GPT-2 on rows written as text; DeepSeek-coder with adapters on weights of 4 bits
tabllm fit visits.csv -m gpt2 -o gpt2-run
tabllm fit visits.csv -m deepseek-coder-1.3b --precision 4bit -o deepseek-run
# With differential privacy: what the schema lists is public, all else costs a part of epsilon
tabllm fit visits.csv --schema visits.schema.json --dp-epsilon 3
# Fold categories of fewer than 10 rows, so that none points to a person
tabllm fit visits.csv --rare-below 10
# Watch the losses: tensorboard --logdir runs
tabllm fit visits.csv -m gpt2 --log tensorboard
# Made-up persons with names of Germany, from the package Faker
tabllm fit people.csv --faker de_DE
# A log of events: whole histories of its users
tabllm fit log.csv --by user_id --time time
# Tables that belong together: a row of users.csv has many of events.csv
tabllm fit users.csv events.csv --key users.user_id=events.user_id
# With the settings that 'tabllm tune' found best
tabllm fit visits.csv --settings visits-tune/best.json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Fit a generator to a table.")
@click.argument("data", type=PATH, nargs=-1, required=True)
@model_option(
    "Generator: nano, tabcascade, tabddpm, ctgan, tvae, or a pretrained language model ('tabllm models "
    "list' shows their names; a folder or a hub id does as well)."
)
@out_option("RUN", "Run folder to write.  [default: DATA's name + '-run']")
@file_option(
    "--schema",
    "schema_file",
    help="Schema file: the kinds of the columns, as 'tabllm schema -o FILE' wrote it and you edited it.",
)
@kind_option
@drop_option
@rule_options
@faker_option
@click.option("--target", metavar="COL", help="Target column, whose classes the generator is conditioned on (tabddpm).")
@log_options("learn")
@link_options
@click.option(
    "--log",
    metavar="KIND[:DIR]",
    help="Log of the fit: 'tensorboard' writes losses, learning rate and tokens/s at every evaluation to DIR "
    "(extra 'tensorboard').  [default DIR: runs/ and the name of RUN]",
)
@settings_option
@train_rows_option(2)
@click.option(
    "--holdout",
    type=Holdout(),
    metavar="SHARE",
    help="Rows to hold back, a fraction (20%) or a number, drawn at random (of a person with several "
    "rows all or none), for 'tabllm eval RUN' to judge by. The run keeps how they were drawn, and no "
    "row.",
)
@setting_options
@device_option()
@privacy_options
@seed_option
@max_memory_option
@reading_options
@force_option("a run")
@click.pass_context
def fit(
    context: click.Context,
    /,
    data: tuple[str, ...],
    model: str,
    out: str | None,
    schema_file: str | None,
    kinds: tuple[str, ...],
    dropped: tuple[str, ...],
    rules: RuleChoice,
    faker: str | None,
    settings_file: str | None,
    train_rows: int | None,
    holdout: float | int | None,
    reading: ReadOptions,
    by: str | None,
    time: str | None,
    links: AskedLinks,
    log: str | None,
    max_memory: int | None,
    force: bool,
    **options: Any,
) -> None:
    """Fit a generator to the table DATA and write a run: a folder from which 'tabllm sample' generates rows.

    Several tables DATA are learned together, by the keys between them.

    Ctrl-C leaves a checkpoint in RUN.partial/; the same command goes on from there. The losses so far are in
    RUN.partial/history.jsonl, whatever ends the fit.
    """
    session: Session = context.obj
    model, options = with_settings(context, settings_file, model, options)
    run = Path(out or default_run(data[0]))
    given = {name: value for name, value in options.items() if value is not None}
    if links or len(data) > 1:
        refuse(
            {
                "--by": by,
                "--schema": schema_file,
                "--kind": kinds,
                "--drop": dropped,
                "--rule": rules,
                "--faker": faker,
                "--train-rows": train_rows,
                "--holdout": holdout,
                "--log": log,
            }
        )
        fit_links(session, data, links, model, given, str(run), reading, time=time, force=force)
        return
    file = data[0]
    chosen = chosen_kinds(kinds)
    if chosen and schema_file:
        raise UsageError("--kind and --schema contradict each other; write the kinds into the schema file.")
    if faker and schema_file:
        raise UsageError(
            "--faker and --schema contradict each other; the words stand in the schema file, so write that anew with "
            f"'tabllm schema DATA --faker {faker} -o FILE'."
        )
    model = take_log(model, given, by, time, train_rows)
    take_privacy(model, given, has_schema=schema_file is not None, rows=train_rows)
    if holdout and "privacy" in given:
        raise UsageError(
            "--holdout does not go with --dp-epsilon: which rows are held back would depend on how many there are, and "
            "no noise covers that; split the file yourself, and give the other part to 'tabllm eval --holdout FILE'."
        )

    from tabular.io.dropping import drop_columns
    from tabular.io.reading import check_table
    from tabular.preparing.holdout import people_note
    from tabular.preparing.source import save_run, source_of
    from tabular.registry import create
    from tabular.rules.choosing import FOUND_BY_DEFAULT, ruled
    from tabular.rules.telling import UNREAD, rules_line
    from tabular.storage.rundir import check_run_directory

    from ..training_log import logged

    group = join_fit(session, model, given)
    leads = group is None or group.leads
    if leads:
        check_run_directory(run)
    reporter = context.with_resource(logged(log if leads else None, session.reporter(), run))
    if leads:
        claim(session, run, force=force, folder=True)
    given_schema = read_schema(schema_file)
    needing_all = {"--by": by, "--dp-epsilon": "privacy" in given, "torchrun": group is not None}
    if (why := why_by_parts(file, reading, max_memory, needing_all)) is not None:
        synthesizer, start = create(model, **given), perf_counter()
        shape, back = fit_by_parts(
            session,
            reporter,
            synthesizer,
            file,
            run,
            why,
            learn,
            reading=reading,
            dropped=dropped,
            rows=(holdout or 0, train_rows, given.get("seed", 0)),
            schema=given_schema,
            kinds=chosen,
            rare_below=given.get("rare_below", 0),
            faker=faker,
            rules=rules,
        )
        _tell(session, synthesizer, shape, perf_counter() - start, back, run)
        return
    found = read(session, file, reading)
    table = check_table(drop_columns(found.table, dropped))
    source = source_of(
        file,
        table,
        run,
        options=reading,
        holdout=holdout or 0,
        learned_rows=train_rows,
        seed=given.get("seed", 0),
        dropped=dropped,
        form=found.form,
        people=None if by is None else (by,),
    )
    whole = table
    table, held = source.split(whole)
    if source.people:
        reporter.note(people_note(source.people))
    synthesizer = create(model, **given)
    private = "privacy" in given
    find = FOUND_BY_DEFAULT and schema_file is None and not private
    infer = find or bool(rules)
    schema = _schema(table, given_schema, chosen, given.get("rare_below", 0), faker, infer=infer, by=by, time=time)
    if schema is not None:
        schema = ruled(
            table,
            schema,
            rules,
            find=find,
            private=private,
            seed=given.get("seed", 0),
            row_numbers=lambda: source.learned_positions(whole),
            progress=reporter,
        )
        if schema.rules:
            reporter.note(rules_line(schema.rules, file))
    if private and (FOUND_BY_DEFAULT or (schema is not None and schema.rules)):
        reporter.note(UNREAD)

    start = perf_counter()
    kept = None if "privacy" in given else source
    learn(reporter, synthesizer, table, schema, run, save=lambda folder: save_run(synthesizer, folder, kept))
    _tell(session, synthesizer, table.shape, perf_counter() - start, None if held is None else len(held), run)


def _tell(
    session: Session, synthesizer: Synthesizer, shape: tuple[int, ...], took: float, held: int | None, run: Path
) -> None:
    """Say what was learned, and what to do with it."""
    back = "" if held is None else f", held {held:,} back"
    width = "1 column" if shape[1] == 1 else f"{shape[1]} columns"
    units = synthesizer.describe()[synthesizer.unit]
    of = "" if synthesizer.unit == "rows" else f" of {units:,} {synthesizer.unit}"
    session.say(f"Learned {shape[0]:,} rows of {width}{of} in {seconds(took)}{back}; the run is {run}/.")
    session.suggest("tabllm", "sample", run, "-n", str(units), "-o", "synthetic.csv")


def learn(
    reporter: Reporter,
    synthesizer: Synthesizer,
    table: pd.DataFrame,
    schema: Schema | None,
    run: Path,
    *,
    save: Callable[[Path], None],
) -> None:
    """Fit ``synthesizer`` and write ``run`` with ``save``.

    In a fit that is spread over processes the first writes, and each ends when all have done their part.
    """
    from tabular.storage.rundir import partial_of

    from ..parallel.joining import current_group, finish
    from ..studies.workspace import learn_run

    group = current_group()
    if group is not None and not group.leads:
        synthesizer.fit(table, schema=schema, progress=reporter, checkpoint=partial_of(run))
    else:
        with interruptible_fit(run):
            learn_run(synthesizer, table, schema, run, progress=reporter, save=save)
    finish()


def default_run(data: str) -> str:
    """``visits-run`` for ``folder/visits.csv.gz``: in the folder where one stands."""
    from tabular.io.origins import name_of

    return f"{name_of(data)}-run"


def chosen_kinds(pairs: tuple[str, ...]) -> dict[str, str]:
    """Column -> kind, of the values of ``--kind``."""
    chosen = {}
    for pair in pairs:
        name, equals, kind = pair.rpartition("=")
        if not equals or not name or not kind:
            raise UsageError(f"--kind {pair!r} is not COLUMN=KIND; write for example --kind zip=categorical.")
        chosen[name] = kind
    return chosen


def _schema(
    table: pd.DataFrame,
    given: Schema | None,
    kinds: dict[str, str],
    rare_below: int,
    faker: str | None,
    *,
    infer: bool,
    by: str | None,
    time: str | None,
) -> Schema | None:
    """The schema that the user speaks of, or that rules are to be put into; ``None`` leaves it to the generator."""
    if given is not None:
        return given
    if by is not None and time is not None:
        from tabular.relations.log import infer_log_schema

        return infer_log_schema(table, by, time, overrides=kinds, rare_below=rare_below, faker=faker)
    if kinds or faker or infer:
        from tabular.preparing.inference import infer_schema

        return infer_schema(table, overrides=kinds, rare_below=rare_below, faker=faker)
    return None
