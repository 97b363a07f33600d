"""A small nano, for tests that fit one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tabllm import TableLM


@pytest.fixture(scope="session")
def small() -> Callable[..., TableLM]:
    """``small(steps=5)``: an unfitted model of few weights, which torch computes on the CPU."""
    return partial(TableLM, engine="torch", device="cpu", width=32, layers=1, heads=2)
