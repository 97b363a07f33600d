"""The resampled scores are the scores of the resampled rows, and the intervals hold what they should."""

from __future__ import annotations

import numpy as np
import pytest

from eval.models.bootstrap import (
    auc_statistic,
    classification_statistics,
    paired_intervals,
    percentile_interval,
    regression_statistics,
    resamples,
)
from eval.models.scores import classification_scores, regression_scores


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_each_resample_draws_as_many_rows_as_there_are(rng):
    counts = np.concatenate(list(resamples(50, rng, 30)))
    assert counts.shape == (30, 50)
    assert (counts.sum(1) == 50).all()


@pytest.mark.parametrize("positive", [0, 1, None])
def test_classification_scores_are_those_of_the_drawn_rows(rng, positive):
    classes = 3 if positive is None else 2
    y = np.arange(300) % classes
    probability = np.round(rng.dirichlet(np.ones(classes), 300) + np.eye(classes)[y] * 0.5, 1)  # with many ties
    probability /= probability.sum(1, keepdims=True)
    counts = next(resamples(300, rng, 3))
    found = classification_statistics(y, probability, positive)(counts)
    for i in range(3):
        drawn = np.repeat(np.arange(300), counts[i])
        expected = classification_scores(y[drawn], probability[drawn], positive)
        for name, values in found.items():
            assert values[i] == pytest.approx(expected[name]), name


def test_regression_scores_are_those_of_the_drawn_rows(rng):
    y = rng.normal(1e6, 1, 200)
    prediction = y + rng.normal(0, 0.3, 200)
    counts = next(resamples(200, rng, 2))
    found = regression_statistics(y, prediction)(counts)
    drawn = np.repeat(np.arange(200), counts[1])
    expected = regression_scores(y[drawn], prediction[drawn])
    assert {name: values[1] for name, values in found.items()} == pytest.approx(expected)


def test_a_resample_without_a_positive_row_has_no_auc():
    auc, precision = auc_statistic(np.array([True, False]), np.array([0.9, 0.1]))(np.array([[0, 2], [1, 1]]))
    assert np.isnan(auc[0])
    assert np.isnan(precision[0])
    assert (auc[1], precision[1]) == (1, 1)


def test_the_interval_of_a_mean_is_the_one_of_the_textbook(rng):
    y = rng.normal(size=2_000)
    statistics = regression_statistics(y, np.zeros(2_000))
    point = regression_scores(y, np.zeros(2_000))
    _, found, _ = paired_intervals(statistics, statistics, (point, point), 2_000, rng)
    half = 1.96 * np.abs(y).std() / np.sqrt(2_000)
    assert found["mae"].low == pytest.approx(point["mae"] - half, rel=0.01)
    assert found["mae"].high == pytest.approx(point["mae"] + half, rel=0.01)


def test_equal_models_differ_by_nothing_in_every_resample(rng):
    y = rng.integers(0, 2, 500)
    chance = rng.random(500)
    probability = np.column_stack([1 - chance, chance])
    statistics, point = classification_statistics(y, probability, 1), classification_scores(y, probability, 1)
    _, _, difference = paired_intervals(statistics, statistics, (point, point), 500, rng)
    assert (difference["auc"].value, difference["auc"].low, difference["auc"].high) == (0, 0, 0)


def test_undefined_resamples_are_left_out():
    assert percentile_interval(np.array([np.nan, 1.0, 1.0])) == (1, 1)
    assert percentile_interval(np.array([np.nan])) == (None, None)
