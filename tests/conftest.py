"""Fixtures of every package's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """``shared_data(name)``: the folder of a real data set beside the checkout; skips where there is none."""

    def find(name: str) -> Path:
        path = Path(__file__).resolve().parents[2] / "shared" / "data" / name
        if not path.is_dir():
            pytest.skip(f"the data set {name} is not here")
        return path

    return find
