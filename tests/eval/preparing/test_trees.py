"""Where XGBoost cannot be loaded, scikit-learn grows the trees, and the report says so."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from eval import compare
from eval.preparing.features import TreeModel
from eval.preparing.trees import Loaded, load_xgboost, tell_of_trees
from tabular.progress import Reporter

#: As XGBoost's own loader says it on a Mac that has no libomp.
NO_LIBOMP = "\nXGBoost Library (libxgboost.dylib) could not be loaded.\nLikely causes:\n  * OpenMP runtime is missing"


@pytest.fixture
def without_xgboost(monkeypatch):
    """``without_xgboost(error)``: importing XGBoost raises ``error``."""
    real = builtins.__import__

    def break_it(error: Exception) -> None:
        def importing(name, *rest, **more):
            if name.partition(".")[0] == "xgboost":
                raise error
            return real(name, *rest, **more)

        monkeypatch.delitem(sys.modules, "xgboost", raising=False)
        monkeypatch.setattr(builtins, "__import__", importing)
        load_xgboost.cache_clear()

    yield break_it
    monkeypatch.undo()
    load_xgboost.cache_clear()


@pytest.mark.parametrize(
    ("system", "error", "reason", "cure"),
    [
        ("darwin", ValueError(NO_LIBOMP), "it finds no libomp", "brew install libomp"),
        ("darwin", OSError("Library not loaded: @rpath/libomp.dylib"), "it finds no libomp", "brew install libomp"),
        ("darwin", ModuleNotFoundError("xgboost"), "it is not installed", "pip install xgboost"),
        (
            "linux",
            OSError("libgomp.so.1: cannot open shared object file"),
            "libgomp.so.1: cannot open shared object file",
            "pip install --force-reinstall xgboost",
        ),
    ],
)
def test_what_cannot_be_loaded_says_why_and_what_to_do(without_xgboost, monkeypatch, system, error, reason, cure):
    monkeypatch.setattr(sys, "platform", system)
    without_xgboost(error)
    assert load_xgboost() == Loaded(None, reason, cure)


def test_a_report_is_whole_without_xgboost_and_says_what_stood_in(without_xgboost, people):
    real, synthetic, holdout = people(200, 0), people(200, 1), people(150, 2)
    before = compare(real, synthetic, holdout=holdout, target="clicked", protect=["device"])
    without_xgboost(OSError("libomp"))
    report = compare(real, synthetic, holdout=holdout, target="clicked", protect=["device"])
    assert "scikit-learn's gradient boosting" in report.notes[0]
    assert not any("scikit-learn" in note for note in before.notes)
    assert report.detection.score is not None
    assert report.bias is not None
    assert report.privacy.membership is not None
    assert report.utility.real.metrics["auc"] == pytest.approx(before.utility.real.metrics["auc"], abs=0.1)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(3, size=900), rng.normal(size=900), rng.normal(size=900)]).astype(np.float32)
    x[::7, 1] = np.nan
    return x, x[:, 2] + 2.0 * (x[:, 0] == 1)


OBJECTIVES = ("binary:logistic", "multi:softprob", "reg:squarederror")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_both_libraries_learn_the_same_of_the_same_rows(without_xgboost, rows, objective):
    x, score = rows
    types = ["c", "q", "q"]
    y = dict(zip(OBJECTIVES, (score > 1, np.digitize(score, [0, 1.5]), score), strict=True))[objective]
    options = {"num_class": 4} if objective == "multi:softprob" else {}  # a class that no row has

    def learned():
        model = TreeModel(objective, types, seed=0, threads=1, rounds=40, **options)
        model.fit(x[:600], y[:600].astype(float))
        return model, model.predict(x[600:])

    library, theirs = learned()
    without_xgboost(OSError("libomp"))
    stand_in, ours = learned()
    assert ours.shape == theirs.shape
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
    gains = stand_in.gains()
    assert gains.argmin() == library.gains().argmin() == 1  # the column that says nothing


def test_the_stand_in_stops_at_the_best_auc_on_watched_rows(without_xgboost, rows):
    x, score = rows
    y = (score + np.random.default_rng(1).normal(size=len(x)) > 1).astype(float)
    without_xgboost(OSError("libomp"))
    model = TreeModel("binary:logistic", ["c", "q", "q"], seed=0, threads=1, scale_pos_weight=3.0)
    model.fit(x[:500], y[:500], watched=(x[500:700], y[500:700]))
    assert model.booster.kept < model.rounds
    assert model.predict(x[700:]).shape == (200,)


def test_the_stand_in_takes_columns_of_many_categories_and_of_none(without_xgboost):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(400, size=800), np.full(800, np.nan), np.full(800, np.nan)]).astype(np.float32)
    without_xgboost(OSError("libomp"))
    model = TreeModel("binary:logistic", ["c", "q", "c"], seed=0, threads=1, rounds=5).fit(x, (x[:, 0] > 200) * 1.0)
    assert model.predict(x).shape == (800,)


def test_studies_are_told_of_the_stand_in_too(without_xgboost):
    class Noted(Reporter):
        said = ""

        def note(self, message):
            self.said += message

    before, after = Noted(), Noted()
    tell_of_trees(before)
    without_xgboost(OSError("libomp"))
    tell_of_trees(after)
    assert before.said == ""
    assert "scikit-learn's gradient boosting stands in" in after.said
