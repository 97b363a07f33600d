"""Small tables that show one case each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


def make_people(rows: int, seed: int) -> pd.DataFrame:
    """A table of every kind whose columns depend on each other, and a target that can be learned."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    income = np.round(1000 + 40 * age + rng.normal(0, 300, rows), 2)
    device = np.where(rng.random(rows) < age / 100, "desktop", "phone")
    clicked = rng.random(rows) < np.where(device == "phone", 0.6, 0.1)
    return pd.DataFrame({"age": age, "income": income, "device": device, "clicked": clicked})


@pytest.fixture
def people():
    """``people(rows, seed)``: independent samples of one population."""
    return make_people


@pytest.fixture
def tables():
    """``tables(real, synthetic, holdout=None)``: the canonical arrays that metrics read."""
    from eval.preparing.tables import load_tables
    from tabular.preparing.inference import infer_schema

    def load(real, synthetic, holdout=None, schema=None):
        return load_tables(real, synthetic, holdout, schema or infer_schema(real))

    return load
