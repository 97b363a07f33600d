"""The detectors are blind where there is nothing to see, and see where there is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.metrics import detection as detection_module
from eval.metrics.detection import detect, detection_score, sdmetrics_detection, twin_folds


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 40)


def test_the_score_of_known_aucs():
    assert detection_score(0.5) == 1
    assert detection_score(1.0) == detection_score(0.0) == 0
    assert detection_score(0.75) == 0.5


def test_two_samples_of_one_population_cannot_be_told_apart(people, tables):
    found, notes = detect(tables(people(2000, 0), people(2000, 1)), threads=1)
    assert found.auc == pytest.approx(0.5, abs=0.03)
    assert found.score > 0.94
    assert found.logistic_auc == pytest.approx(0.5, abs=0.03)
    assert notes == []


def test_identical_tables_are_blind_and_not_below_chance(people, tables):
    real = people(1500, 0)
    shuffled = real.sample(frac=1, random_state=1).reset_index(drop=True)
    found, _ = detect(tables(real, shuffled), threads=1)
    assert found.auc == pytest.approx(0.5, abs=0.01)


def test_a_changed_column_is_seen_and_named(people, tables):
    synthetic = people(1000, 1)
    synthetic["income"] = 5000 - synthetic.income
    found, _ = detect(tables(people(1000, 0), synthetic), threads=1)
    assert found.score < 0.2
    assert found.top_features[0].name == "income"
    assert sum(f.gain_percent for f in found.top_features) == pytest.approx(100)


def test_trees_see_lost_dependence_where_the_logistic_regression_does_not(people, tables):
    rng = np.random.default_rng(0)
    real = people(1500, 0)
    independent = pd.DataFrame({name: rng.permutation(real[name].to_numpy()) for name in real})
    found, _ = detect(tables(real, independent), threads=1)
    assert found.score < 0.4
    assert found.logistic_score > 0.85


def test_twins_share_a_fold_and_folds_are_balanced():
    rng = np.random.default_rng(0)
    rows = np.concatenate([np.arange(100), np.arange(50, 150)]).astype(np.uint64)  # 50 twins
    y = np.repeat([0.0, 1.0], 100)
    folds = twin_folds(rows, y, 5, rng)
    assert (folds[50:100] == folds[100:150]).all()
    assert (np.bincount(folds[y == 0]) == 20).all()
    assert (np.bincount(folds[y == 1]) == 20).all()


def test_repeated_rows_pair_up_one_by_one():
    folds = twin_folds(np.zeros(100, dtype=np.uint64), np.repeat([0.0, 1.0], 50), 5, np.random.default_rng(0))
    assert (np.bincount(folds) == 20).all()


def test_a_table_of_few_distinct_rows_is_still_told_apart(tables):
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"a": rng.choice(["x", "y"], 1000), "b": rng.choice(["u", "v"], 1000)})
    found, _ = detect(tables(real, real.assign(a=rng.choice(["x", "y"], 1000, p=[0.9, 0.1]))), threads=1)
    assert found.auc == pytest.approx(0.7, abs=0.04)  # by one column alone: .5 * .9 + ... = .7


def test_sizes_are_made_equal_and_the_cap_is_said(monkeypatch, people, tables):
    monkeypatch.setattr(detection_module, "MAX_ROWS", 300)
    found, notes = detect(tables(people(900, 0), people(400, 1)), threads=1)
    assert found.rows_each == 300
    assert "300 rows" in notes[0]


def test_the_seed_decides(people, tables):
    both = tables(people(600, 0), people(500, 1))
    assert detect(both, seed=3, threads=1) == detect(both, seed=3, threads=1)
    assert detect(both, seed=3, threads=1) != detect(both, seed=4, threads=1)


def test_two_real_samples_give_detection_its_noise_floor(people, tables):
    real, held = people(400, 0), people(200, 1)
    found, _ = detect(tables(real, people(400, 2).assign(age=40), held), threads=1)
    assert found.floor_rows_each == 200
    assert found.floor_score == detection_score(found.floor_auc)
    assert found.floor_score > found.score + 0.3
    bare, _ = detect(tables(real, people(400, 2).assign(age=40)), threads=1)
    assert bare.floor_score is None
    assert bare.auc == found.auc  # a holdout changes no other figure


def test_the_protocol_of_sdmetrics_counts_an_auc_below_half_as_blind(tables, people):
    real = people(300, 0)
    loaded = tables(real, real, people(300, 1))
    copied, rows = sdmetrics_detection(loaded, loaded.synthetic, threads=1)
    assert copied == 1  # twins on both sides of a split mislead the trees
    assert rows == 600
    shifted = tables(real, people(200, 2).assign(income=lambda table: table["income"] + 5000))
    assert sdmetrics_detection(shifted, shifted.synthetic, threads=1)[0] < 0.1
