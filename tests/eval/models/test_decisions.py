"""Thresholds, the scores at them, and chances corrected for another share of the class."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from eval.models.bootstrap import resamples
from eval.models.decisions import (
    best_threshold,
    calibration_statistics,
    decision_scores,
    decision_statistics,
    prior_corrected,
)
from eval.models.scores import calibration_error


@pytest.fixture
def rows():
    """400 rows, a tenth of them positive, with chances to two digits so that many are equal."""
    rng = np.random.default_rng(0)
    truth = np.arange(400) % 10 == 0
    return truth, np.round(np.clip(rng.beta(1, 9, 400) + 0.1 * truth, 0.01, 0.99), 2)


def test_scores_at_a_threshold_are_those_of_scikit_learn(rows):
    truth, chance = rows
    for threshold in (0.1, 0.2, 0.5):
        found = decision_scores(truth, chance, threshold)
        called = chance >= threshold
        assert found["recall"] == pytest.approx(recall_score(truth, called))
        assert found["precision"] == pytest.approx(precision_score(truth, called, zero_division=0))
        assert found["f1"] == pytest.approx(f1_score(truth, called))


def test_where_nothing_is_called_all_scores_are_zero(rows):
    truth, chance = rows
    assert decision_scores(truth, chance, 1.0) == {"recall": 0, "precision": 0, "f1": 0}


def test_the_best_threshold_by_hand():
    truth = np.array([True, False, True, False, False])
    # At 0.9 F1 is 2/3, at 0.7 it is 4/5, with the row between them.
    assert best_threshold(truth, np.array([0.9, 0.8, 0.7, 0.2, 0.1])) == 0.7
    # Equal chances cannot be parted: calling both gives 2/3, as little as anything.
    assert best_threshold(np.array([True, False]), np.array([0.4, 0.4])) == 0.4


def test_no_threshold_is_better_than_the_best(rows):
    truth, chance = rows
    best = decision_scores(truth, chance, best_threshold(truth, chance))["f1"]
    assert best == max(decision_scores(truth, chance, threshold)["f1"] for threshold in np.unique(chance))


def test_resampled_scores_are_those_of_the_drawn_rows(rows):
    truth, chance = rows
    counts = next(resamples(400, np.random.default_rng(1), 3))
    found = decision_statistics(truth, chance, 0.15)(counts)
    for i in range(3):
        drawn = np.repeat(np.arange(400), counts[i])
        expected = decision_scores(truth[drawn], chance[drawn], 0.15)
        assert {name: pytest.approx(values[i]) for name, values in found.items()} == expected


def test_the_calibration_error_of_all_rows_is_the_one_of_the_report(rows):
    truth, chance = rows
    found = calibration_statistics(truth, chance)(np.ones((1, 400), np.int64))["calibration_error"][0]
    assert found == pytest.approx(calibration_error(truth, chance))


def test_a_correction_by_hand_and_back():
    # Learned from as many positives as negatives, used where 1 in 100 is positive: odds of 1 become odds of 1 in 99.
    assert prior_corrected(np.array([0.5]), 0.5, 0.01)[0] == pytest.approx(0.01)
    chance = np.array([0.001, 0.2, 0.9])
    there = prior_corrected(chance, 0.3, 0.02)
    assert prior_corrected(there, 0.02, 0.3) == pytest.approx(chance)
    assert prior_corrected(chance, 0.2, 0.2) == pytest.approx(chance)


def test_a_correction_mends_calibration_and_leaves_the_order(rows):
    rng = np.random.default_rng(2)
    x = rng.normal(size=20_000)
    true = 1 / (1 + np.exp(4 - x))
    truth = rng.random(20_000) < true
    odds = true / (1 - true) * (1 - truth.mean()) / truth.mean()
    inflated = odds / (1 + odds)  # what rows with as many positives as negatives would have taught
    mended = prior_corrected(inflated, 0.5, truth.mean())
    assert calibration_error(truth, inflated) > 0.3
    assert calibration_error(truth, mended) < 0.01
    assert roc_auc_score(truth, mended) == pytest.approx(roc_auc_score(truth, inflated))
