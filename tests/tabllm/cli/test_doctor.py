"""The doctor chooses the engine that is best here, and says how to mend what is broken."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from eval.preparing.trees import Loaded
from tabllm import doctor
from tabllm.doctor import Engine

ROOT = Path(doctor.__file__).parents[1]

TORCH = Engine("torch", "2", ("cpu: 2 threads",))
CUDA = Engine("torch", "2", ("cuda: H100 (80 GB)", "cpu: 2 threads"))
MLX = Engine("mlx", "0.3", ("cpu",))
METAL = Engine("mlx", "0.3", ("metal: Apple M2 Pro (16 GB)", "cpu"))
NO_MLX, NO_TORCH = Engine("mlx", None), Engine("torch", None)
BROKEN = Engine("torch", "2", problem="libtorch.so is missing")


@pytest.mark.parametrize(
    ("mlx", "torch", "engine", "device"),
    [
        (METAL, TORCH, "mlx", "metal"),
        (MLX, CUDA, "torch", "cuda"),
        (MLX, TORCH, "torch", "cpu"),
        (NO_MLX, TORCH, "torch", "cpu"),
        (MLX, BROKEN, "mlx", "cpu"),
        (MLX, NO_TORCH, "mlx", "cpu"),
        (NO_MLX, BROKEN, "none", "none"),
    ],
)
def test_auto_takes_the_best_that_works(mlx, torch, engine, device):
    choice = doctor._choose(mlx, torch)
    assert (choice.engine, choice.device) == (engine, device)


def test_a_broken_engine_is_shown_with_its_cure(monkeypatch, run_tabllm):
    def broken():
        raise ImportError("libmlx.so: cannot open shared object file\nmore lines")

    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor.importlib, "import_module", lambda name: broken())
    found = doctor._mlx()
    assert not found.usable
    assert found.problem == "libmlx.so: cannot open shared object file"
    if sys.platform != "darwin":
        assert "mlx[cpu]" in found.hint


def test_an_absent_engine_tells_how_to_install_it(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert (doctor._mlx().version, doctor._torch().version) == (None, None)
    assert "pip install" in doctor._mlx().hint
    assert "pip install" in doctor._torch().hint


def test_every_optional_package_says_how_to_get_it():
    report = doctor.examine()
    assert all(package.version or package.install.startswith("pip install") for package in report.optional)
    assert report.machine.cores >= 1
    assert report.to_dict()["choice"]["engine"] in {"mlx", "torch"}


def test_a_mac_without_libomp_is_told_how_to_get_it(monkeypatch, run_tabllm):
    monkeypatch.setattr(doctor, "load_xgboost", lambda: Loaded(None, "it finds no libomp", "brew install libomp"))
    told = " ".join(run_tabllm("doctor").out.split())
    assert "brew install libomp" in told
    assert "it finds no libomp" in told


def test_an_old_macos_is_not_told_to_install_what_has_no_wheel_for_it(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor.platform, "mac_ver", lambda: ("13.6", ("", "", ""), "arm64"))
    assert doctor._mlx().hint == "MLX needs macOS 14 or newer"


def test_no_hint_names_a_package_that_no_index_has():
    ours = [file for name in ("tabllm", "tabular", "eval", "docs") for file in (ROOT / name).rglob("*.[pm][yd]")]
    assert len(ours) > 300
    for path in [*ours, ROOT / "README.md"]:
        assert not re.search(r"pip install (?:-U )?[\"']?tabllm", path.read_text(encoding="utf-8")), path
