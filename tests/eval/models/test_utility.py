"""Training on the synthetic table is worth what the table is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.models.pair import check_protocol, train_pair
from eval.models.utility import check_target, guess_target, measure_utility
from tabular.errors import UsageError
from tabular.schema import Column, Schema


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 30)


def schema_of(*columns):
    return Schema(tuple(Column(name, kind, "object", categories=categories) for name, kind, categories in columns))


def test_the_same_table_is_exactly_as_useful(people, tables):
    real = people(1000, 0)
    utility, notes = measure_utility(tables(real, real.copy(), people(500, 2)), "clicked", threads=1)
    assert utility.task == "binary"
    assert utility.tested_on == "holdout"
    assert utility.synthetic.metrics == utility.real.metrics
    assert utility.real.metrics["auc"] > 0.7
    assert notes == []


def test_shuffled_labels_teach_nothing(people, tables):
    real = people(1500, 0)
    synthetic = real.assign(clicked=np.random.default_rng(0).permutation(real.clicked.to_numpy()))
    utility, _ = measure_utility(tables(real, synthetic, people(800, 2)), "clicked", threads=1)
    assert utility.synthetic.metrics["auc"] < 0.6 < utility.real.metrics["auc"]


def test_without_a_holdout_a_fifth_of_the_real_table_is_kept_back_and_said(people, tables):
    utility, notes = measure_utility(tables(people(500, 0), people(500, 1)), "clicked", threads=1)
    assert utility.tested_on == "split"
    assert (utility.test_rows, utility.real.rows) == (100, 400)
    assert "holdout" in notes[0]


def test_a_dropped_class_is_survived_and_said(people, tables):
    synthetic = people(500, 1).assign(clicked=False)
    utility, notes = measure_utility(tables(people(500, 0), synthetic, people(300, 2)), "clicked", threads=1)
    assert utility.synthetic.metrics["auc"] == 0.5
    assert utility.synthetic.metrics["recall"] == 0
    assert any("lacks a class" in note for note in notes)


def test_the_rarer_class_is_the_positive_one(tables):
    real = pd.DataFrame({"x": [i % 9 for i in range(100)], "y": ["buy"] * 20 + ["leave"] * 80})
    utility, _ = measure_utility(tables(real, real), "y", threads=1)
    assert utility.positive == "buy"


def test_several_classes_are_scored_as_such(tables):
    rng = np.random.default_rng(0)

    def sample(rows):
        x = rng.normal(size=rows)
        return pd.DataFrame({"x": x, "y": np.select([x < -0.5, x < 0.5], ["low", "mid"], "high")})

    utility, _ = measure_utility(tables(sample(600), sample(600), sample(300)), "y", threads=1)
    assert utility.task == "multiclass"
    assert utility.classes == ("high", "low", "mid")
    assert utility.synthetic.metrics["accuracy"] > 0.95
    assert utility.synthetic.metrics["auc"] > 0.98


def test_a_numeric_target_is_a_regression(people, tables):
    utility, _ = measure_utility(tables(people(800, 0), people(800, 1), people(400, 2)), "income", threads=1)
    assert (utility.task, utility.headline) == ("regression", "r2")
    assert utility.synthetic.metrics["r2"] == pytest.approx(utility.real.metrics["r2"], abs=0.1)
    assert utility.real.metrics["r2"] > 0.6


def test_labels_that_the_real_table_never_has_are_skipped_and_said(people, tables):
    synthetic = people(400, 1)
    synthetic["device"] = synthetic.device.where(np.arange(400) >= 40, "toaster")
    utility, notes = measure_utility(tables(people(400, 0), synthetic, people(200, 2)), "device", threads=1)
    assert utility.synthetic.rows == 360
    assert any("40 synthetic rows" in note for note in notes)


def test_a_target_with_one_value_gives_no_utility(people, tables):
    real = people(100, 0).assign(clicked=True)
    utility, notes = measure_utility(tables(real, real), "clicked", threads=1)
    assert utility is None
    assert "single value" in notes[0]


def test_a_telling_name_is_guessed_before_the_last_column():
    assert guess_target(schema_of(("Clicked", "boolean", (0, 1)), ("z", "boolean", (0, 1)))) == "Clicked"


def test_a_last_column_of_two_classes_is_guessed():
    assert guess_target(schema_of(("a", "continuous", ()), ("z", "boolean", (0, 1)))) == "z"


def test_nothing_is_guessed_where_nothing_is_plain():
    assert guess_target(schema_of(("a", "boolean", (0, 1)), ("z", "continuous", ()))) is None
    assert guess_target(schema_of(("y", "categorical", tuple(range(50))), ("z", "categorical", (1, 2, 3)))) is None


def test_an_unknown_target_is_refused_with_the_columns_named():
    with pytest.raises(UsageError, match=r"'nope'.*a, z"):
        check_target("nope", schema_of(("a", "continuous", ()), ("z", "text", ())))
    with pytest.raises(UsageError, match="text"):
        check_target("z", schema_of(("a", "continuous", ()), ("z", "text", ())))


def test_the_same_table_has_no_difference_whatever_the_resample(people, tables):
    real = people(600, 0)
    utility, _ = measure_utility(tables(real, real.copy(), people(400, 2)), "clicked", threads=1)
    assert {(d.value, d.low, d.high) for d in utility.differences.values()} == {(0, 0, 0)}
    assert set(utility.differences) == {"auc", "pr_auc", "f1", "log_loss", "normalised_entropy"}
    auc = utility.real.intervals["auc"]
    assert auc.low < utility.real.metrics["auc"] == auc.value < auc.high
    assert utility.importance_agreement == pytest.approx(1)
    assert utility.features[0].name == "device"


def test_shuffled_labels_are_worse_beyond_chance_and_rest_on_other_columns(people, tables):
    real = people(1500, 0)
    synthetic = real.assign(clicked=np.random.default_rng(0).permutation(real.clicked.to_numpy()))
    utility, _ = measure_utility(tables(real, synthetic, people(800, 2)), "clicked", threads=1)
    assert utility.differences["auc"].high < 0 < utility.differences["log_loss"].low
    device = next(f for f in utility.features if f.name == "device")
    assert device.synthetic_percent < 30 < device.real_percent


def test_clicks_of_two_per_cent_are_scored(tables):
    def sample(rows, seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=rows)
        chance = 0.02 * np.exp(1.5 * x) / np.exp(1.5**2 / 2)
        clicked = (rng.random(rows) < chance).astype(int)
        return pd.DataFrame({"x": x, "noise": rng.normal(size=rows), "clicked": clicked})

    utility, _ = measure_utility(tables(sample(8000, 0), sample(8000, 1), sample(8000, 2)), "clicked", threads=1)
    assert utility.positive == "1"
    assert 0.7 < utility.synthetic.metrics["normalised_entropy"] < 1
    assert utility.synthetic.metrics["pr_auc"] > 0.05
    assert 0.5 < utility.synthetic.metrics["predicted_observed"] < 1.5
    difference = utility.differences["normalised_entropy"]
    assert difference.low < 0.03
    assert difference.high > -0.03


def test_the_protocol_of_the_report_is_the_library_as_it_comes(people, tables):
    xgboost = pytest.importorskip("xgboost")
    both = tables(people(500, 0), people(500, 1), people(300, 2))
    pair, _ = train_pair(both, "clicked", protocol="report", threads=1)
    from eval.preparing.features import feature_matrix

    x, types = feature_matrix(both.real, pair.names, both)
    x_test, _ = feature_matrix(both.holdout, pair.names, both)
    library = xgboost.XGBClassifier(feature_types=types, enable_categorical=True, n_jobs=1)
    library.fit(x, pair.task.labels(both.real))
    assert pair.real.prediction == pytest.approx(library.predict_proba(x_test), abs=1e-5)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(UsageError, match="standard, report"):
        check_protocol("best")
