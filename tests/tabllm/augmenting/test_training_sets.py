"""What each training set learns from."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tabllm.augmenting.training_sets import Recipe, TrainingSet, recipes_of, training_set
from tabular.errors import UsageError


@pytest.fixture
def real():
    """100 rows, a tenth of the class: a number with gaps, which is around 5 in the class, and a category."""
    rng = np.random.default_rng(0)
    y = np.arange(100) % 10 == 0
    number = np.where(y, 5, 0) + rng.normal(0, 0.5, 100)
    number[rng.random(100) < 0.2] = np.nan
    category = np.where(y, 2, rng.integers(0, 2, 100)).astype(float)
    category[5] = np.nan
    return TrainingSet(np.column_stack([number, category]).astype(np.float32), y)


def test_arms_and_their_names():
    recipes = recipes_of((0.5, 0.05, 0.25), 0.1, oversampling=True)
    assert [recipe.label for recipe in recipes] == [
        "real alone",
        "class weights",
        "synthetic to 25 %",
        "synthetic to 50 %",
        "SMOTE to 25 %",
        "SMOTE to 50 %",
        "oversampled to 25 %",
        "oversampled to 50 %",
    ]
    assert len({recipe.key for recipe in recipes}) == len(recipes)
    kinds = [recipe.kind for recipe in recipes_of((0.5,), 0.1, oversampling=False)]
    assert kinds == ["real", "weights", "hybrid", "smote"]


@pytest.mark.parametrize(("shares", "words"), [((0.05, 0.1), "10 % of the rows already"), ((1.5,), "not 150 %")])
def test_shares_that_make_no_arm_are_refused(shares, words):
    with pytest.raises(UsageError, match=words):
        recipes_of(shares, 0.1, oversampling=False)


def test_real_rows_alone_are_as_they_are(real):
    assert training_set(Recipe("real"), real, ["q", "c"], 0) is real
    assert real.share == 0.1


def test_weights_make_both_classes_weigh_the_same(real):
    learned = training_set(Recipe("weights"), real, ["q", "c"], 0)
    assert learned.weight == 9
    assert learned.share == 0.5
    assert learned.x is real.x


def test_synthetic_rows_are_added_after_the_real_ones(real):
    synthetic = np.full((300, 2), 7, np.float32)
    learned = training_set(Recipe("hybrid", 0.25), real, ["q", "c"], 0, synthetic)
    assert len(learned.y) == 120
    assert learned.share == 0.25
    assert np.array_equal(learned.x[:100], real.x, equal_nan=True)
    assert (learned.x[100:] == 7).all()
    assert learned.y[100:].all()


def test_smote_draws_between_rows_of_the_class(real):
    learned = training_set(Recipe("smote", 0.5), real, ["q", "c"], 0)
    new = learned.x[100:]
    known = real.x[real.y, 0][~np.isnan(real.x[real.y, 0])]
    assert len(new) == 80
    assert learned.share == 0.5
    assert np.array_equal(learned.x[:100], real.x, equal_nan=True)
    assert set(new[:, 1]) == {2}
    middle = np.nanmedian(real.x[:, 0])  # what a gap becomes
    assert new[:, 0].min() >= min(known.min(), middle) - 1e-5
    assert new[:, 0].max() <= known.max() + 1e-5


@pytest.mark.parametrize("types", [["q", "q"], ["c", "c"]])
def test_smote_of_numbers_alone_and_of_categories_alone(real, types):
    whole = np.nan_to_num(np.rint(real.x))
    learned = training_set(Recipe("smote", 0.5), TrainingSet(whole, real.y), types, 0)
    assert len(learned.y) == 180


def test_smote_says_when_the_class_has_too_few_rows(real):
    y = real.y & (np.arange(100) < 30)
    with pytest.raises(UsageError, match="SMOTE cannot be used here"):
        training_set(Recipe("smote", 0.5), TrainingSet(real.x, y), ["q", "c"], 0)


def test_smote_says_what_to_install(real, monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(UsageError, match="pip install imbalanced-learn"):
        training_set(Recipe("smote", 0.5), real, ["q", "c"], 0)


def test_oversampling_repeats_rows_of_the_class(real):
    learned = training_set(Recipe("oversampling", 0.5), real, ["q", "c"], 0)
    rows = {tuple(row) for row in np.nan_to_num(real.x[real.y], nan=-9).tolist()}
    assert {tuple(row) for row in np.nan_to_num(learned.x[100:], nan=-9).tolist()} <= rows
    assert learned.share == 0.5
