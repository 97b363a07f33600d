"""Known answers of the column metrics, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.metrics.fidelity import (
    column_fidelity,
    coverage,
    js_distance,
    ks_and_wasserstein,
    ks_statistic,
    total_variation,
)

NAN = float("nan")


def test_ks_of_a_hand_worked_example():
    # F1 steps to .25 .5 .75 1 at 1 2 3 4; F2 to .5 1 at 3 5. At 2: |.5 - 0| = .5, the greatest gap.
    assert ks_statistic(np.array([1.0, 2, 3, 4]), np.array([3.0, 5])) == 0.5


def test_ks_reads_only_the_present_cells():
    assert ks_statistic(np.array([1.0, 2, NAN, NAN]), np.array([1.0, 2])) == 0.0


def test_ks_of_disjoint_ranges_is_one():
    assert ks_statistic(np.array([1.0, 2]), np.array([3.0, 4])) == 1.0


def test_ks_of_an_empty_side_is_total_and_of_two_undefined():
    empty = np.array([NAN, NAN])
    assert ks_statistic(empty, np.array([1.0])) == 1.0
    assert ks_statistic(empty, empty) is None


def test_ks_agrees_with_scipy_in_the_presence_of_ties():
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 400).astype(float), rng.integers(1, 11, 300).astype(float)
    assert ks_statistic(a, b) == pytest.approx(scipy_stats.ks_2samp(a, b).statistic)


def test_total_variation_of_a_hand_worked_example():
    # (.5 .5 0) against (.25 .25 .5): (.25 + .25 + .5) / 2
    assert total_variation(np.array([2, 2, 0]), np.array([1, 1, 2])) == 0.5


def test_js_distance_of_hand_worked_examples():
    assert js_distance(np.array([1, 0]), np.array([0, 1])) == 1.0  # nothing in common: one bit
    assert js_distance(np.array([3, 1]), np.array([6, 2])) == 0.0
    # p = (1, 0), q = (.5, .5), m = (.75, .25):
    # (log2(4/3) + .5 log2(2/3) + .5 log2(2)) / 2 = (.415037 - .292481 + .5) / 2 = .311278
    assert js_distance(np.array([2, 0]), np.array([1, 1])) == pytest.approx(np.sqrt(0.311278), abs=1e-6)


def test_identical_tables_have_no_error(people, tables):
    real = people(500, 0)
    fidelity = column_fidelity(tables(real, real.copy(), real.copy()))
    assert fidelity.shape_error_percent == 0
    assert fidelity.shape_floor_percent == 0
    assert fidelity.js_percent == 0
    assert fidelity.overall_percent == 100
    assert fidelity.missing_error_percent == 0
    assert [c.metric for c in fidelity.columns] == ["KS", "KS", "TV", "TV"]


def test_a_shift_by_half_the_range_is_an_error_of_a_half(tables):
    real = pd.DataFrame({"x": np.linspace(0, 1, 1001), "y": np.arange(1001) % 7 + 0.5})
    fidelity = column_fidelity(tables(real, real.assign(x=real.x + 0.5)))
    assert fidelity.columns[0].error_percent == pytest.approx(50, abs=0.1)
    assert fidelity.columns[1].error_percent == 0


def test_unseen_values_are_counted_and_not_taken_for_missing(tables):
    real = pd.DataFrame({"device": ["phone", "desktop"] * 50, "n": range(100)})
    synthetic = real.assign(device=["phone", "toaster"] * 50)
    device = column_fidelity(tables(real, synthetic)).columns[0]
    assert device.error_percent == pytest.approx(50)
    assert device.unseen_percent == pytest.approx(50)
    assert device.missing_synthetic_percent == 0


def test_missing_rates_stand_apart_from_the_shape_error(tables):
    values = np.arange(200) % 10 + 0.25
    real = pd.DataFrame({"x": values, "y": ["a", "b"] * 100})
    synthetic = real.assign(x=np.where(np.arange(200) < 100, values, NAN))
    x = column_fidelity(tables(real, synthetic)).columns[0]
    assert x.error_percent == 0
    assert (x.missing_real_percent, x.missing_synthetic_percent) == (0, 50)
    assert x.js_percent > 10


def test_overall_fidelity_is_what_the_mean_of_both_distances_leaves(people, tables):
    fidelity = column_fidelity(tables(people(300, 0), people(300, 1).assign(device="phone")))
    assert fidelity.overall_percent == pytest.approx(100 - (fidelity.shape_error_percent + fidelity.js_percent) / 2)
    shown = [c.error_percent for c in fidelity.columns]
    assert fidelity.shape_error_percent == pytest.approx(np.mean(shown))


def test_wasserstein_of_a_shift_is_the_shift_in_deviations():
    x = np.arange(1000.0)
    assert ks_and_wasserstein(x, x + 2 * x.std())[1] == pytest.approx(2)
    assert ks_and_wasserstein(x, x)[1] == 0


def test_wasserstein_agrees_with_scipy():
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 400).astype(float), rng.normal(3, 2, 300)
    assert ks_and_wasserstein(a, b)[1] == pytest.approx(scipy_stats.wasserstein_distance(a, b) / a.std())


def test_wasserstein_of_constants_and_of_nothing():
    five, six, empty = np.full(3, 5.0), np.full(3, 6.0), np.array([NAN])
    assert ks_and_wasserstein(five, five) == (0, 0)
    assert ks_and_wasserstein(five, six) == (1, None)
    assert ks_and_wasserstein(five, empty) == (1, None)


def test_coverage_of_hand_made_ranges():
    real = np.array([0.0, 10.0, NAN])
    assert coverage(real, np.array([2.5, 9.5])) == pytest.approx(0.7)
    assert coverage(real, np.array([-5.0, 50.0])) == 1
    assert coverage(real, np.array([20.0, 30.0])) == 0
    assert coverage(np.full(2, 3.0), np.array([1.0, 5.0])) == 1
    assert coverage(np.full(2, 3.0), np.array([4.0, 5.0])) == 0
    assert coverage(real, np.array([NAN])) == 0
    assert coverage(np.array([NAN]), real) is None


def test_coverage_of_categories_counts_those_of_the_real_table(tables):
    real = pd.DataFrame({"c": ["a", "b", "c", "d"] * 25, "n": np.arange(100) / 3})
    synthetic = real.assign(c=["a", "b", "z", None] * 25, n=real.n / 2)
    c, n = column_fidelity(tables(real, synthetic, real)).columns
    assert (c.coverage_percent, c.coverage_floor_percent) == (50, 100)
    assert n.coverage_percent == pytest.approx(50)
    assert (c.missing_synthetic_percent, c.missing_holdout_percent) == (25, 0)
