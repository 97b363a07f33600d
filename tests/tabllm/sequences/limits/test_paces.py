"""Drawn times leave about as much for the events to come as learned histories do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm.sequences.layout import Layout
from tabllm.sequences.limits.paces import Paces
from tabular.encoding.arrays import to_arrays
from tabular.plain_json import FieldError
from tabular.relations.log import infer_log_schema, read_log


@pytest.fixture(scope="module")
def paces() -> Paces:
    """Of 60 users with an event every second day, of 9 to 20 events each."""
    counts = 9 + np.arange(60) % 12
    user = np.repeat(np.arange(60), counts)
    step = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    time = pd.Timestamp("2026-01-01") + pd.to_timedelta(2 * step, unit="D")
    table = pd.DataFrame({"user": [f"u{number}" for number in user], "time": time, "page": "x"})
    schema = infer_log_schema(table, "user", "time")
    found = Layout.of(read_log(to_arrays(table, schema), schema, "user", "time")).paces
    assert found is not None
    return found


def test_what_learned_histories_leave_is_within_the_bounds_and_more_or_less_is_beyond(paces):
    left = np.array([1, 2, 3, 7, 12])
    assert paces.beyond(left, 2.0 * left).max() < 1e-6
    assert paces.beyond(left, 0.0 * left).min() > 1
    more, less = paces.beyond(left, 4.0 * left), paces.beyond(left, 1.0 * left)
    assert more == pytest.approx(np.log(2))
    assert less == pytest.approx(np.log(2))


def test_nothing_bounds_the_last_event_and_histories_longer_than_those_that_were_learned(paces):
    assert paces.beyond(np.array([0, 1000]), np.array([0.0, 1.0])).tolist() == [0, 0]


def test_they_are_read_as_they_were_written(paces):
    assert Paces.from_dict(paces.to_dict()) == paces
    with pytest.raises(FieldError, match="high"):
        Paces.from_dict({**paces.to_dict(), "high": ["often"]})
