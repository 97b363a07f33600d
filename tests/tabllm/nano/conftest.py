"""A small nano, for tests that fit one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM


@pytest.fixture(scope="session")
def small() -> Callable[..., TableLM]:
    """``small(steps=5)``: an unfitted model of few weights, which torch computes on the CPU."""
    return partial(TableLM, engine="torch", device="cpu", width=32, layers=1, heads=2)


@pytest.fixture(scope="session")
def sized_colours() -> Callable[[np.random.Generator], pd.DataFrame]:
    """600 rows of a colour and a size that goes with it, all 3 * 4 combinations among them."""

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        colour = rng.integers(0, 3, 600)
        size = (rng.integers(0, 3, 600) + colour) % 4
        return pd.DataFrame({"colour": np.array(["red", "green", "blue"])[colour], "size": size.astype(float)})

    return draw
