"""The bars of each column: few, shared by all tables, and summing to the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.metrics.distributions import MAX_CATEGORIES, _edges, distance_histogram, distribution_facts, grain
from tabular.schema import Column, Schema


def facts_of(tables, real, synthetic=None, holdout=None, kind=None):
    """The distribution of one column, given as plain lists."""
    frames = [None if x is None else pd.DataFrame({"x": x}) for x in (real, real if synthetic is None else synthetic)]
    schema = None
    if kind is not None:
        values = tuple(sorted({v for v in real if pd.notna(v)}))
        listed = values if kind == "categorical" else ()
        schema = Schema((Column("x", kind, str(frames[0].x.dtype), categories=listed),))
    made = tables(frames[0], frames[1], None if holdout is None else pd.DataFrame({"x": holdout}), schema)
    return distribution_facts(made)[0]


def test_each_of_few_whole_numbers_has_its_bin(tables):
    real = [1] * 50 + [2] * 30 + [4] * 20
    facts = facts_of(tables, real, [4] * 100, kind="integer")
    assert facts.edges == (0.5, 1.5, 2.5, 3.5, 4.5)
    assert facts.real_percent == (50, 30, 0, 20)
    assert facts.synthetic_percent == (0, 0, 0, 100)
    assert facts.labels == ()


def test_a_number_with_much_of_the_mass_stands_in_its_own_bar(tables):
    rng = np.random.default_rng(0)
    real = np.where(np.arange(1000) < 900, 0.0, rng.normal(50, 5, 1000))
    facts = facts_of(tables, real, kind="continuous")
    assert facts.labels == ("0",)
    assert facts.real_percent[-1] == 90
    assert facts.edges[0] > 30
    assert sum(facts.real_percent) == pytest.approx(100)


def test_what_lies_beyond_the_real_range_is_in_the_last_bin(tables):
    real = np.linspace(0, 1, 500)
    facts = facts_of(tables, real, np.full(500, 9.0), kind="continuous")
    assert facts.synthetic_percent[-1] == 100
    assert facts.edges[-1] <= 1


def test_ten_thousand_categories_make_few_bars(tables):
    rng = np.random.default_rng(0)
    real = [f"c{i}" for i in np.minimum(rng.geometric(0.001, 20_000), 10_000)]
    facts = facts_of(tables, real, kind="categorical")
    assert len(facts.labels) == MAX_CATEGORIES + 1
    assert facts.labels[-1] == "other values"
    assert facts.folded == len(set(real)) - MAX_CATEGORIES
    assert sum(facts.real_percent) == pytest.approx(100, abs=0.1)


def test_a_category_that_the_synthetic_table_overdoes_is_seen(tables):
    real = [f"c{i:02}" for i in range(50)] * 20
    facts = facts_of(tables, real, ["c49"] * 1000, kind="categorical")
    assert facts.labels[0] == "c49"
    assert (facts.real_percent[0], facts.synthetic_percent[0]) == (2, 100)


def test_missing_and_invented_cells_have_bars_where_there_are_any(tables):
    real = ["a"] * 60 + ["b"] * 40
    facts = facts_of(tables, real, ["a"] * 50 + ["new"] * 30 + [None] * 20, ["b"] * 100, kind="categorical")
    assert facts.labels == ("a", "b", "not in the real table", "missing")
    assert facts.real_percent == (60, 40, 0, 0)
    assert facts.synthetic_percent == (50, 0, 30, 20)
    assert facts.holdout_percent == (0, 100, 0, 0)


def test_a_numeric_column_without_a_value_is_survived(tables):
    schema = Schema((Column("x", "continuous", "float64"),))
    empty = pd.DataFrame({"x": [np.nan] * 20})
    facts = distribution_facts(tables(empty, empty, None, schema))[0]
    assert (facts.labels, facts.real_percent) == (("missing",), (100,))
    filled = distribution_facts(tables(empty, pd.DataFrame({"x": np.arange(20.0)}), None, schema))[0]
    assert sum(filled.synthetic_percent) == pytest.approx(100)
    assert filled.real_percent[-1] == 100


def test_a_constant_number_is_one_bar(tables):
    facts = facts_of(tables, [7.0] * 20, [7.0] * 10 + [8.0] * 10, kind="continuous")
    assert facts.labels == ("7", "not in the real table")
    assert facts.synthetic_percent == (50, 50)


def test_instants_keep_their_days(tables):
    days = pd.date_range("2024-01-01", periods=200, freq="D")
    facts = distribution_facts(tables(pd.DataFrame({"x": days}), pd.DataFrame({"x": days})))[0]
    assert facts.kind == "datetime"
    assert pd.Timestamp(facts.edges[0], unit="s") == pd.Timestamp("2023-12-31 12:00")  # bins of whole days
    assert facts.real_percent == facts.synthetic_percent


def test_distances_share_their_bins():
    facts = distance_histogram(np.zeros(100), np.linspace(0, 2, 1000))
    assert facts.synthetic_percent[0] == 100
    assert sum(facts.holdout_percent) == pytest.approx(100)
    assert len(facts.edges) == len(facts.holdout_percent) + 1
    assert distance_histogram(np.zeros(10), np.zeros(10)).edges[-1] == 1


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.arange(100.0), 1),
        (np.arange(0, 100, 5.0), 5),
        (np.round(np.arange(200) * 0.01, 2), 0.01),
        (1.7e9 // 86400 * 86400 + 86400 * np.arange(60.0), 86400),
        (1.7e9 // 60 * 60 + 60 * np.arange(60.0) * 7, 60),
        (np.random.default_rng(0).normal(size=50), 0),
    ],
)
def test_bins_hold_equally_many_of_the_values_that_can_occur(values, step):
    assert grain(values) == step
    edges = _edges(values)
    if step:
        widths = np.diff(edges) / step
        np.testing.assert_allclose(widths, np.round(widths), atol=1e-6)
        # No edge lies on a value, so that none of them falls into two bins or on either side by rounding.
        offsets = np.abs((edges / step) % 1 - 0.5)
        np.testing.assert_allclose(offsets, 0, atol=1e-3)
