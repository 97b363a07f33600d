"""The whole way on a real table that comes with the package: UCI Adult (see ``data/README.md``)."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from tabular.progress import Reporter

if TYPE_CHECKING:
    import pandas as pd

    from .pipeline import Made

__all__ = ["TARGET", "load_adult", "run_demo"]

#: What Adult is requested: who earns more than 50,000 dollars a year.
TARGET = "income"


def load_adult(part: str) -> pd.DataFrame:
    """``"train"`` (32,561 rows) or ``"test"`` (16,281 rows) of Adult, 15 columns each."""
    from tabular.io.reading import read_table

    with as_file(files("tabllm") / "data" / f"adult_{part}.parquet") as path:
        return read_table(path)


def run_demo(
    folder: str | Path,
    *,
    rows: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    progress: Reporter | None = None,
) -> Made:
    """Learn Adult, make as many rows as were learned, and compare; everything made lies in ``folder``.

    Args:
        folder: made if absent; what a demo with other settings left there is replaced.
        rows: learn only so many rows, drawn at random.
        epochs: passes over the rows at most.
        seed: of the draw, of the training and of the sampling.
        progress: notified of each step; silent if absent.

    Raises:
        UsageError: if ``folder`` holds something else than an earlier demo.
    """
    from tabular.io.writing import TableWriter
    from tabular.storage.rundir import make_folder

    from .pipeline import Order, check_folder, make_table

    folder = Path(folder)
    files = {"train": folder / "adult.csv", "test": folder / "adult-holdout.csv"}
    check_folder(folder)
    make_folder(folder)
    for part, path in files.items():
        with TableWriter(path) as writer:
            writer.write(load_adult(part))
    order = Order(
        files["train"],
        options={} if epochs is None else {"epochs": epochs},
        holdout_file=files["test"],
        learned_rows=rows,
        target=TARGET,
        seed=seed,
    )
    return make_table(order, folder, replace=True, command="tabllm demo", progress=progress)
