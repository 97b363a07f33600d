"""A small run whose rows are quickly made, and jobs on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.cluster.cutting import sample_job
from tabllm.cluster.job import Work
from tabular.registry import create, load_run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Path:
    """``nano`` after two updates, of a table of clicks with identifiers that count."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": np.arange(1, 201),
            "device": rng.choice(["ios", "web"], 200),
            "clicked": rng.integers(0, 2, 200),
        }
    )
    folder = tmp_path_factory.mktemp("cluster") / "run"
    create("nano", steps=2, device="cpu", engine="torch").fit(table).save(folder)
    return folder


@pytest.fixture(scope="session")
def loaded(small_run):
    return load_run(small_run, device="cpu")


@pytest.fixture
def work_to(small_run, loaded):
    """``work_to(folder, parts=2, seed=0)``: sampling into a folder, the last part of 10 rows."""

    def made(out, *, parts: int = 2, seed: int = 0, **settings) -> Work:
        job = sample_job(loaded, small_run, (parts - 1) * loaded.part_rows + 10, seed=seed, settings=settings)
        return Work.of(job, small_run, str(out))

    return made
