"""Fits several generators to one table, samples each and judges it; what is done already is not done again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eval.comparison import compare
from eval.facts.report import Report
from eval.preparing.tables import check_form
from eval.preparing.trees import tell_of_trees
from tabular.errors import OutputError, TabllmError
from tabular.notebook import default_reporter
from tabular.preparing.holdout import held_out, people_columns, people_note
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.registry import create, has_option
from tabular.schema import Schema
from tabular.storage.rundir import make_folder
from tabular.synthesizer import Synthesizer

from ..studies.workspace import Synthetic, Workspace, fingerprint, folder_of

if TYPE_CHECKING:
    from ..cluster.studying import Workers

__all__ = [
    "Outcome",
    "Settings",
    "holdout_split",
    "made_rows",
    "run_study",
    "sampled_rows",
    "target_option",
    "toys",
]

#: Fraction of the rows that no generator learns where no holdout is given.
HOLDOUT_SHARE = 0.2
#: Below this part of its own epochs, what a generator makes is no measure of it.
TOY_PART = 0.5


@dataclass(frozen=True)
class Settings:
    """What is asked of every generator.

    Attributes:
        rows: to sample; as many as were learned if absent.
        options: keywords for the generators' ``__init__``, such as ``epochs``; ones that a generator does not have
            make it fail, and only it.
    """

    target: str | None
    seed: int
    rows: int | None
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What came of one generator: a report and its times, or an error.

    Attributes:
        made: its synthetic rows.
        resumed: whether it was done by an earlier call.
    """

    model: str
    report: Report | None = None
    fit_seconds: float | None = None
    sample_seconds: float | None = None
    rows: int | None = None
    error: str | None = None
    resumed: bool = False
    made: pd.DataFrame | None = field(default=None, repr=False, compare=False)


def holdout_split(
    table: pd.DataFrame, seed: int, progress: Reporter | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(four fifths of the rows, the fifth that is held out), both in their old order; each person is in one of them."""
    count = max(1, round(HOLDOUT_SHARE * len(table)))
    if people := people_columns(table, seed=seed):
        default_reporter(progress).note(people_note(people))
        held = held_out(table, count, seed, people)
    else:
        held = np.zeros(len(table), bool)
        held[np.random.default_rng(seed).permutation(len(table))[:count]] = True
    return table[~held].reset_index(drop=True), table[held].reset_index(drop=True)


def run_study(
    models: Sequence[str],
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    settings: Settings,
    folder: str | Path,
    *,
    schema: Schema | None = None,
    workers: Workers | None = None,
    progress: Reporter | None = None,
) -> list[Outcome]:
    """One outcome per model, in their order.

    Everything lies in ``folder``: per model its run, its synthetic rows and its report. A model that was judged by an
    earlier call with the same rows and settings is taken from there, one that was interrupted goes on from its
    checkpoint, and one that fails is reported and leaves the others as they are.

    Args:
        workers: who fits and judges, each a model at a time; this process if absent.

    Raises:
        OutputError: if ``folder`` cannot be written.
        TableError: if the rows to learn or to judge by are too few, or their columns differ.
    """
    progress = default_reporter(progress)
    tell_of_trees(progress)
    schema = schema or infer_schema(train)
    check_form("real", train, schema)
    check_form("holdout", holdout, schema)
    # Workers have working folders of their own.
    folder = Path(folder) if workers is None else Path(folder).resolve()
    study = _Study(train, holdout, settings, schema, folder)
    outcomes: dict[int, Outcome] = {}

    def came(number: int, outcome: Outcome) -> None:
        if outcome.error is not None:
            progress.note(f"{outcome.model} failed: {outcome.error}")
        if outcome.resumed:
            progress.note(f"{outcome.model}: done by an earlier call.")
        outcomes[number] = outcome

    if workers is None:
        for number, model in enumerate(models):
            came(number, study.judged(model, progress))
    else:
        device = str(settings.options.get("device", "cpu"))
        with (
            progress.task("Comparing", len(models), "generators") as bar,
            workers.ready(_Worker, study, device=device, noun="generator") as run,
        ):
            for number, outcome in run({number: (model,) for number, model in enumerate(models)}):
                came(number, outcome)
                bar.advance(1, outcome.model)
    return [outcomes[number] for number in range(len(models))]


def sampled_rows(outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """What each generator that could be judged made, by name."""
    return {outcome.model: outcome.made for outcome in outcomes if outcome.made is not None}


class _Worker:
    """Judges one generator after another, with one thread each.

    Args:
        study: what it judges them by.
    """

    def __init__(self, study: _Study) -> None:
        self.study = study

    def make(self, model: str) -> Outcome:
        """What comes of ``model``."""
        from ..cluster.working import one_thread

        with one_thread():
            return self.study.judged(model, Reporter())


@dataclass(frozen=True)
class _Study:
    """What generators are judged by, and the folder of it all."""

    train: pd.DataFrame
    holdout: pd.DataFrame
    settings: Settings
    schema: Schema
    folder: Path

    def judged(self, model: str, progress: Reporter) -> Outcome:
        """What comes of ``model``."""
        work = Workspace(folder_of(self.folder, model), progress)
        return _judged(work, model, self.train, self.holdout, self.settings, self.schema, progress)


def _judged(
    work: Workspace,
    model: str,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    settings: Settings,
    schema: Schema,
    progress: Reporter,
) -> Outcome:
    judged_by = fingerprint([model, asdict(settings), schema.to_dict()], train, holdout)
    make_folder(work.folder)
    try:
        made = made_rows(work, model, train, schema, settings, progress)
        report = None
        if made.resumed:
            report = work.facts("result.json", judged_by, lambda facts: Report.from_dict(facts["report"]))
        resumed = report is not None
        if report is None:
            report = compare(
                train,
                made.table,
                holdout=holdout,
                target=settings.target,
                schema=schema,
                seed=settings.seed,
                progress=progress,
            )
    except OutputError:
        raise
    except TabllmError as error:
        return _failed(work.folder, model, str(error))
    except (RuntimeError, MemoryError, ArithmeticError, ValueError) as error:  # a fault of one model is its own
        return _failed(work.folder, model, f"{type(error).__name__}: {error}")
    outcome = Outcome(
        model, report, made.fit_seconds, made.sample_seconds, len(made.table), resumed=resumed, made=made.table
    )
    if not resumed:
        work.keep("result.json", judged_by, {"model": model, "report": report.to_dict()})
    return outcome


def made_rows(
    work: Workspace, model: str, table: pd.DataFrame, schema: Schema, settings: Settings, progress: Reporter
) -> Synthetic:
    """``model`` fitted to ``table``, and as many rows of it, or ``settings.rows``; see :meth:`.Workspace.synthetic`."""
    rows = settings.rows or len(table)

    def sampled(learned: Synthesizer) -> pd.DataFrame:
        count = rows if learned.unit == "rows" else max(1, round(rows * learned.facts["users"] / len(table)))
        return learned.sample(count, seed=settings.seed, progress=progress)

    return work.synthetic(
        model,
        table,
        schema,
        {"seed": settings.seed, **target_option(model, settings.target, schema), **settings.options},
        asked={"rows": rows, "seed": settings.seed},
        sample=sampled,
    )


def toys(models: Sequence[str], rows: int, options: Mapping[str, Any]) -> str | None:
    """A sentence where ``epochs`` cuts a generator's own training to less than :data:`TOY_PART` of it."""
    epochs = options.get("epochs")
    if epochs is None:
        return None
    own = {}
    for model in models:
        with contextlib.suppress(TabllmError):
            planned = create(model).planned_epochs(rows)
            if planned is not None and epochs < TOY_PART * planned:
                own[model] = planned
    if not own:
        return None
    would = ", ".join(f"{model} up to {planned:,.0f}" for model, planned in own.items())
    return (
        f"A toy comparison: with {epochs} epochs these generators are hardly trained ({would} by themselves); leave "
        "--epochs out for figures that mean something."
    )


def target_option(model: str, target: str | None, schema: Schema) -> dict[str, str]:
    """The target as an option, for a generator that makes rows for its classes."""
    if target is None or not schema[target].has_categories or not has_option(model, "target"):
        return {}
    return {"target": target}


def _failed(path: Path, model: str, why: str) -> Outcome:
    with contextlib.suppress(OSError):
        path.rmdir()  # nothing was written: leave nothing
    return Outcome(model, error=why)
