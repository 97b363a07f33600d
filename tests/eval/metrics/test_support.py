"""Precision falls where synthetic rows leave the real ones, recall where they do not reach them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.metrics.support import LEVELS, integrated, measure_support, precision_curve


def cloud(rows, seed, spread=1.0):
    return pd.DataFrame(np.random.default_rng(seed).normal(0, spread, (rows, 4)), columns=list("abcd"))


def test_the_diagonal_is_perfect_and_nothing_inside_is_worst():
    assert integrated(LEVELS) == 1
    assert integrated(np.zeros_like(LEVELS)) == pytest.approx(0)
    assert integrated(np.ones_like(LEVELS)) == pytest.approx(0)


def test_a_fresh_sample_reaches_the_floor(tables):
    found, notes = measure_support(tables(cloud(1500, 0), cloud(1500, 1), cloud(1500, 2)))
    assert found.alpha_precision == pytest.approx(1, abs=0.05)
    assert found.alpha_precision == pytest.approx(found.alpha_precision_floor, abs=0.05)
    assert found.beta_recall == pytest.approx(found.beta_recall_floor, abs=0.05)
    assert found.authenticity == pytest.approx(found.authenticity_floor, abs=0.05)
    assert (found.rows, notes) == (1500, [])


def test_copies_are_perfect_and_not_authentic(tables):
    real = cloud(800, 0)
    found, _ = measure_support(tables(real, real.sample(frac=1, random_state=0), cloud(800, 2)))
    assert found.alpha_precision == pytest.approx(1)
    assert found.recall[-1] == 1 > found.recall_floor[-1]
    assert found.authenticity == 0
    assert found.authenticity_floor > 0.4


def test_a_collapsed_table_keeps_precision_at_the_centre_and_loses_recall(tables):
    found, _ = measure_support(tables(cloud(800, 0), cloud(800, 1, spread=0.2), cloud(800, 2)))
    assert found.recall[-1] < 0.5 < found.recall_floor[-1]
    assert found.precision[10] > 0.9  # nearly all of it within the inner half of real
    assert found.alpha_precision < 0.3
    assert found.beta_recall < found.beta_recall_floor - 0.2


def test_a_table_outside_has_neither(tables):
    real = cloud(500, 0)
    found, _ = measure_support(tables(real, real + 1e3, real))
    assert found.alpha_precision < 0.2
    assert found.precision[-1] <= 1


def test_tied_distances_do_not_keep_a_table_from_itself():
    ties = np.repeat([1.0, 4.0], 50)
    assert precision_curve(ties, ties) == pytest.approx(LEVELS)


def test_long_category_lists_have_the_same_centre(monkeypatch, people, tables):
    both = tables(people(400, 0), people(300, 1), people(300, 2))
    narrow, _ = measure_support(both)
    monkeypatch.setattr("eval.metrics.distance.MAX_INDICATORS", 1)
    wide, _ = measure_support(both)
    assert wide.precision == pytest.approx(narrow.precision, abs=0.01)
    assert wide.recall == pytest.approx(narrow.recall, abs=0.02)


def test_a_missing_column_and_constants_are_survived(tables):
    table = pd.DataFrame({"x": [np.nan] * 40, "c": ["a"] * 40, "n": range(40)})
    found, _ = measure_support(tables(table, table.assign(n=7), table))
    assert 0 <= found.beta_recall <= 1


def test_the_cap_is_said(monkeypatch, tables):
    monkeypatch.setattr("eval.metrics.support.MAX_ROWS", 100)
    found, notes = measure_support(tables(cloud(300, 0), cloud(200, 1)))
    assert found.rows == 100
    assert found.alpha_precision_floor is None
    assert "100 rows" in notes[0]
