"""The whole report on tables whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval import compare
from eval.judging.verdicts import verdicts


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 40)


def customers(rows, seed, click_rate=0.1):
    """Columns that hang together, and a click that depends on them."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    spend = np.round(rng.lognormal(3, 0.5, rows) + age, 4)
    sex = rng.choice(["F", "M"], rows)
    device = np.where(rng.random(rows) < age / 100, "desktop", "phone")
    logit = np.log(click_rate / (1 - click_rate)) + 0.05 * (spend - 70) + (device == "phone")
    clicked = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return pd.DataFrame({"age": age, "spend": spend, "sex": sex, "device": device, "clicked": clicked})


def judge(real, synthetic, rows=1500):
    report = compare(real, synthetic, holdout=customers(rows, 2), target="clicked", protect=["sex"], threads=1)
    return report, {verdict.subject: verdict.level for verdict in verdicts(report)}


@pytest.fixture(scope="module")
def real():
    return customers(1500, 0)


def test_a_second_real_sample_is_good_in_every_line(real):
    report, levels = judge(real, customers(1500, 1))
    assert set(levels) == {"Columns", "Trends", "Detection", "Utility", "Privacy", "Attack", "Bias"}
    assert set(levels.values()) == {"good"}
    assert report.fidelity.wasserstein == pytest.approx(report.fidelity.wasserstein_floor, abs=0.04)
    assert report.support.alpha_precision > 0.95


def test_an_identical_table_is_as_faithful_as_can_be_and_leaks(real):
    report, levels = judge(real, real.copy())
    fidelity = report.fidelity
    assert (fidelity.shape_error_percent, fidelity.js_percent, fidelity.wasserstein) == (0, 0, 0)
    assert fidelity.coverage_percent == 100
    assert report.trends.error_percent == 0
    assert report.utility.differences["auc"].value == 0
    assert (levels["Columns"], levels["Trends"], levels["Utility"]) == ("good", "good", "good")
    assert (levels["Privacy"], levels["Attack"]) == ("poor", "poor")
    assert report.privacy.copies.synthetic_percent == 100
    assert report.privacy.membership.best.auc.low > 0.95
    assert report.privacy.membership.epsilon.value > 2
    assert report.support.authenticity < 0.05


def test_a_leaked_half_of_the_training_set_is_found(real):
    synthetic = pd.concat([real.sample(frac=0.5, random_state=0), customers(750, 1)], ignore_index=True)
    report, levels = judge(real, synthetic)
    assert levels["Attack"] == "poor"
    assert report.privacy.membership.best.tpr_at_1.low > 0.3


def test_one_memorised_copy_in_a_thousand_is_counted_and_not_mistaken_for_a_leak_of_all(real):
    synthetic = customers(2000, 1)
    synthetic.iloc[:2] = real.iloc[:2].to_numpy()
    report, levels = judge(real, synthetic)
    assert report.privacy.copies.synthetic_rows == 2
    assert levels["Attack"] == "good"


def test_shuffled_columns_keep_their_shape_and_lose_everything_else(real):
    rng = np.random.default_rng(0)
    report, levels = judge(real, pd.DataFrame({name: rng.permutation(real[name].to_numpy()) for name in real}))
    assert report.fidelity.shape_error_percent == 0
    assert report.trends.error_percent > 2 * report.trends.floor_percent
    assert (levels["Columns"], levels["Utility"]) == ("good", "poor")
    assert levels["Detection"] in ("fair", "poor")
    assert report.utility.differences["auc"].high < 0
    assert report.privacy.copies.synthetic_percent < 1


def test_independent_columns_of_another_law_are_poor(real):
    rng = np.random.default_rng(0)
    other = pd.DataFrame(
        {
            "age": rng.integers(18, 30, 1500),
            "spend": rng.uniform(500, 900, 1500),
            "sex": "F",
            "device": "phone",
            "clicked": rng.integers(0, 2, 1500),
        }
    )
    report, levels = judge(real, other)
    assert (levels["Columns"], levels["Detection"], levels["Bias"]) == ("poor", "poor", "poor")
    assert report.detection.score < 0.01
    assert report.support.alpha_precision < 0.5


def test_a_dropped_class_is_named_and_useless(real):
    report, levels = judge(real, customers(1500, 1).assign(clicked=0))
    assert any("lacks a class" in note for note in report.notes)
    assert (report.utility.synthetic.metrics["auc"], levels["Utility"]) == (0.5, "poor")
    clicked = next(column for column in report.fidelity.columns if column.name == "clicked")
    assert clicked.error_percent == pytest.approx(100 * real.clicked.mean(), abs=1e-9)
    assert clicked.coverage_percent == 50 or clicked.metric == "KS"


def test_a_shifted_mean_is_as_far_as_it_was_shifted(real):
    synthetic = customers(1500, 1)
    synthetic["spend"] += 2 * real.spend.std()
    report, levels = judge(real, synthetic)
    spend = next(column for column in report.fidelity.columns if column.name == "spend")
    assert spend.wasserstein == pytest.approx(2, abs=0.1)
    assert spend.wasserstein_floor < 0.15
    assert (levels["Columns"], levels["Detection"]) == ("poor", "poor")
    assert report.detection.top_features[0].name == "spend"


def test_unseen_categories_are_said_and_counted(real):
    synthetic = customers(1500, 1)
    synthetic["device"] = synthetic.device.where(np.arange(1500) % 5 > 0, "toaster")
    report, _ = judge(real, synthetic)
    device = next(column for column in report.fidelity.columns if column.name == "device")
    assert (device.unseen_percent, device.coverage_percent) == (20, 100)
    assert any("never has in: device" in note for note in report.notes)


@pytest.mark.parametrize("value", [None, 7])
def test_a_column_that_is_wholly_missing_or_constant_in_all_tables_is_no_difference(real, value):
    extra = {"empty": pd.Series([value] * 1500, dtype=object if value is None else "int64")}
    report = compare(
        real.assign(**extra),
        customers(1500, 1).assign(**extra),
        holdout=customers(1500, 2).assign(**extra),
        target="clicked",
        protect=["empty"],
        threads=1,
    )
    plain, _ = judge(real, customers(1500, 1))
    assert report.fidelity.columns[-1].error_percent in (None, 0)
    assert report.detection.auc == pytest.approx(plain.detection.auc, abs=0.03)
    assert not report.bias.columns[0].flagged


def test_a_column_that_went_missing_in_the_synthetic_table_is_poor(real):
    report, levels = judge(real, customers(1500, 1).assign(spend=np.nan))
    spend = next(column for column in report.fidelity.columns if column.name == "spend")
    assert (spend.error_percent, spend.coverage_percent, spend.wasserstein) == (100, 0, None)
    assert (levels["Columns"], levels["Detection"]) == ("poor", "poor")


def test_clicks_of_two_per_cent_are_judged(real):
    rare = [customers(4000, seed, click_rate=0.004) for seed in range(3)]
    assert 0.005 < rare[0].clicked.mean() < 0.03
    report = compare(rare[0], rare[1], holdout=rare[2], target="clicked", protect=["sex"], threads=1)
    assert report.utility.positive == "1"
    difference = report.utility.differences["normalised_entropy"]
    assert difference.low < 0 < difference.high or abs(difference.value) < 0.2
    assert report.bias.selected_percent == pytest.approx(100 * rare[0].clicked.mean())
