"""Scores of hand-made predictions."""

from __future__ import annotations

import numpy as np
import pytest

from eval.models.scores import calibration_error, classification_scores, regression_scores


def test_binary_scores_of_a_hand_worked_example():
    y = np.array([0, 0, 1, 1])
    second = np.array([0.1, 0.6, 0.4, 0.9])
    scores = classification_scores(y, np.column_stack([1 - second, second]), 1)
    assert scores["accuracy"] == scores["mae"] == 0.5
    assert scores["precision"] == scores["recall"] == scores["f1"] == 0.5
    assert scores["auc"] == 0.75  # 3 of the 4 pairs of a 0 and a 1 stand in order
    assert scores["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)  # precision 1 at the first hit, 2/3 at the second
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.9]).mean())


def test_the_positive_class_may_be_the_first():
    y = np.array([0, 1, 1, 1])
    scores = classification_scores(y, np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]]), 0)
    assert (scores["precision"], scores["recall"]) == (0.5, 1.0)


def test_multiclass_scores_are_macro_means():
    y = np.array([0, 0, 1, 2])
    guess = np.array([0, 1, 1, 1])
    scores = classification_scores(y, np.eye(3)[guess], None)
    assert scores["recall"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert scores["precision"] == pytest.approx((1 + 1 / 3 + 0) / 3)


def test_a_test_set_of_one_class_has_no_auc():
    scores = classification_scores(np.zeros(5, dtype=int), np.full((5, 2), 0.5), 1)
    assert scores["auc"] is None
    assert scores["accuracy"] == 1


def test_regression_scores_of_a_hand_worked_example():
    scores = regression_scores(np.array([1.0, 2, 3]), np.array([1.0, 2, 6]))
    assert scores["mae"] == 1
    assert scores["rmse"] == pytest.approx(np.sqrt(3))
    assert scores["r2"] == pytest.approx(1 - 9 / 2)
    assert regression_scores(np.ones(3), np.ones(3))["r2"] is None


def test_normalised_entropy_of_knowing_nothing_but_the_base_rate_is_one():
    y = np.repeat([0, 1], [98, 2])
    scores = classification_scores(y, np.tile([0.98, 0.02], (100, 1)), 1)
    assert scores["normalised_entropy"] == pytest.approx(1)
    assert scores["predicted_observed"] == pytest.approx(1)
    assert scores["calibration_error"] == pytest.approx(0)


def test_twice_the_observed_chance_is_said_as_such():
    y = np.repeat([0, 1], [98, 2])
    scores = classification_scores(y, np.tile([0.96, 0.04], (100, 1)), 1)
    assert scores["predicted_observed"] == pytest.approx(2)
    assert scores["calibration_error"] == pytest.approx(0.02)
    # (-.98 ln .96 - .02 ln .04) / (-.98 ln .98 - .02 ln .02)
    assert scores["normalised_entropy"] == pytest.approx(0.104383 / 0.098039, abs=1e-4)


def test_the_calibration_error_of_two_bins():
    chance = np.array([0.1, 0.1, 0.8, 0.8])
    # first bin: |.1 - .5| = .4, second: |.8 - 1| = .2
    assert calibration_error(np.array([0, 1, 1, 1], dtype=bool), chance, bins=2) == pytest.approx(0.3)


def test_equal_chances_are_never_parted_by_the_bins():
    assert calibration_error(np.arange(10) < 5, np.full(10, 0.5)) == pytest.approx(0)
