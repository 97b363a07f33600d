"""``tabllm eval``: compare one or more synthetic tables with the real one."""

from __future__ import annotations

from typing import Any

import click

from .group import Command
from .options import PATH, AtLeast, delimiter_option, html_option, json_option, seed_option
from .session import Session

__all__ = ["evaluate"]

EXAMPLES = """
# How faithful, useful, private?
tabllm eval visits.csv synthetic.csv
# Better: with real rows that the generator never saw, and the column to predict
tabllm eval visits.csv synthetic.csv --holdout visits-test.csv --target clicked
# Do the synthetic rows widen the gaps between groups?
tabllm eval people.csv synthetic.csv --holdout people-test.csv --target hired --protect sex --protect age
# As a page with plots; several tables stand side by side
tabllm eval visits.csv nano.csv ctgan.csv --holdout visits-test.csv --html report.html
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
@click.argument("real", type=PATH)
@click.argument("synth", type=PATH, nargs=-1, required=True)
@click.option("--holdout", type=PATH, metavar="FILE",
              help="Real rows that the generator never saw; they give every figure its measure.")  # fmt: skip
@click.option("--target", metavar="COL", help="The column to predict.  [default: guessed]")
@click.option("--protect", multiple=True, metavar="COL",
              help="A column whose groups must not fare worse, such as sex; may be given several times.")  # fmt: skip
@click.option("--protocol", type=click.Choice(["standard", "report"]), default="standard", show_default=True,
              help="Settings of the models of utility; report is XGBoost as it comes.")  # fmt: skip
@click.option("--claim", type=Claim(), metavar="EPSILON,DELTA",
              help="What a differentially private run claims, to hold against the attack.")  # fmt: skip
@click.option("--limit", type=AtLeast(1), default=10, show_default=True, metavar="N",
              help="Rows in each list on the terminal.")  # fmt: skip
@html_option
@seed_option
@delimiter_option
@json_option
@click.pass_obj
def evaluate(
    session: Session,
    real: str,
    synth: tuple[str, ...],
    holdout: str | None,
    target: str | None,
    protect: tuple[str, ...],
    protocol: str,
    claim: tuple[float, float] | None,
    limit: int,
    html_file: str | None,
    seed: int | None,
    delimiter: str | None,
    json_file: str | None,
) -> None:
    """Compare each table SYNTH with the table REAL: columns, pairs, detection, utility, privacy, bias.

    Several tables SYNTH are set side by side, the best of each line marked.
    """
    session.check_json(json_file)
    session.check_file(html_file)

    from eval.html import write_html
    from eval.several import compare_several
    from eval.side_by_side import reports_as_json, unique_names
    from eval.terminal import render
    from eval.terminal_several import render_several
    from tabular.reading import read_table

    table, *made = [read_table(path, delimiter=delimiter) for path in (real, *synth)]
    found = compare_several(
        table,
        dict(zip(unique_names(synth), made, strict=True)),
        holdout=read_table(holdout, delimiter=delimiter) if holdout else None,
        target=target,
        protect=protect,
        protocol=protocol,
        claim=claim,
        seed=seed or 0,
        progress=session.reporter(),
    )
    if session.draws(json_file) and len(synth) > 1:
        render_several(found.reports, found.tables, session.console())
    elif session.draws(json_file):
        render(next(iter(found.reports.values())), session.console(), limit=limit)
    if html_file:
        write_html(found.reports, html_file, tables=found.tables)
    session.write_json(reports_as_json(found.reports, found.tables), json_file)
