"""Fixtures of every package's tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from tabular.machine.threads import allowed_cores

# What a busy machine makes slow is not wrong.
hypothesis.settings.register_profile("tabllm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tabllm")

# Whatever else runs on the machine: results can differ in their last digits with the number of threads.
os.environ.setdefault("OMP_NUM_THREADS", str(allowed_cores()))


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """``shared_data(name)``: the folder of a real data set beside the checkout; skips where there is none."""

    def find(name: str) -> Path:
        path = Path(__file__).resolve().parents[2] / "shared" / "data" / name
        if not path.is_dir():
            pytest.skip(f"the data set {name} is not here")
        return path

    return find


@pytest.fixture(scope="session")
def surveys() -> ModuleType:
    """The module ``survey.py`` beside this file."""
    spec = importlib.util.spec_from_file_location("survey", Path(__file__).with_name("survey.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
