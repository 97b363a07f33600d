"""Known answers of the pair metrics, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.metrics import trends as trends_module
from eval.metrics.trends import correlations, cramers_v, pair_trends


def only_pair(tables_):
    trends, _ = pair_trends(tables_)
    assert len(trends.pairs) == 1
    return trends.pairs[0]


def test_identical_tables_have_no_error(people, tables):
    real = people(400, 0)
    trends, notes = pair_trends(tables(real, real.copy()))
    assert trends.error_percent == 0
    assert trends.sdmetrics_error_percent == 0
    assert len(trends.pairs) == 6
    assert notes == []


def test_a_reversed_correlation_is_an_error_of_one(tables):
    x = np.linspace(0, 1, 101)
    pair = only_pair(tables(pd.DataFrame({"x": x, "y": x}), pd.DataFrame({"x": x, "y": 1 - x})))
    assert pair.metric == "correlation"
    assert pair.error_percent == pytest.approx(100)  # |1 - (-1)| / 2
    assert (pair.real_strength, pair.synthetic_strength) == pytest.approx((1, -1))


def test_a_lost_dependence_of_two_categories_is_an_error_of_a_half(tables):
    real = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["u", "v"] * 50})
    synthetic = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["u", "u", "v", "v"] * 25})
    # real: xu .5, yv .5; synthetic: four cells of .25: (.25 * 4) / 2
    pair = only_pair(tables(real, synthetic))
    assert pair.metric == "contingency"
    assert pair.error_percent == pytest.approx(50)
    assert (pair.real_strength, pair.synthetic_strength) == pytest.approx((1, 0))


def test_a_number_beside_a_category_is_cut_by_the_real_range(tables):
    real = pd.DataFrame({"a": ["x", "y"] * 50, "n": [0.5, 9.5] * 50})
    # One stray value, far out: it goes to the last bin and moves no other.
    synthetic = pd.DataFrame({"a": ["x", "y"] * 50, "n": [0.5, 9.5] * 49 + [0.5, 1e6]})
    trends, _ = pair_trends(tables(real, synthetic))
    assert trends.error_percent == 0
    # Cut by its own range, all but one value fall into the first bin: the 49 of y are misplaced.
    assert trends.sdmetrics_error_percent == pytest.approx(49)


def test_missing_cells_are_a_value_of_their_own(tables):
    real = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["u", "v"] * 50})
    synthetic = real.assign(b=["u", None] * 50)
    assert only_pair(tables(real, synthetic)).error_percent == pytest.approx(50)


def test_a_collapsed_column_counts_as_uncorrelated(tables):
    x = np.linspace(0, 1, 100)
    pair = only_pair(tables(pd.DataFrame({"x": x, "y": x}), pd.DataFrame({"x": x, "y": 0.5})))
    assert pair.error_percent == pytest.approx(50)  # |1 - 0| / 2
    assert pair.synthetic_strength is None


def test_correlations_are_those_of_pandas_where_cells_are_missing():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4)) + 1e9)
    frame = frame.mask(rng.random(frame.shape) < 0.3)
    assert correlations(frame.to_numpy()) == pytest.approx(frame.corr().to_numpy(), abs=1e-6)


def test_correlation_with_a_constant_is_undefined():
    assert np.isnan(correlations(np.column_stack([np.ones(9), np.arange(9.0)]))[0, 1])


def test_cramers_v_of_a_hand_worked_example():
    # shares 3/8 1/8 / 1/8 3/8: chi2 / n = sum (.125^2 / .25) = .25, V = .5
    assert cramers_v(np.array([[3, 1], [1, 3]]) / 8) == pytest.approx(0.5)
    assert cramers_v(np.array([[1.0, 0.0]])) is None


def test_long_category_lists_are_counted_sparsely_with_the_same_result(monkeypatch, people, tables):
    both = tables(people(500, 0), people(500, 1))
    dense, _ = pair_trends(both)
    monkeypatch.setattr(trends_module, "MAX_DENSE_CELLS", 1)
    sparse, _ = pair_trends(both)
    assert sparse.error_percent == pytest.approx(dense.error_percent)


def test_large_tables_are_sampled_and_say_so(monkeypatch, people, tables):
    monkeypatch.setattr(trends_module, "MAX_CELLS", 1)
    trends, notes = pair_trends(tables(people(12_000, 0), people(11_000, 1)))
    assert trends.rows_used == 10_000
    assert "10,000 rows" in notes[0]


def test_the_mean_over_strong_pairs_leaves_the_weak_ones_out(tables):
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    real = pd.DataFrame({"x": x, "y": x + rng.normal(0, 0.1, 500), "noise": rng.normal(size=500)})
    synthetic = real.assign(y=rng.permutation(real.y))
    trends, _ = pair_trends(tables(real, synthetic))
    assert trends.strong_pairs == 1
    assert trends.strong_error_percent == pytest.approx(50, abs=5)


def test_of_very_many_pairs_some_are_drawn_and_the_mean_is_that_of_all(people, tables, monkeypatch):
    real, synthetic = people(200, 0), people(200, 1)
    wide = [pd.concat([t.add_suffix(str(copy)) for copy in range(6)], axis=1) for t in (real, synthetic)]
    every, _ = pair_trends(tables(*wide))
    monkeypatch.setattr(trends_module, "MAX_PAIRS", 200)
    some, notes = pair_trends(tables(*wide), rng=np.random.default_rng(0))
    assert notes == ["Pair trends were measured on 200 pairs of columns drawn from 276."]
    by_name = {(p.first, p.second): p for p in every.pairs}
    assert len({(p.first, p.second) for p in some.pairs}) == 200
    assert all(by_name[p.first, p.second] == p for p in some.pairs)
    assert some.error_percent == pytest.approx(every.error_percent, rel=0.15)
