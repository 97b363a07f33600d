"""Copies single out learned rows; a fresh sample singles out as many held-out ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.attacks.singling_out import multivariate_predicates, single_out, univariate_matches


def test_a_leaked_table_singles_out_every_row_it_speaks_of(people, tables):
    real = people(600, 0)
    (univariate, multivariate), notes = single_out(tables(real, real.copy(), people(600, 2)))
    assert univariate.whole_percent > 99  # all but "age <= 18" and "age >= 79"
    assert (univariate.learned.value, univariate.holdout.value) == pytest.approx((1, 0), abs=0.05)
    assert univariate.excess.low > 0.9
    assert multivariate.whole_percent == 100
    assert multivariate.excess.low > 0.3
    assert notes == []


def test_a_fresh_sample_singles_out_no_more_learned_than_held_out_rows(people, tables):
    found, _ = single_out(tables(people(1000, 0), people(1000, 1), people(1000, 2)))
    for each in found:
        assert each.excess.low < 0.02, each.kind
        assert each.excess.high > -0.02, each.kind


def test_a_small_holdout_is_compared_with_parts_of_its_size(people, tables):
    found, _ = single_out(tables(people(2000, 0), people(1000, 1), people(500, 2)))
    for each in found:
        assert each.excess.low < 0 < each.excess.high, each.kind


def test_many_predicates_that_hit_one_row_are_not_many_trials(tables):
    """One held-out row lies far out, and nearly all predicates hit it: that is one accident, not forty."""
    rng = np.random.default_rng(0)
    wide = pd.DataFrame({"x": rng.normal(size=400), "y": rng.normal(size=400)})
    narrow = wide / 10
    holdout = pd.concat([narrow.head(399), pd.DataFrame({"x": [9.0], "y": [9.0]})], ignore_index=True)
    found, _ = single_out(tables(narrow, wide, holdout))
    multivariate = found[-1]
    assert multivariate.holdout.value > 0.1
    assert multivariate.holdout.high - multivariate.holdout.low > 0.3


def test_univariate_predicates_of_a_hand_made_column(tables):
    real = pd.DataFrame({"x": [1.5, 2.5, 2.5, 9.5] * 5, "c": ["a", "b"] * 10})
    synthetic = pd.DataFrame({"x": [2.5] * 18 + [1.5, np.nan], "c": ["a"] * 19 + ["b"]})
    both = tables(real, synthetic)
    rng = np.random.default_rng(0)
    (found,) = univariate_matches(both, both.synthetic, [both.real], [np.zeros(20, int)], rng)
    # x == 1.5, x <= 1.5, x >= 2.5, x is missing; c == b
    assert found[:, 0, 0].tolist() == [5, 5, 15, 0, 10]


def test_multivariate_predicates_look_away_from_the_median(tables):
    table = pd.DataFrame({"x": np.arange(20) + 0.5, "c": ["a", "b"] * 10})
    both = tables(table, table)
    fits = multivariate_predicates(both.real, np.array([2, 17]), ["x", "c"], {"x": 10.0}, both.real)
    assert np.flatnonzero(fits[0]).tolist() == [0, 2]  # x <= 2.5 and c == a
    assert np.flatnonzero(fits[1]).tolist() == [17, 19]  # x >= 17.5 and c == b


def test_missing_numbers_fit_missing_numbers(tables):
    table = pd.DataFrame({"x": [np.nan, 1.5] * 10, "c": ["a", "b"] * 10})
    both = tables(table, table)
    fits = multivariate_predicates(both.real, np.array([0]), ["x"], {"x": 1.5}, both.real)
    assert np.flatnonzero(fits[0]).tolist() == list(range(0, 20, 2))


def test_a_table_without_any_lone_value_offers_no_predicate(tables):
    table = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["u", "u", "v", "v"] * 25})
    assert single_out(tables(table, table, table)) == ((), [])
    assert single_out(tables(table, table)) == ((), [])
