"""Arms are judged on the same rows and resamples, and only a certain difference is called one."""

from __future__ import annotations

import numpy as np
import pytest

from eval.models.scores import classification_scores
from tabllm.augmenting.scoring import HIGHER_IS_BETTER, Predictions, judged


@pytest.fixture(scope="module")
def found():
    """Four recipes on 2,000 rows, of which 10 % are of the class: two alike, one better, one too sure."""
    rng = np.random.default_rng(0)
    truth = {name: np.arange(2000) % 10 == 0 for name in ("validation", "test")}

    def chances(signal: float, prior: float = 0.1) -> dict[str, np.ndarray]:
        made = {}
        for name, each in truth.items():
            z = rng.normal(size=2000) + signal * each
            odds = np.exp(signal * z - signal**2 / 2) * prior / (1 - prior)  # Bayes' rule for two normal densities
            made[name] = odds / (1 + odds)
        return made

    weak, strong = chances(1.0), chances(2.0)
    odds = {name: 9 * values / (1 - values) for name, values in weak.items()}
    inflated = {name: values / (1 + values) for name, values in odds.items()}
    recipes = {
        "real": Predictions(**weak, share=0.1),
        "same": Predictions(**weak, share=0.1),
        "strong": Predictions(**strong, share=0.1),
        "inflated": Predictions(**inflated, share=0.5),
    }
    return recipes, truth, judged(recipes, truth["validation"], truth["test"], first="real", true_share=0.1, seed=0)


def test_scores_are_those_of_the_report(found):
    recipes, truth, scores = found
    chance = recipes["strong"].test
    expected = classification_scores(truth["test"].astype(int), np.column_stack([1 - chance, chance]), 1)
    for name in ("recall", "precision", "f1", "auc", "pr_auc", "log_loss", "normalised_entropy", "calibration_error"):
        assert scores["strong"].values[name].value == pytest.approx(expected[name])


def test_every_score_lies_in_its_interval(found):
    for scores in found[2].values():
        assert set(scores.values) == set(HIGHER_IS_BETTER)
        for name, estimate in scores.values.items():
            slack = 0.004 if "calibration" in name else 0  # resampled chances are never as well calibrated
            assert estimate.low - slack <= estimate.value <= estimate.high + slack, name


def test_real_rows_alone_differ_from_nothing(found):
    assert found[2]["real"].differences == {}
    assert found[2]["real"].certain == {}


def test_the_same_chances_differ_by_nothing_and_nothing_is_certain(found):
    same = found[2]["same"]
    assert all((d.value, d.low, d.high) == (0, 0, 0) for d in same.differences.values())
    assert same.certain == {}


def test_a_better_model_is_certainly_better(found):
    certain = found[2]["strong"].certain
    assert {certain[name] for name in ("pr_auc", "auc", "best_f1", "log_loss", "normalised_entropy")} == {"better"}


def test_chances_of_another_share_rank_the_same_and_are_mended_by_the_correction(found):
    inflated, real = found[2]["inflated"], found[2]["real"]
    assert inflated.differences["auc"].value == pytest.approx(0, abs=1e-12)
    assert inflated.differences["best_f1"].value == 0
    assert inflated.certain["log_loss"] == inflated.certain["calibration_error"] == "worse"
    assert inflated.values["corrected_log_loss"].value == pytest.approx(real.values["log_loss"].value, rel=1e-6)
    assert inflated.threshold > 0.5 > real.threshold
