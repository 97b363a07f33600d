"""The command line under test, a small table of visits, and a toy generator to run it with."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.cli.main import main
from tabular import registry

HERE = Path(__file__).parent


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one line that a failed command prints."""
        assert self.code != 0, self.out
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        return lines[0]


@pytest.fixture(autouse=True)
def own_notes(tmp_path_factory, monkeypatch):
    """Where local models lie is noted in a folder of the tests' own."""
    folder = str(tmp_path_factory.getbasetemp() / "assets")
    monkeypatch.setattr("huggingface_hub.constants.HF_ASSETS_CACHE", folder)
    monkeypatch.setenv("HF_ASSETS_CACHE", folder)


@pytest.fixture
def here(request, tmp_path, monkeypatch) -> Path:
    """A copy of the folder that a module's own fixture ``fitted`` made, to work, or to break things, in."""
    shutil.copytree(request.getfixturevalue("fitted"), tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_tabllm(capfd):
    """``run_tabllm("sample", "run", ...)`` in this process."""

    def run(*arguments) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Outcome(int(exit_.value.code or 0), out, err)

    return run


@pytest.fixture
def toy(monkeypatch):
    """The class of the toy generator, registered as ``toy`` (and ``filler``)."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    registry.register("toy", "toy:Toy")
    registry.register("filler", "toy:Filler")
    from toy import Toy

    monkeypatch.setattr(Toy, "trouble", {})
    return Toy


@pytest.fixture
def visits_table() -> pd.DataFrame:
    """300 visits; one in ten was clicked, some ages are missing."""
    rng = np.random.default_rng(0)
    age = pd.Series(rng.integers(18, 80, 300).astype(float))
    age[rng.random(300) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "device": rng.choice(["ios", "android", "desktop"], 300),
            "spend": rng.gamma(2, 20, 300).round(2),
            "clicked": (rng.random(300) < 0.1).astype(int),
        }
    )


@pytest.fixture
def visits(tmp_path, monkeypatch, visits_table) -> Path:
    """``visits.csv`` in the working directory."""
    monkeypatch.chdir(tmp_path)
    visits_table.to_csv("visits.csv", index=False)
    return Path("visits.csv")


@pytest.fixture
def run(visits, toy, run_tabllm) -> Path:
    """``visits-run``, fitted on :func:`visits` by the toy."""
    assert run_tabllm("fit", visits, "-m", "toy").code == 0
    return Path("visits-run")
