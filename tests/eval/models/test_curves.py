"""Curves over fixed grids say what the exact ones say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from eval.models.curves import classifier_curves


def two(chance):
    """``float64[rows, 2]`` of the chance of class 1."""
    chance = np.asarray(chance, dtype=np.float64)
    return np.column_stack([1 - chance, chance])


def area(x, y):
    """Under the straight lines between the points."""
    x, y = np.asarray(x), np.asarray(y)
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


@pytest.fixture
def noisy():
    rng = np.random.default_rng(0)
    y = (rng.random(5000) < 0.2).astype(np.int64)
    return y, np.round(1 / (1 + np.exp(-(2 * y - 1.5 + rng.normal(size=5000)))), 2)  # rounded: many ties


def test_the_areas_are_those_of_scikit_learn(noisy):
    y, chance = noisy
    curves = classifier_curves(y, two(chance), 1)
    assert area(curves.false_positive_rate, curves.true_positive_rate) == pytest.approx(
        roc_auc_score(y, chance), abs=0.002
    )
    assert np.mean(curves.precision) == pytest.approx(average_precision_score(y, chance), abs=0.01)
    assert curves.positive_share == pytest.approx(y.mean())


def test_a_perfect_model_reaches_the_corner():
    y = np.array([0] * 50 + [1] * 50)
    curves = classifier_curves(y, two(y), 1)
    assert (curves.true_positive_rate[0], *set(curves.true_positive_rate[1:])) == (0, 1)
    assert set(curves.precision) == {1}


def test_a_model_that_says_nothing_gives_the_diagonal():
    y = np.array([0] * 80 + [1] * 20)
    curves = classifier_curves(y, two(np.full(100, 0.3)), 1)
    assert curves.true_positive_rate == curves.false_positive_rate
    assert set(curves.precision) == {0.2}
    assert (curves.predicted, curves.observed) == ((0.3,), (0.2,))


def test_calibration_compares_chances_with_what_came_true():
    y = np.array([0, 1] * 50 + [1] * 100)
    curves = classifier_curves(y, two([0.5] * 100 + [0.9] * 100), 1)
    assert curves.predicted == (0.5, 0.9)
    assert curves.observed == (0.5, 1.0)


def test_several_classes_are_averaged():
    y = np.repeat([0, 1, 2], 40)
    curves = classifier_curves(y, np.eye(3)[y], None)
    assert set(curves.true_positive_rate[1:]) == {1}
    assert curves.predicted == ()
    assert curves.positive_share == pytest.approx(1 / 3)


def test_a_single_class_has_no_curve():
    assert classifier_curves(np.ones(20, dtype=np.int64), two(np.linspace(0, 1, 20)), 1) is None


def test_the_number_of_points_does_not_grow_with_the_rows(noisy):
    y, chance = noisy
    few, many = (classifier_curves(np.tile(y, n), two(np.tile(chance, n)), 1) for n in (1, 5))
    assert len(few.true_positive_rate) == len(many.true_positive_rate) <= 200
    assert few.precision == pytest.approx(many.precision)
