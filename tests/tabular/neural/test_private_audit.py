"""The white-box audit: it reaches a third of an honest claim, and contradicts one that does not hold."""

from __future__ import annotations

import numpy as np
import pytest

from tabular.dp import updates
from tabular.dp.accounting import Release, noise_for
from tabular.dp.lower_bound import least_epsilon, p_value
from tabular.neural.private.audit import audit_updates

ROWS, STEPS, RATE = 20_000, 100, 0.1
DELTA = 0.1 / ROWS


def audited(epsilon, *, added=1.0, seed=0):
    noise = noise_for(epsilon, DELTA, sample_rate=RATE, steps=STEPS)
    return audit_updates(Release(noise, RATE, STEPS), rows=ROWS, delta=DELTA, noise_multiplier=added * noise, seed=seed)


@pytest.mark.parametrize("epsilon", [1.0, 3.0])
def test_the_bound_of_honest_noise_lies_between_a_third_of_the_claim_and_the_claim(epsilon):
    found = [audited(epsilon, seed=seed) for seed in range(2)]
    assert all(epsilon / 3 <= one.bound <= one.claimed for one in found), found
    assert not any(one.contradicted for one in found)


def test_the_bound_rises_as_noise_is_taken_away_and_screams_without_any():
    bounds = [audited(1.0, added=added).bound for added in (1.0, 0.5, 0.25, 0.0)]
    assert bounds == sorted(bounds)
    assert bounds[2] > 1.5
    assert bounds[3] > 4
    assert audited(1.0, added=0.25).contradicted


def test_gradients_that_are_not_clipped_are_found(monkeypatch):
    clipped = updates.clipped_sum
    monkeypatch.setattr(updates, "clipped_sum", lambda loss, weights, rows, clip: clipped(loss, weights, rows, np.inf))
    assert audited(1.0).bound > 2


def test_the_p_value_is_the_published_one():
    """Steinke, Nasr and Jagielski 2023, appendix D: 75 of 100 guesses among 1,000 rows, delta = 1e-4."""
    assert least_epsilon(100, 75, candidates=1000, delta=1e-4) == pytest.approx(0.673, abs=1e-3)
    assert p_value(100, 75, 1000, 0.0, 0.0) == pytest.approx(2.8e-7, rel=0.02)
    assert least_epsilon(100, 50, candidates=1000, delta=0.0) == 0
