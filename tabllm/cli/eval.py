"""``tabllm eval``: compare a synthetic table with the real one."""

from __future__ import annotations

import click

from .group import Command
from .options import PATH, AtLeast, delimiter_option, json_option, seed_option
from .session import Session

__all__ = ["evaluate"]

EXAMPLES = """
# How faithful, useful, private?
tabllm eval visits.csv synthetic.csv
# Better: with real rows that the generator never saw, and the column to predict
tabllm eval visits.csv synthetic.csv --holdout visits-test.csv --target clicked
# For a program
tabllm eval visits.csv synthetic.csv --json - | jq .fidelity.shape_error_percent
"""


@click.command("eval", cls=Command, examples=EXAMPLES, short_help="Report how good a synthetic table is.")
@click.argument("real", type=PATH)
@click.argument("synth", type=PATH)
@click.option("--holdout", type=PATH, metavar="FILE",
              help="Real rows that the generator never saw; they give every figure its measure.")  # fmt: skip
@click.option("--target", metavar="COL", help="The column to predict.  [default: guessed]")
@click.option("--limit", type=AtLeast(1), default=10, show_default=True, metavar="N",
              help="Rows in each list of the report.")  # fmt: skip
@seed_option
@delimiter_option
@json_option
@click.pass_obj
def evaluate(
    session: Session,
    real: str,
    synth: str,
    holdout: str | None,
    target: str | None,
    limit: int,
    seed: int | None,
    delimiter: str | None,
    json_file: str | None,
) -> None:
    """Compare the table SYNTH with the table REAL: columns, pairs of columns, detection, utility, privacy."""
    session.check_json(json_file)

    from eval.comparison import compare
    from eval.terminal import render
    from tabular.reading import read_table

    tables = [read_table(path, delimiter=delimiter) for path in (real, synth)]
    unseen = read_table(holdout, delimiter=delimiter) if holdout else None
    report = compare(*tables, holdout=unseen, target=target, seed=seed or 0, progress=session.reporter())
    if session.draws(json_file):
        render(report, session.console(), limit=limit)
    session.write_json(report.to_dict(), json_file)
