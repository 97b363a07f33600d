"""Fits several generators to one table, samples each and judges it; what is done already is not done again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eval.comparison import compare
from eval.report import Report
from eval.tables import check_form
from tabular.errors import OutputError, TabllmError
from tabular.inference import infer_schema
from tabular.progress import Reporter
from tabular.rundir import make_folder, write_json
from tabular.schema import Schema
from tabular.synthesizer import create, has_option, load_run

__all__ = ["Outcome", "Settings", "fingerprint", "held_apart", "run_study", "sampled_rows", "target_option"]

#: Share of the rows that no generator learns where no holdout is given.
HOLDOUT_SHARE = 0.2


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
        resumed: whether it was done by an earlier call.
    """

    model: str
    report: Report | None = None
    fit_seconds: float | None = None
    sample_seconds: float | None = None
    rows: int | None = None
    error: str | None = None
    resumed: bool = False


def held_apart(table: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(four fifths of the rows, the fifth that is held out), both in their old order."""
    held = np.zeros(len(table), bool)
    held[np.random.default_rng(seed).permutation(len(table))[: max(1, round(HOLDOUT_SHARE * len(table)))]] = True
    return table[~held].reset_index(drop=True), table[held].reset_index(drop=True)


def run_study(
    models: Sequence[str],
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    settings: Settings,
    folder: str | Path,
    *,
    schema: Schema | None = None,
    progress: Reporter | None = None,
) -> list[Outcome]:
    """One outcome per model, in their order.

    Everything lies in ``folder``: per model its run, its synthetic rows and its report. A model that was judged by an
    earlier call with the same rows and settings is taken from there, one that was interrupted goes on from its
    checkpoint, and one that fails is told of and leaves the others as they are.

    Raises:
        OutputError: if ``folder`` cannot be written.
        TableError: if the rows to learn or to judge by are too few, or their columns differ.
    """
    progress = progress or Reporter()
    schema = schema or infer_schema(train)
    check_form("real", train, schema)
    check_form("holdout", holdout, schema)
    mark = fingerprint([asdict(settings), schema.to_dict()], train, holdout)
    outcomes = []
    for model in models:
        place = _place(folder, model)
        outcome = _earlier(place, model, mark)
        if outcome is None:
            progress.note(f"{model}:")
            outcome = _judged(place, model, mark, train, holdout, settings, schema, progress)
        else:
            progress.note(f"{model}: done by an earlier call.")
        outcomes.append(outcome)
    return outcomes


def sampled_rows(folder: str | Path, outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """What each generator that could be judged made, by name, as :func:`run_study` left it in ``folder``."""
    done = [outcome.model for outcome in outcomes if outcome.report is not None]
    return {model: pd.read_parquet(_place(folder, model) / "synthetic.parquet") for model in done}


def _place(folder: str | Path, model: str) -> Path:
    return Path(folder) / model.strip("./").replace("/", "--")


def _judged(
    place: Path,
    model: str,
    mark: str,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    settings: Settings,
    schema: Schema,
    progress: Reporter,
) -> Outcome:
    make_folder(place)
    rows = settings.rows or len(train)
    run, partial = place / "run", place / "run.partial"
    try:
        started = time.perf_counter()
        options = {**target_option(model, settings.target, schema), **settings.options}
        learned = create(model, seed=settings.seed, **options).fit(
            train, schema=schema, progress=progress, checkpoint=partial
        )
        fitted = time.perf_counter()
        learned.save(run)
        ready = load_run(run)  # a run that cannot be read again is none
        began = time.perf_counter()
        made = ready.sample(rows, seed=settings.seed, progress=progress)
        sampled = time.perf_counter()
        made.to_parquet(place / "synthetic.parquet")
        report = compare(
            train, made, holdout=holdout, target=settings.target, schema=schema, seed=settings.seed, progress=progress
        )
    except OutputError:
        raise
    except TabllmError as error:
        return _failed(place, model, str(error), progress)
    except (RuntimeError, MemoryError, ArithmeticError, ValueError) as error:  # a fault of one model is its own
        return _failed(place, model, f"{type(error).__name__}: {error}", progress)
    outcome = Outcome(model, report, fitted - started, sampled - began, rows)
    facts = {**asdict(outcome), "report": report.to_dict(), "fingerprint": mark}
    write_json(place / "result.json", facts)
    shutil.rmtree(partial, ignore_errors=True)
    return outcome


def target_option(model: str, target: str | None, schema: Schema) -> dict[str, str]:
    """The target as an option, for a generator that makes rows for its classes."""
    if target is None or not schema[target].has_categories or not has_option(model, "target"):
        return {}
    return {"target": target}


def _failed(place: Path, model: str, why: str, progress: Reporter) -> Outcome:
    with contextlib.suppress(OSError):
        place.rmdir()  # nothing was written: leave nothing
    progress.note(f"{model} failed: {why}")
    return Outcome(model, error=why)


def _earlier(place: Path, model: str, mark: str) -> Outcome | None:
    """What an earlier call found, if it was asked the same."""
    try:
        facts = json.loads((place / "result.json").read_text(encoding="utf-8"))
        if facts.pop("fingerprint") != mark:
            return None
        report = Report.from_dict(facts.pop("report"))
        return Outcome(**{**facts, "model": model, "report": report, "resumed": True})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, TabllmError):
        return None


def fingerprint(facts: Any, *tables: pd.DataFrame) -> str:
    """A digest of plain data and of the rows of some tables, their order included."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for part in tables:
        digest.update(pd.util.hash_pandas_object(part.astype("object").astype(str), index=False).to_numpy().tobytes())
    return digest.hexdigest()
