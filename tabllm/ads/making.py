"""A synthetic past from a generator; what an earlier call with the same rows and settings made is taken from there."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from tabular.progress import Reporter
from tabular.rundir import make_folder, write_json
from tabular.schema import Schema
from tabular.synthesizer import create, load_run

from ..comparing.study import Settings, fingerprint, target_option

__all__ = ["Made", "make_past"]


@dataclass(frozen=True)
class Made:
    """Synthetic rows and what they cost; ``resumed`` if an earlier call made them."""

    table: pd.DataFrame = field(repr=False)
    fit_seconds: float
    resumed: bool


def make_past(
    model: str, past: pd.DataFrame, schema: Schema, settings: Settings, folder: Path, progress: Reporter
) -> Made:
    """Fit ``model`` to ``past`` and sample as many rows, or ``settings.rows``; run and rows lie in ``folder``.

    An interrupted fit goes on from its checkpoint there.

    Raises:
        TabllmError: what the generator raises.
        OutputError: if ``folder`` cannot be written.
    """
    place = folder / model.strip("./").replace("/", "--")
    mark = fingerprint([asdict(settings), schema.to_dict()], past)
    rows, facts = place / "synthetic.parquet", place / "made.json"
    seconds = _earlier(facts, rows, mark)
    if seconds is not None:
        progress.note(f"{model}: made by an earlier call.")
        return Made(pd.read_parquet(rows), seconds, resumed=True)
    make_folder(place)
    progress.note(f"{model}:")
    options = {**target_option(model, settings.target, schema), **settings.options}
    started = time.perf_counter()
    learned = create(model, seed=settings.seed, **options).fit(
        past, schema=schema, progress=progress, checkpoint=place / "run.partial"
    )
    seconds = time.perf_counter() - started
    learned.save(place / "run")
    made = load_run(place / "run").sample(settings.rows or len(past), seed=settings.seed, progress=progress)
    made.to_parquet(rows)
    write_json(facts, {"fingerprint": mark, "fit_seconds": seconds})
    shutil.rmtree(place / "run.partial", ignore_errors=True)
    return Made(made, seconds, resumed=False)


def _earlier(facts: Path, rows: Path, mark: str) -> float | None:
    """How long the fit took, if an earlier call was asked the same and ended."""
    try:
        found = json.loads(facts.read_text(encoding="utf-8"))
        return float(found["fit_seconds"]) if found["fingerprint"] == mark and rows.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
