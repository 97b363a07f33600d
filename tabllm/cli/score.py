"""``tabllm score``: how probable rows are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tabular.errors import TabllmError, UsageError

from .claims import claim, force_option
from .errors import interruptible, unwritten
from .group import Command
from .in_parts import Cluster, cluster_options, table_in_parts, writes_parts
from .options import PATH, count_option, device_option, drop_option, file_option, json_option, out_option
from .reading import read, read_more, reading_options
from .session import STDOUT, Session, seconds, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tabular.io.file_form import ReadFile, ReadOptions
    from tabular.likelihood.facts import RowScores
    from tabular.synthesizer import Synthesizer

__all__ = ["score"]

#: The most rows that percentiles are of.
MOST_REFERENCE = 20_000
#: Rows that are written together.
PART_ROWS = 1 << 16

EXAMPLES = """
# Which rows are unlikely, and by which column?
tabllm score visits-run visits.csv -o scores.csv
# Against rows that the generator never saw: does the new table drift from them?
tabllm score visits-run visits.csv --holdout visits.csv
# How likely is the device, given the age and the hour?
tabllm score visits-run visits.csv --column device --given age --given hour
# The probability of each class of a column
tabllm score visits-run visits.csv --predict clicked -o predicted.csv
# A big Parquet file in parts, by the workers of a Ray cluster
tabllm score visits-run visits.parquet -o scored/ --cluster ray
# For a program
tabllm score visits-run visits.csv --json - | jq .bits.mean
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Say how probable the rows of a table are.")
@click.argument("run", type=PATH)
@click.argument("table", type=PATH)
@out_option(
    "OUT",
    "File to write the rows to, each with its log_prob, bits, percentile and least likely column; its "
    "ending says the format, '-' prints CSV on standard output; a folder ('scored/' or s3://...) gets "
    "Parquet parts of a Parquet file.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="COL",
    help="Column to score. Repeatable.  [default: all that are not given]",
)
@click.option(
    "--given", multiple=True, metavar="COL", help="Given column: rows are scored as if it were known. Repeatable."
)
@file_option(
    "--holdout",
    help="Held-out real rows, whose bits the percentiles are of.  [default: those that RUN held back, else "
    "rows that RUN generates]",
)
@click.option(
    "--predict",
    "target",
    metavar="COL",
    help="Predicted column: write the probability of each of its classes in place of scores.",
)
@count_option("--limit", least=1, default=10, help="Unlikely rows to list.")
@device_option(default="auto", purpose="compute on")
@drop_option
@reading_options
@json_option
@cluster_options
@force_option("a file")
@click.pass_obj
def score(
    session: Session,
    run: str,
    table: str,
    out: str | None,
    columns: tuple[str, ...],
    given: tuple[str, ...],
    holdout: str | None,
    target: str | None,
    limit: int,
    device: str,
    dropped: tuple[str, ...],
    reading: ReadOptions,
    json_file: str | None,
    cluster: Cluster,
    force: bool,
) -> None:
    """Say how probable each row of TABLE is under the model of RUN, in bits: one more bit is half as probable.

    Few rows far above the others are outliers or errors, more bits on the whole are drift, rows that stand more often
    than their probability allows are copies. 'nano' and fine-tuned language models have probabilities.
    """
    if target and (columns or holdout):
        raise UsageError("--predict writes class probabilities, to which --column and --holdout do not apply.")
    if out == STDOUT == json_file:
        raise UsageError("The rows and the facts cannot both go to standard output; name a file for one of them.")
    session.check_json(json_file)
    cluster.check()
    if out is None and cluster.name is not None:
        raise UsageError("--cluster writes a folder of Parquet parts; name it, for example -o scored/.")
    if out is not None and writes_parts(out, cluster):
        for option, given_value in (("--holdout", holdout), ("--json", json_file)):
            if given_value is not None:
                raise UsageError(f"{option} does not go with a folder of parts; name one file with -o.")
        table_in_parts(
            session,
            "score" if target is None else "predict",
            run,
            table,
            out,
            cluster,
            label="Scoring",
            device=device,
            force=force,
            dropped=list(dropped),
            columns=list(columns),
            given=list(given),
            target=target,
        )
        return
    if out is not None:
        from tabular.io.writing import check_output

        check_output(out)
        claim(session, out, force=force)

    from tabular.io.dropping import drop_columns
    from tabular.registry import load_run

    from ..scoring import columns_without, score_columns

    found = read(session, table, reading)
    rows = drop_columns(found.table, dropped)
    synthesizer = load_run(run, device=device)
    start = time.perf_counter()
    with interruptible(unwritten(out)):
        if target is not None:
            _predict(session, synthesizer, rows, target, given, json_file, (table, found, out, dropped, reading))
            return
        if dropped and not columns:
            columns = columns_without(synthesizer, dropped, given)
        scores = _scores(session, synthesizer, run, rows, columns, given, holdout, reading)
        if out is not None:
            _write(score_columns(scores), rows, table, found, out, dropped, reading)

    from tabular.likelihood.facts import find_duplicates

    from .score_tables import draw_scores, scores_as_json

    took = time.perf_counter() - start
    duplicates = None if given or len(rows) < 2 else find_duplicates(rows, scores)
    if session.draws(json_file) and out != STDOUT:
        draw_scores(session.console(), scores, duplicates, limit=limit)
    session.write_json(scores_as_json(scores, duplicates, limit=limit), json_file)
    wrote = f"; wrote {shown(out)}" if out is not None else ""
    session.say(f"Scored {len(rows):,} rows in {seconds(took)}{wrote}.")


def _scores(
    session: Session,
    synthesizer: Synthesizer,
    run: str,
    rows: pd.DataFrame,
    columns: Sequence[str],
    given: Sequence[str],
    holdout: str | None,
    reading: ReadOptions,
) -> RowScores:
    from ..scoring import Scorer

    others, named = _held_out(session, run, holdout, reading)
    scorer = Scorer(synthesizer, columns, given, others, progress=session.reporter())
    if named is not None:
        scorer.compared_with = named
    return scorer.score(rows)


def _held_out(
    session: Session, run: str, holdout: str | None, reading: ReadOptions
) -> tuple[pd.DataFrame | None, str | None]:
    """Real rows that the model did not learn, if there are any, and what to call what percentiles are of."""
    if holdout is not None:
        held: pd.DataFrame | None = read_more(session, holdout, reading)
        name = f"rows of {holdout}"
    else:
        from tabular.preparing.source import find_rows

        try:
            held = find_rows(run)[1]
        except TabllmError:  # the file that was learned is elsewhere, or is not as it was
            held = None
        name = "rows that the run held back"
    if held is None:
        return None, None
    held = held.sample(MOST_REFERENCE, random_state=0) if len(held) > MOST_REFERENCE else held
    return held, f"{len(held):,} {name}"


def _predict(
    session: Session,
    synthesizer: Synthesizer,
    rows: pd.DataFrame,
    target: str,
    given: Sequence[str],
    json_file: str | None,
    written: tuple[str, ReadFile, str | None, tuple[str, ...], ReadOptions],
) -> None:
    from ..scoring import class_columns
    from .score_tables import prediction_facts

    start = time.perf_counter()
    probs = synthesizer.predict_proba(rows, target, given or None, progress=session.reporter())
    table, found, out, dropped, reading = written
    if out is not None:
        _write(class_columns(probs, target), rows, table, found, out, dropped, reading)
    facts = prediction_facts(probs, rows.get(target))
    if session.draws(json_file) and out != STDOUT:
        from .tables import draw_facts

        draw_facts(session.console(), {name: f"{value:,.4g}" for name, value in facts.items() if value is not None})
    session.write_json({"target": target, **facts}, json_file)
    wrote = f"; wrote {shown(out)}" if out is not None else ""
    session.say(f"Predicted {target!r} of {len(rows):,} rows in {seconds(time.perf_counter() - start)}{wrote}.")


def _write(
    more: dict[str, object],
    rows: pd.DataFrame,
    table: str,
    found: ReadFile,
    out: str,
    dropped: tuple[str, ...],
    reading: ReadOptions,
) -> None:
    """Write the rows as they stand in their file, with more columns."""
    from tabular.io.dropping import drop_columns
    from tabular.io.reading import read_as_text
    from tabular.io.writing import TableWriter, check_output

    from ..scoring import with_columns

    text = read_as_text(table, check_output(out), options=reading)
    written = with_columns(rows if text is None else drop_columns(text, dropped), more)
    with TableWriter(out, form=found.form) as writer:
        for start in range(0, len(written), PART_ROWS):
            writer.write(written.iloc[start : start + PART_ROWS])
