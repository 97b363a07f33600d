"""Counts of distinct values, rows drawn at random, and the keys that they are drawn by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabular.io.formats.native_dtypes import native_column
from tabular.preparing.row_keys import RowKeys, smallest_keys
from tabular.streams.native import NativeType
from tabular.streams.reservoir import Reservoir
from tabular.streams.tallies import Tally, value_counts


def tallied(cells: list, distinct: int, block: int = 100) -> Tally:
    tally = Tally(distinct, 1 << 20)
    for start in range(0, len(cells), block):
        tally.add(*value_counts(pa.chunked_array([cells[start : start + block]])))
    return tally


@pytest.mark.parametrize("kind", ["text", "number"])
def test_few_values_are_counted_exactly_in_the_order_in_which_they_come(kind):
    numbers = np.random.default_rng(0).integers(0, 300, 2000)
    cells = [f"v{n}" for n in numbers] if kind == "text" else numbers.tolist()
    tally = tallied([*cells, None], 400)
    values, counts = tally.counted()
    expected = pd.Series(cells).value_counts(sort=False)
    assert tally.level == 0
    assert values.to_pylist() == expected.index.tolist()
    assert counts.tolist() == expected.tolist()


def test_of_many_values_some_are_counted_exactly_and_their_number_tells_how_many_there_are():
    cells = [f"v{n}" for n in np.random.default_rng(0).integers(0, 20_000, 40_000)]
    tally = tallied(cells, 2000, block=1000)
    values, counts = tally.counted()
    expected = pd.Series(cells).value_counts()
    assert tally.level > 0
    assert len(values) <= 2000
    assert counts.tolist() == expected[values.to_pylist()].tolist()
    assert len(values) << tally.level == pytest.approx(len(expected), rel=0.1)


def test_rows_are_drawn_evenly_and_in_their_order():
    hits = np.zeros(400)
    for seed in range(60):
        reservoir = Reservoir(40, seed)
        for start in range(0, 400, 30):
            reservoir.offer(pa.table({"row": np.arange(start, min(400, start + 30))}))
        drawn, numbers = reservoir.drawn()
        assert drawn["row"].to_pylist() == numbers.tolist() == sorted(numbers)
        assert len(numbers) == 40
        hits[numbers] += 1
    quarters = hits.reshape(4, 100).sum(axis=1)
    assert np.abs(quarters - 600).max() < 90  # four standard deviations


@pytest.mark.parametrize("count", [0, 1, 7, 999, 1000, 2000])
def test_the_smallest_keys_are_those_that_sorting_finds(count):
    expected = np.zeros(1000, bool)
    expected[np.argsort(RowKeys(3).next(1000), kind="stable")[:count]] = True
    np.testing.assert_array_equal(smallest_keys(1000, count, 3), expected)


COLUMNS = {
    "integers": ["1", "2", "-3"],
    "integers with gaps": ["1", None, "3"],
    "leading zero": ["1", "2", "03"],
    "fractions": ["0.5", "1.0", "2.25"],
    "integer among fractions": ["0.5", "1.0", "2"],
    "fraction after integers": ["1", "2", "2.5"],
    "thousands": ["1.234", "2.345", "3.456"],
    "thousands and others": ["1.234", "2.345", "3.45"],
    "truth": ["True", "False", "True"],
    "truth with gaps": ["True", None, "True"],
    "truth and text": ["True", "False", "x"],
    "text": ["a", "1", "2"],
    "nan first": ["nan", "0.5", "1.5"],
    "nothing": [None, None, None],
    "late text": [None, "5", "x"],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_dtype_that_blocks_settle_is_that_of_the_column_as_a_whole(name):
    cells = pa.chunked_array([pa.array(COLUMNS[name], pa.string())])
    settled = NativeType()
    for place in range(len(cells)):  # one cell per block
        one = cells.slice(place, 1)
        settled.add(value_counts(one)[0], gaps=bool(one.null_count))
    pd.testing.assert_series_equal(settled.series(cells), native_column(cells))
