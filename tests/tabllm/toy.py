"""A generator that is none: it draws rows of the table it was given. The command line cannot tell."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.errors import ConditionError, RunError
from tabular.io.reading import check_table
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.schema import Schema
from tabular.storage.rundir import atomic_directory, write_json
from tabular.synthesizer import Synthesizer
from tabular.where.conditions import parse_where, satisfied


class Toy(Synthesizer):
    """Draws whole rows with replacement, 50 at a time."""

    name = "toy"
    #: Called at these moments; tests put a KeyboardInterrupt or a full disk there.
    trouble: dict = {}  # noqa: RUF012

    def __init__(self, seed: int = 0, epochs: int = 1) -> None:
        self.seed, self.epochs = seed, epochs

    def fit(self, table, *, schema=None, progress=None, checkpoint=None):
        table = check_table(table)
        self.schema = schema or infer_schema(table)
        with (progress or Reporter()).task("Learning", 10, "steps") as task:
            if checkpoint is not None:
                self.stop("before checkpoint")
                Path(checkpoint).mkdir(parents=True, exist_ok=True)
                (Path(checkpoint) / "state").write_text("half way")
            self.stop("fit")
            task.advance(10, "loss 1.234")
        self.table = table
        return self

    def sample_batches(self, n, *, where=None, seed=None, progress=None, done=0):
        rng = np.random.default_rng(self.seed if seed is None else seed)
        allowed = parse_where(where, self.schema)
        kept = (
            np.flatnonzero(satisfied(to_arrays(self.table, self.schema), allowed))
            if allowed
            else range(len(self.table))
        )
        if not len(kept):
            raise ConditionError("No row keeps to all of these conditions; leave one out.")
        for start in range(0, n, 50):
            rows = rng.choice(kept, min(50, n - start))
            if start < done:
                continue
            yield self.table.iloc[rows].reset_index(drop=True)
            self.stop("sample")

    def save(self, directory):
        with atomic_directory(directory) as folder:
            self.stop("save")
            write_json(folder / "config.json", {"model": self.name, "version": 1, "seed": self.seed})
            self.schema.to_json(folder / "schema.json")
            self.table.to_parquet(folder / "table.parquet")

    @classmethod
    def load(cls, directory, *, device="auto"):
        toy = cls()
        toy.schema = Schema.from_json(Path(directory) / "schema.json")
        try:
            toy.table = pd.read_parquet(Path(directory) / "table.parquet")
        except (OSError, ValueError):
            raise RunError(f"{directory} is not whole: its table.parquet is missing or cut short; fit again.") from None
        return toy

    def stop(self, moment: str) -> None:
        if os.environ.get("TOY_WAITS_AT") == moment:
            print("waiting", file=sys.stderr, flush=True)
            threading.Event().wait(60)  # until a signal comes
        if moment in self.trouble:
            raise self.trouble[moment]


class Filler(Toy):
    """A toy that can fill in missing cells: with the first value it saw."""

    name = "filler"

    def complete(self, table, *, seed=None, progress=None):
        return table.fillna({name: self.table[name].dropna().iloc[0] for name in self.table})


def tabllm_command(*arguments: str) -> list[str]:
    """The command line in a process of its own, with the toy registered."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from tabular.registry import register; register('toy', 'toy:Toy')\n"
        "from tabllm.cli.main import main; main()"
    )
    return [sys.executable, "-c", program, *arguments]
