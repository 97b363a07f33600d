"""The later of two dates keeps its hours, though the time between the two is what is learned of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema, to_arrays
from tabular.rules import Rule
from tabular.rules.reducing.reduction import reduction_of

ROWS = 1500
OPEN = [9, 10, 11, 14, 15]


def parcels() -> pd.DataFrame:
    """Parcels are sent at any time, called for within minutes, and arrive in the hours of a shop days later."""
    rng = np.random.default_rng(0)
    sent = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 86400, ROWS), unit="s"))
    clock = rng.choice(OPEN, ROWS, p=[0.35, 0.3, 0.1, 0.15, 0.1]) * 3600 + rng.integers(0, 3600, ROWS)
    return pd.DataFrame(
        {
            "sent": sent,
            "called": sent + pd.to_timedelta(rng.integers(60, 900, ROWS), unit="s"),
            "got": sent.dt.normalize() + pd.to_timedelta(rng.choice([1, 2, 5], ROWS) * 86400 + clock, unit="s"),
        }
    )


@pytest.fixture(scope="module")
def schema() -> Schema:
    return replace(infer_schema(parcels()), rules=(Rule("sent <= called"), Rule("0 <= got - sent <= 6 d")))


def test_only_hours_of_its_own_are_learned_besides(schema: Schema) -> None:
    names = [column.name for column in reduction_of(schema).schema]
    assert names == ["sent", "called - sent", "got - sent", "got (time)"]


def test_a_gap_that_is_off_still_ends_in_these_hours(schema: Schema) -> None:
    reduced, arrays = reduction_of(schema), to_arrays(parcels(), schema)
    parts = reduced.split(arrays)
    assert all(np.array_equal(reduced.join(parts)[name], values) for name, values in arrays.items())
    rng = np.random.default_rng(1)
    parts["got - sent"] = parts["got - sent"] * rng.uniform(0.7, 1.3, ROWS)
    made = reduced.join(parts)
    assert set(made["got"] % 86400 // 3600) <= set(OPEN)
    assert all(rule.kept(made, schema).all() for rule in schema.rules)
    parts["got (time)"][:9] = np.nan
    assert not np.isnan(reduced.join(parts)["got"]).any()
    # A run of an earlier release has learned no time of day.
    del parts["got (time)"]
    assert not np.isnan(reduced.join(parts)["got"]).any()
