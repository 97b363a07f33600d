"""``tabllm eval``: compare one or more synthetic tables with the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from .by_parts import max_memory_option
from .group import Command
from .judged_tables import JudgedTables, judged_tables
from .links import eval_links, is_linked
from .options import (
    PATH,
    AtLeast,
    count_option,
    details_option,
    drop_option,
    file_option,
    html_option,
    json_option,
    real_rows_option,
    seed_option,
)
from .reading import reading_options
from .run_attack import run_log_probs
from .sequences import compare_logs, log_columns, log_options
from .session import Session

if TYPE_CHECKING:
    from eval.facts.report import ShadowAttack
    from tabular.io.file_form import ReadOptions

__all__ = ["evaluate"]

EXAMPLES = """
# How faithful, useful, private?
tabllm eval visits.csv synthetic.csv
# A run that held rows back ('tabllm fit --holdout 20%') knows what to judge by; without SYNTH it is sampled
tabllm eval visits-run synthetic.csv
tabllm eval visits-run
# Or name the rows that the generator never saw, and the column to predict
tabllm eval visits.csv synthetic.csv --holdout visits-test.csv --target clicked
# What would sharing the run, not its rows alone, give away?
tabllm eval visits.csv synthetic.csv --holdout visits-test.csv --run visits-run
# Do the synthetic rows widen the gaps between groups?
tabllm eval people.csv synthetic.csv --holdout people-test.csv --target hired --protect sex --protect age
# Every column as target; and the strongest attack, by eight shadow models
tabllm eval visits-run --all-targets --shadow 8 --details
# As a page with plots; several tables stand side by side
tabllm eval visits.csv nano.csv ctgan.csv --holdout visits-test.csv --html report.html
# Histories of users in a log of events: lengths, gaps, what follows what
tabllm eval log.csv events.csv --by user_id --time time --html histories.html
tabllm eval log.csv events.csv --by user_id --time time --conversion page=paid --channel source
# Linked tables: folders of files, and the keys between them
tabllm eval users-run synthetic
tabllm eval real synthetic --links links.toml
# For a program
tabllm eval visits.csv synthetic.csv --json - | jq .fidelity.shape_error_percent
"""


class Claim(click.ParamType):
    """Epsilon and delta, parted by a comma."""

    name = "claim"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        try:
            epsilon, delta = (float(part) for part in str(value).split(","))
        except ValueError:
            epsilon, delta = -1.0, 0.0
        if not (epsilon >= 0 and 0 <= delta < 1):
            self.fail(f"{value!r} is not an epsilon and a delta such as 1,1e-5.", param, ctx)
        return epsilon, delta


@click.command("eval", cls=Command, examples=EXAMPLES, short_help="Report how good a synthetic table is.")
@click.argument("real", type=PATH, metavar="REAL|RUN")
@click.argument("synth", type=PATH, nargs=-1)
@file_option(
    "--holdout",
    help="Held-out real rows that the generator never saw; they give every figure its noise floor.  "
    "[default: those "
    "that RUN held back]",
)
@file_option("--data", help="File that RUN learned, if it was moved since.")
@click.option(
    "--run",
    "attacked",
    type=PATH,
    metavar="RUN",
    help="Run to attack: do its probabilities tell training rows from held-out ones?  [default: RUN, of nano]",
)
@click.option("--target", metavar="COL", help="Target column to predict; with --by its next value.  [default: guessed]")
@click.option(
    "--protect",
    multiple=True,
    metavar="COL",
    help="Protected column, whose groups must not fare worse, such as sex. Repeatable.",
)
@click.option(
    "--protocol",
    type=click.Choice(["standard", "report"]),
    default="standard",
    show_default=True,
    help="Settings of the utility models; report: XGBoost's own defaults.",
)
@click.option(
    "--all-targets", is_flag=True, help="Predict every column from the others too, by small models; some seconds more."
)
@click.option(
    "--shadow",
    type=AtLeast(4),
    is_flag=False,
    flag_value="8",
    metavar="N",
    help="Fit N shadow models, of RUN's kind or nano, with and without rows: the strongest attack, and slow; "
    "8 if no N follows.",
)
@click.option(
    "--claim",
    type=Claim(),
    metavar="EPSILON,DELTA",
    help="Claimed epsilon and delta of a private run, to test by the attack.",
)
@click.option(
    "--no-rules",
    is_flag=True,
    help="Check no rules between columns. Otherwise those of RUN are, or those found in REAL.",
)
@count_option("--limit", least=1, default=10, help="Rows in each list of --details.")
@log_options("compare")
@click.option(
    "--conversion",
    metavar="COL[=VALUE]",
    help="With --by and --channel: events that are conversions, such as page=paid.",
)
@click.option(
    "--channel",
    metavar="COL",
    help="With --by and --conversion: column of the channel, whose fraction of the conversions is compared.",
)
@file_option(
    "--links",
    "links_file",
    help="Linked tables: REAL and SYNTH are folders, and FILE holds their keys ('tabllm schema A B -o "
    "FILE'); --run RUN says them too.",
)
@details_option
@html_option
@real_rows_option
@seed_option
@drop_option
@max_memory_option
@reading_options
@json_option
@click.pass_obj
def evaluate(
    session: Session,
    /,
    real: str,
    synth: tuple[str, ...],
    holdout: str | None,
    data: str | None,
    attacked: str | None,
    target: str | None,
    shadow: int | None,
    no_rules: bool,
    limit: int,
    by: str | None,
    time: str | None,
    conversion: str | None,
    channel: str | None,
    links_file: str | None,
    details: bool,
    html_file: str | None,
    no_real_rows: bool,
    seed: int | None,
    dropped: tuple[str, ...],
    max_memory: int | None,
    reading: ReadOptions,
    json_file: str | None,
    **judging: Any,
) -> None:
    """Compare each table SYNTH with the table REAL, or with the rows that RUN learned: columns, pairs, rules,
    detection, utility, privacy, bias.

    RUN is a folder that 'tabllm fit' wrote: the file that it learned is found and split again; without SYNTH, rows are
    sampled from it. Several tables SYNTH are set side by side, the best of each line marked.
    """
    session.check_json(json_file)
    session.check_file(html_file)
    shown: dict[str, Any] = {"details": details, "limit": limit, "json_file": json_file, "html_file": html_file}
    of_rows = {f"--{name.replace('_', '-')}": judging[name] for name in ("protect", "claim", "all_targets")}
    of_rows["--shadow"] = shadow
    if links_file or is_linked(real) or is_linked(attacked):
        _refuse(
            {
                "--holdout": holdout,
                "--target": target,
                **of_rows,
                "--by": by,
                "--drop": dropped,
                "--channel": channel,
                "--conversion": conversion,
            },
            "linked tables are judged by whole families",
        )
        eval_links(session, real, synth, links_file, attacked, data, reading, seed=seed, **shown)
        return
    columns = log_columns(real, by, time)
    if columns is not None:
        _refuse({**of_rows, "--run": attacked}, "--by whole histories")
        logs = judged_tables(session, real, synth, holdout, data, reading, seed or 0).without(dropped)
        compare_logs(
            session,
            logs.real,
            logs.synthetic,
            logs.schema,
            columns,
            holdout=logs.holdout,
            target=target,
            conversion=conversion,
            channel=channel,
            seed=seed or 0,
            facts=logs.facts,
            **shown,
        )
        return
    if conversion or channel:
        raise UsageError("--conversion and --channel are of histories: name --by and --time, too.")

    from eval.facts.provenance import provenance
    from eval.judging.side_by_side import reports_as_json
    from eval.page.html import write_html
    from eval.screen.report import render
    from eval.screen.several import render_several
    from eval.several import compare_several
    from tabular.rules import with_rules

    judged = judged_tables(
        session, real, synth, holdout, data, reading, seed or 0, max_memory=max_memory, find_rules=not no_rules
    )
    log_probs = None
    if (run := attacked or judged.run) is not None:
        log_probs = run_log_probs(session, run, judged.real, judged.holdout, asked=attacked is not None, seed=seed or 0)
    judged = judged.without(dropped)
    if no_rules and judged.schema is not None:
        judged = replace(judged, schema=replace(judged.schema, rules=()))
    elif not no_rules and judged.schema is None:
        judged = replace(judged, schema=with_rules(judged.real, seed=seed or 0, progress=session.reporter()))
    attacks = None if shadow is None else _shadow_of(judged, real, seed or 0)
    found = compare_several(
        judged.real,
        judged.synthetic,
        holdout=judged.holdout,
        schema=judged.schema,
        target=target,
        run_log_probs=log_probs,
        remarks=judged.notes,
        seed=seed or 0,
        progress=session.reporter(),
        **judging,
    )
    if attacks is not None:
        found = found.with_shadow(attacks(fits=shadow, progress=session.reporter()))
    if session.draws(json_file) and len(found.reports) > 1:
        render_several(found.reports, found.tables, session.console())
    elif session.draws(json_file):
        render(next(iter(found.reports.values())), session.console(), limit=limit, details=details)
    if html_file:
        facts = {**judged.facts, "command": session.command}
        about = provenance(facts, None if no_real_rows else judged.real, judged.synthetic)
        write_html(found.reports, html_file, tables=found.tables, provenance=about)
    session.write_json(reports_as_json(found.reports, found.tables), json_file)


def _refuse(options: dict[str, Any], other: str) -> None:
    """Raise :class:`UsageError` for an option that single rows are judged with, where ``other`` is asked for."""
    for option, value in options.items():
        if value:
            raise UsageError(f"{option} judges single rows, and {other}: leave one of them out.")


def _shadow_of(judged: JudgedTables, real: str, seed: int) -> Callable[..., dict[str, ShadowAttack]]:
    """The attack by shadow models of the kind of the run ``real``, or nano; what forbids it is found here."""
    from tabular.preparing.inference import infer_schema

    from ..shadow import check_held, generator_of_run, shadow_attacks

    is_run = (Path(real) / "config.json").is_file()
    model, options = generator_of_run(real) if is_run else ("nano", {})
    return partial(
        shadow_attacks,
        judged.real,
        check_held(judged.holdout),
        judged.synthetic,
        schema=judged.schema or infer_schema(judged.real),
        model=model,
        options=options,
        seed=seed,
    )
