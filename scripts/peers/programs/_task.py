"""What every program does around its generator: read the task, time fit and sample, write rows, times and memory."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd


def discrete_columns(table: pd.DataFrame) -> list[str]:
    """Columns that are not numbers, as the peers' own examples name them."""
    return [name for name in table if table[name].dtype.kind not in "if"]


def run(fit: Callable[[pd.DataFrame, dict[str, Any]], Any], sample: Callable[[Any, int], pd.DataFrame]) -> None:
    """Fit on ``train.csv`` of the folder in argv, sample as many rows, write ``made.csv`` and ``times.json``."""
    folder, task = _begin()
    table = pd.read_csv(folder / "train.csv")
    made = _timed(folder, lambda: fit(table, task), lambda model: sample(model, len(table)))
    made[list(table.columns)].to_csv(folder / "made.csv", index=False)


def run_tables(
    fit: Callable[[dict[str, pd.DataFrame], dict[str, Any]], Any], sample: Callable[[Any], dict[str, pd.DataFrame]]
) -> None:
    """Fit on each ``train/NAME.csv`` of the folder in argv, write as large tables to ``made/``, and ``times.json``."""
    folder, task = _begin()
    tables = {file.stem: pd.read_csv(file) for file in sorted((folder / "train").glob("*.csv"))}
    made = _timed(folder, lambda: fit(tables, task), sample)
    (folder / "made").mkdir()
    for name, table in tables.items():
        made[name][list(table.columns)].to_csv(folder / "made" / f"{name}.csv", index=False)


def _begin() -> tuple[Path, dict[str, Any]]:
    """The folder, in which the program then works, and the task."""
    warnings.filterwarnings("ignore")
    folder = Path(sys.argv[1]).resolve()
    task: dict[str, Any] = json.loads((folder / "task.json").read_text())
    os.chdir(folder)
    return folder, task


def _timed(folder: Path, fit: Callable[[], Any], sample: Callable[[Any], Any]) -> Any:
    """What ``sample`` makes of what ``fit`` learned; both are timed.

    ``times.json`` has seconds of the clock, seconds of the processor (other programs lengthen the former alone) and the
    highest resident memory in bytes, that of child processes included.
    """
    start, processor = time.perf_counter(), time.process_time()
    model = fit()
    fitted, fitted_processor = time.perf_counter(), time.process_time()
    made = sample(model)
    sampled, sampled_processor = time.perf_counter(), time.process_time()
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    times = {
        "fit_seconds": fitted - start,
        "sample_seconds": sampled - fitted,
        "fit_processor_seconds": fitted_processor - processor,
        "sample_processor_seconds": sampled_processor - fitted_processor,
        "peak_bytes": peak * unit,
    }
    (folder / "times.json").write_text(json.dumps(times))
    return made
