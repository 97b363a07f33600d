"""Cells that are Python objects are held as text and come back as objects of the same type."""

from __future__ import annotations

import datetime
import uuid

import numpy as np
import pandas as pd
import pytest

from tabular import from_arrays, infer_schema, to_arrays
from tabular.encoding.object_cells import object_dtype

ROWS = 40
rng = np.random.default_rng(7)
CELLS = {
    "time": [datetime.time(int(h), int(m)) for h, m in rng.integers(0, 24, (ROWS, 2))],
    "uuid": [uuid.UUID(bytes=rng.bytes(16)) for _ in range(ROWS)],
    "json": [["a", "b"][: n % 3] for n in range(ROWS)],
    "bytes": [b"left", b"right"] * (ROWS // 2),
    "bytes[hex]": [bytes([255, n]) for n in range(ROWS)],
}


@pytest.mark.parametrize("dtype", CELLS)
def test_objects_come_back_as_what_they_were(dtype):
    cells = pd.Series([None, *CELLS[dtype]], dtype=object)
    schema = infer_schema(pd.DataFrame({"odd": cells, "n": range(ROWS + 1)}))
    assert schema["odd"].dtype == object_dtype(cells) == dtype
    made = from_arrays(to_arrays(pd.DataFrame({"odd": cells, "n": range(ROWS + 1)}), schema), schema)["odd"]
    kinds = {type(cell) for cell in CELLS[dtype]}
    assert {type(cell) for cell in made.dropna()} == kinds
    if schema["odd"].has_categories:
        assert made.dropna().tolist() == CELLS[dtype]
        assert pd.isna(made[0])


def test_dicts_are_objects_of_json_and_nested_values_survive():
    cells = [{"a": [1, 2], "b": {"c": None}}, {"a": [], "b": {"c": "ü"}}] * 20
    table = pd.DataFrame({"d": pd.Series(cells, dtype=object), "n": range(40)})
    schema = infer_schema(table)
    assert from_arrays(to_arrays(table, schema), schema)["d"].tolist() == cells


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_time_spans_are_seconds_and_come_back_as_spans(unit):
    spans = pd.Series(pd.to_timedelta(rng.integers(0, 10**6, ROWS), unit="s")).astype(f"timedelta64[{unit}]")
    spans[3] = pd.NaT
    table = pd.DataFrame({"span": spans, "n": range(ROWS)})
    schema = infer_schema(table)
    assert (schema["span"].kind, schema["span"].decimals) == ("continuous", 0)
    pd.testing.assert_series_equal(from_arrays(to_arrays(table, schema), schema)["span"], spans, check_names=False)


def test_periods_and_intervals_are_text():
    periods = pd.period_range("2020-01", periods=ROWS, freq="M")
    table = pd.DataFrame({"month": periods, "cut": pd.cut(pd.Series(range(ROWS)), 3).astype(object), "n": range(ROWS)})
    schema = infer_schema(table)
    made = from_arrays(to_arrays(table, schema), schema)
    assert made["cut"].astype(str).tolist() == table["cut"].astype(str).tolist()
    assert schema.notes == ()
