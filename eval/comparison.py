"""The whole comparison: check the tables, measure each part, return the report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd

from tabular.encoding.frames import as_pandas
from tabular.encoding.marks import mark_cells
from tabular.errors import TableError, UsageError
from tabular.machine.memory import give_back_freed_memory
from tabular.notebook import default_reporter
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.schema import Schema

from .attacks.audit import against_claim
from .attacks.privacy import measure_privacy
from .attacks.white_box import attack_run
from .facts.report import AllTargets, Privacy, Report, Rows, RuleFacts
from .margins.measure import measure_margins
from .metrics.detection import detect
from .metrics.distributions import distribution_facts
from .metrics.fidelity import column_fidelity
from .metrics.forms import judge_forms
from .metrics.joints import against_target, joints
from .metrics.listed import measure_listed
from .metrics.rules import measure_rules
from .metrics.support import measure_support
from .metrics.trends import pair_trends
from .models.all_targets import measure_all_targets
from .models.bias import REFITS, check_protected, measure_bias
from .models.pair import ModelPair, check_protocol, train_pair
from .models.utility import check_target, guess_target, score_pair
from .preparing.tables import Tables, load_tables
from .preparing.trees import load_xgboost

__all__ = ["compare"]

#: A column of persons was made anew if a smaller fraction of its synthetic cells is real.
MADE_ANEW = 0.5
#: The parts that progress counts.
PARTS = 6


def compare(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    holdout: pd.DataFrame | None = None,
    target: str | None = None,
    protect: Sequence[str] = (),
    protocol: str = "standard",
    claim: tuple[float, float] | None = None,
    all_targets: bool = False,
    run_log_probs: tuple[np.ndarray, np.ndarray] | None = None,
    schema: Schema | None = None,
    remarks: Sequence[str] = (),
    seed: int = 0,
    threads: int | None = None,
    progress: Reporter | None = None,
) -> Report:
    """Measure how faithful, useful, detectable, private and fair ``synthetic`` is.

    Args:
        real: the table that the generator learned from.
        synthetic: what it made, with the same columns in any order.
        holdout: real rows that the generator never saw. It gives every figure its floor (how far apart two
            REAL samples are) and makes utility and privacy honest; without it no attack can be run.
        target: the column to predict; guessed where one is plain to see, which the notes then say.
        protect: columns whose groups are compared, such as ``["sex"]``; numbers are cut at their quartiles.
        protocol: the settings of the models of utility: ``"standard"``, or ``"report"`` for XGBoost as it comes.
        claim: (epsilon, delta) that the accountant of a differentially private run claims; the attack's lower
            bound is stated beside it.
        all_targets: predict every column from the others too, not only ``target``; some seconds more.
        run_log_probs: (float64[n], float64[m]) log-probabilities, under the generator itself, of rows that it learned
            and of rows that it never saw (:meth:`tabular.Synthesizer.log_prob`): what a shared run gives away.
        schema: inferred from ``real`` if absent. The rules that it lists are checked
            (:func:`tabular.rules.with_rules` finds some).
        remarks: what there is to say of the tables already, such as that these rows were drawn of more.
        seed: of every draw and model; the same seed gives the same report.
        threads: of the tree models; all cores if absent.
        progress: notified of each part; silent if absent.

    Raises:
        TableError: if the columns differ or a table has too few rows.
        UsageError: if there is no column ``target``, or none that can be predicted; no column of ``protect``, or
            none that has groups; no such ``protocol``.
    """
    real, synthetic = as_pandas(real), as_pandas(synthetic)
    if len(real) == 0 or real.shape[1] == 0:
        raise TableError("The real table is empty; a comparison needs rows and columns.")
    if not real.columns.is_unique:
        raise TableError(f"The real table has the column {str(real.columns[real.columns.duplicated()][0])!r} twice.")
    real, synthetic = _named(real), _named(synthetic)
    holdout = None if holdout is None else _named(holdout)
    schema = schema or infer_schema(real)
    left_out = [name for name in real.columns if name not in schema]
    real, synthetic = real.drop(columns=left_out), synthetic.drop(columns=left_out, errors="ignore")
    holdout = None if holdout is None else holdout.drop(columns=left_out, errors="ignore")
    whole = schema
    schema, anew = _without_surrogates(schema, synthetic)
    check_protocol(protocol)
    if isinstance(protect, str):
        raise UsageError(f"Protected columns are a list of names: give [{protect!r}] in place of {protect!r}.")
    protect = [str(name) for name in protect]  # as the labels of the columns are read
    check_protected(protect, schema)
    if target is not None:
        target = str(target)
        check_target(target, schema)

    clock = _Clock()
    with default_reporter(progress).task("Comparing", PARTS, "parts") as task:
        with clock("read"):
            tables = load_tables(real, synthetic, holdout, schema)
        trees = load_xgboost().note
        notes = [*remarks, *([trees] if trees else []), *tables.notes, *_column_notes(tables)]
        if anew:
            notes.append(f"Persons were made anew in: {', '.join(anew)}; only whether a value is a real one is judged.")
        with clock("fidelity"):
            fidelity = column_fidelity(tables)
            distributions = distribution_facts(tables)
            forms = judge_forms(schema, real, synthetic, holdout, _unread(tables, synthetic))
            support, more = measure_support(tables, seed=seed)
        notes += more
        rules: tuple[RuleFacts, ...] = ()
        if whole.rules:
            with clock("rules"):
                rules = measure_rules(whole, real, synthetic, holdout, anew=tuple(anew))
        task.advance(1, "columns")
        with clock("trends"):
            trends, more = pair_trends(tables, rng=np.random.default_rng(seed))
        notes += more
        with clock("margins"):
            margins = measure_margins(tables, seed=seed)
        with clock("metrics"):
            metrics = measure_listed(tables, seed=seed)
        task.advance(1, "pairs")
        with clock("detection"):
            detection, more = detect(tables, seed=seed, threads=threads)
        notes += more
        task.advance(1, "detection")
        with clock("utility"):
            target, pair, more = _pair(tables, target, protocol, REFITS if protect else 0, seed, threads)
            utility = None if pair is None else score_pair(pair, seed=seed)
        notes += more
        every: AllTargets | None = None
        if all_targets:
            with clock("all targets"):
                every, more = measure_all_targets(tables, seed=seed, threads=threads)
            notes += more
        task.advance(1, "utility")
        with clock("bias"):
            bias, more = measure_bias(tables, protect, pair, seed=seed)
        notes += more
        task.advance(1, "bias")
        with clock("privacy"):
            secrets = [*([target] if target else []), *protect]
            privacy, more = measure_privacy(tables, secrets=secrets, seed=seed, threads=threads)
        notes += more + _holdout_notes(privacy)
        if claim is not None:
            privacy, more = _claimed(privacy, *claim)
            notes += more
        if run_log_probs is not None:
            privacy = replace(privacy, run=attack_run(*run_log_probs, seed=seed))
        task.advance(1, "privacy")
    report = Report(
        rows=Rows(len(real), len(synthetic), None if holdout is None else len(holdout)),
        columns=len(schema),
        seed=seed,
        target=target,
        fidelity=fidelity,
        trends=trends,
        detection=detection,
        utility=utility,
        privacy=privacy,
        notes=tuple(notes),
        seconds=clock.seconds,
        distributions=distributions,
        bias=bias,
        support=support,
        joints=joints(tables, trends),
        against_target=against_target(tables, target),
        forms=forms,
        left_out=tuple(left_out),
        rules=rules,
        margins=margins,
        all_targets=every,
        metrics=metrics,
    )
    del tables, pair  # the largest things here
    give_back_freed_memory()
    return report


def _unread(tables: Tables, synthetic: pd.DataFrame) -> dict[str, float]:
    """Per column of dates, how many of the filled synthetic cells are none, in %."""
    found = {}
    for column in tables.schema:
        if column.kind == "datetime":
            cells = synthetic[column.name]
            filled = cells.notna().to_numpy(dtype=bool) & ~mark_cells(cells, column)
            lost = filled & np.isnan(tables.synthetic.arrays[column.name])
            found[column.name] = 100 * float(lost.sum()) / max(1, int(filled.sum()))
    return found


class _Clock:
    """The wall time of each part, rounded to milliseconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - start, 3)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame``, of any library, with its column names as text and a plain index."""
    frame = as_pandas(frame)
    return frame.set_axis([str(name) for name in frame.columns], axis=1).reset_index(drop=True)


def _without_surrogates(schema: Schema, synthetic: pd.DataFrame) -> tuple[Schema, list[str]]:
    """``schema`` with columns of persons as identifiers where most of their values were made anew, and their names.

    As categories they would be judged for not repeating the real values, which is what they are made anew for.
    """
    anew = []
    for column in schema:
        if column.gives_persons_away and column.has_categories and column.name in synthetic:
            filled = synthetic[column.name].dropna().astype(str)
            if len(filled) and filled.isin({str(value) for value in column.categories}).mean() < MADE_ANEW:
                anew.append(column.name)
                schema = schema.replace_column(column.name, kind="identifier", categories=(), other=None)
    return schema, anew


def _pair(
    tables: Tables, target: str | None, protocol: str, refits: int, seed: int, threads: int | None
) -> tuple[str | None, ModelPair | None, list[str]]:
    notes = []
    if target is None:
        target = guess_target(tables.schema)
        if target is None:
            return None, None, ["Utility was not measured: name the column to predict as target."]
        notes.append(f"The target was guessed: {target!r}.")
    pair, more = train_pair(tables, target, protocol=protocol, refits=refits, seed=seed, threads=threads)
    return target, pair, notes + more


def _claimed(privacy: Privacy, epsilon: float, delta: float) -> tuple[Privacy, list[str]]:
    if privacy.membership is None:
        return privacy, ["The claim of differential privacy was not held against an attack: there was none."]
    return replace(privacy, claim=against_claim(privacy.membership, epsilon, delta)), []


def _holdout_notes(privacy: Privacy) -> list[str]:
    """A warning where the holdout is, by the look of it, no holdout."""
    known, repeated = privacy.copies.holdout_percent, privacy.copies.real_repeated_percent
    if known is None or known <= max(20.0, 2 * repeated):
        return []
    return [
        f"{known:.0f} % of the holdout rows stand in the real table too: if the generator learned from them, "
        "no floor, utility or privacy figure can be trusted."
    ]


def _column_notes(tables: Tables) -> list[str]:
    """What is odd in single columns, in one sentence each kind."""
    notes = []
    empty = [n for n in tables.numeric if np.isnan(tables.real.arrays[n]).all()]
    empty += [n for n in tables.tokens if (tables.real.arrays[n] < 0).all()]
    if empty:
        notes.append(f"Wholly missing in the real table: {', '.join(empty)}.")
    invented = [n for n in tables.tokens if (tables.synthetic.arrays[n] >= tables.known[n]).any()]
    if invented:
        notes.append(f"The synthetic table has values that the real one never has in: {', '.join(invented)}.")
    if tables.holdout is None:
        notes.append("No holdout was given, so no figure has a real-against-real floor beside it.")
    return notes
