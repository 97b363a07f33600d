"""Bounds on epsilon of mechanisms whose epsilon is known."""

from __future__ import annotations

import numpy as np
import pytest

from eval.attacks.audit import against_claim, audited_epsilon, epsilon_bound
from eval.facts.estimates import Estimate, clopper_pearson
from eval.facts.privacy import Attack, EpsilonBound, Membership


def randomised_response(epsilon, rows, seed):
    """The most that an epsilon-private mechanism can tell of a row: its bit, right with e^eps / (1 + e^eps)."""
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-epsilon))
    return {"bit": ((rng.random(rows) < chance).astype(float), (rng.random(rows) >= chance).astype(float))}


def membership(bound):
    attack = Attack("bit", Estimate(0.7), Estimate(0.1), Estimate(0.2))
    return Membership((attack,), "bit", 100, 100, 100, bound, "")


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_randomised_response_is_bounded_below_its_epsilon_and_not_far_below(epsilon):
    bounds = [
        epsilon_bound(randomised_response(epsilon, 5000, seed), rng=np.random.default_rng(seed)).value
        for seed in range(20)
    ]
    assert np.mean(np.array(bounds) > epsilon) <= 0.1  # 5 % would be right on average
    assert np.median(bounds) > epsilon - 0.3


def test_noise_gives_no_bound_to_speak_of():
    rng = np.random.default_rng(0)
    scores = {name: (rng.normal(size=2000), rng.normal(size=2000)) for name in "abc"}
    bounds = [epsilon_bound(scores, rng=np.random.default_rng(seed)).value for seed in range(20)]
    assert np.mean(np.array(bounds) > 0.0) <= 0.15
    assert max(bounds) < 0.5


def test_n_right_guesses_of_n_give_the_exact_bound():
    found = epsilon_bound({"a": (np.ones(40), np.zeros(40))}, rng=np.random.default_rng(0))
    assert (found.guesses, found.right, found.candidates) == (20, 20, 40)
    chance = 0.05 ** (1 / 20)  # chance^20 = 5 %
    assert found.value == pytest.approx(np.log(chance / (1 - chance)))


def test_delta_lowers_the_bound_and_a_tiny_one_does_not():
    chance = clopper_pearson(440, 500, 0.9)[0]  # one-sided at 95 %
    bound = EpsilonBound(np.log(chance / (1 - chance)), "bit", 500, 440, 1000, 0.95)
    assert audited_epsilon(bound, 1e-12) == pytest.approx(bound.value, abs=1e-3)
    assert audited_epsilon(bound, 1e-3) < audited_epsilon(bound, 1e-4) < bound.value
    assert audited_epsilon(bound, 0.5) == 0


def test_the_bound_at_a_delta_is_the_published_one():
    """Steinke, Nasr and Jagielski 2023, appendix D: 75 of 100 guesses among 1,000 rows, delta = 1e-4."""
    chance = clopper_pearson(75, 100, 0.9)[0]
    bound = EpsilonBound(np.log(chance / (1 - chance)), "bit", 100, 75, 1000, 0.95)
    assert audited_epsilon(bound, 1e-4) == pytest.approx(0.673, abs=1e-3)


def test_a_claim_below_the_bound_is_contradicted():
    bound = epsilon_bound({"a": (np.ones(400), np.zeros(400))}, rng=np.random.default_rng(0))
    low = against_claim(membership(bound), 1.0, 1e-5)
    assert low.contradicted
    assert "contradicted" in low.words
    high = against_claim(membership(bound), 8.0, 1e-5)
    assert not high.contradicted
    assert 4 < high.lower_bound < 8
    assert "cannot confirm" in high.words
