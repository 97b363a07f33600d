"""The whole way on a real table that comes with the package: UCI Adult (see ``data/README.md``)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from tabular.errors import UsageError
from tabular.progress import Reporter

if TYPE_CHECKING:
    import pandas as pd

    from eval.report import Report

__all__ = ["TARGET", "Demo", "load_adult", "run_demo"]

#: What Adult is asked for: who earns more than 50,000 dollars a year.
TARGET = "income"


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        run: the run directory.
        synthetic: the file of synthetic rows, ``holdout``: real rows that were not learned.
    """

    run: Path
    data: Path
    holdout: Path
    synthetic: Path
    report: Report
    rows: int
    fit_seconds: float
    sample_seconds: float


def load_adult(part: str) -> pd.DataFrame:
    """``"train"`` (32,561 rows) or ``"test"`` (16,281 rows) of Adult, 15 columns each."""
    from tabular.reading import read_table

    with as_file(files("tabllm") / "data" / f"adult_{part}.parquet") as path:
        return read_table(path)


def run_demo(
    folder: str | Path,
    *,
    rows: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    progress: Reporter | None = None,
) -> Demo:
    """Learn Adult, make as many rows as were learned, and compare; everything made lies in ``folder``.

    Args:
        folder: made if absent; what an earlier demo left there is replaced.
        rows: learn only so many rows, drawn at random.
        epochs: passes over the rows at most.
        seed: of the draw, of the training and of the sampling.
        progress: told of each step; silent if absent.

    Raises:
        UsageError: if ``folder`` holds something else than an earlier demo.
    """
    from eval.comparison import compare
    from tabular.reading import random_rows
    from tabular.rundir import write_json
    from tabular.synthesizer import create
    from tabular.writing import TableWriter, check_output

    progress = progress or Reporter()
    folder = Path(folder)
    _prepare(folder)
    data, holdout, synthetic = (folder / name for name in ("adult.csv", "adult-holdout.csv", "synthetic.csv"))
    check_output(synthetic)

    train, test = load_adult("train"), load_adult("test")
    if rows is not None and rows < len(train):
        train = random_rows(train, rows, seed)
    for path, table in ((data, train), (holdout, test)):
        with TableWriter(path) as writer:
            writer.write(table)

    progress.note(f"Adult, 1994: learning {len(train):,} people, then making as many new ones.")
    start = time.perf_counter()
    options = {} if epochs is None else {"epochs": epochs}
    synthesizer = create("nano", seed=seed, **options).fit(train, progress=progress)
    synthesizer.save(folder / "run")
    fitted = time.perf_counter()
    made = synthesizer.sample(len(train), seed=seed, progress=progress)
    sampled = time.perf_counter()
    with TableWriter(synthetic) as writer:
        writer.write(made)
    report = compare(train, made, holdout=test, target=TARGET, seed=seed, progress=progress)
    write_json(folder / "report.json", report.to_dict())
    return Demo(folder / "run", data, holdout, synthetic, report, len(train), fitted - start, sampled - fitted)


def _prepare(folder: Path) -> None:
    """Make ``folder``, unless something stands there that no demo left."""
    from tabular.errors import OutputError

    known = {"adult.csv", "adult-holdout.csv", "synthetic.csv", "report.json", "run"}
    if folder.is_dir():
        strange = sorted(entry.name for entry in folder.iterdir() if entry.name not in known)
        if strange:
            raise UsageError(f"{folder} holds something else ({strange[0]}); name another folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}); name another with --out.") from None
