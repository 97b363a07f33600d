"""How much privacy is lost, and how much noise keeps to a budget."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tabular import UsageError
from tabular.dp.accounting import Release, noise_for, spent_epsilon
from tabular.dp.settings import Privacy, chosen_delta, with_private_defaults

DELTA = 1e-5


@pytest.mark.parametrize("noise", [1.0, 4.0, 40.0])
def test_one_gaussian_mechanism_costs_what_it_is_known_to_cost(noise):
    epsilon = spent_epsilon([Release(noise, 1.0, 1)], DELTA)

    def delta(at):  # Balle and Wang 2018, "Improving the Gaussian mechanism for differential privacy", theorem 8
        return norm.cdf(0.5 / noise - at * noise) - np.exp(at) * norm.cdf(-0.5 / noise - at * noise)

    assert delta(epsilon) <= DELTA < delta(epsilon - 0.025)  # the accountant's bound is loose by 0.01 to each side


def test_releases_together_are_opacus_accountant_s():
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.step(noise_multiplier=8.0, sample_rate=1.0)
    for _ in range(50):
        accountant.step(noise_multiplier=1.1, sample_rate=0.05)
    assert spent_epsilon([Release(8.0, 1.0, 1), Release(1.1, 0.05, 50)], DELTA) == accountant.get_epsilon(DELTA)


@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(0.2, 1.0, 1), (1.0, 0.05, 100), (8.0, 0.2, 30)])
def test_the_noise_keeps_to_the_budget_and_wastes_little_of_it(epsilon, rate, steps):
    beside = (Release(30.0, 1.0, 1),)
    noise = noise_for(epsilon, DELTA, sample_rate=rate, steps=steps, beside=beside)
    assert 0.95 * epsilon <= spent_epsilon([*beside, Release(noise, rate, steps)], DELTA) <= epsilon


def test_a_budget_that_no_noise_keeps_to_is_refused():
    with pytest.raises(UsageError, match="too little"):
        noise_for(1.0, DELTA, sample_rate=0.1, steps=10, beside=(Release(0.5, 1.0, 1),))


def test_what_is_released_without_noise_has_no_epsilon():
    assert spent_epsilon([Release(0.0, 0.1, 5)], DELTA) == np.inf
    assert spent_epsilon([], DELTA) == 0


def test_delta_is_a_tenth_of_one_in_the_rows_and_never_as_much_as_one():
    assert chosen_delta(Privacy(1.0), 5000) == pytest.approx(2e-5)
    assert chosen_delta(Privacy(1.0, delta=1e-6), 5000) == 1e-6
    with pytest.raises(UsageError, match="one of 5,000 rows"):
        chosen_delta(Privacy(1.0, delta=1 / 5000), 5000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0},
        {"epsilon": -1},
        {"epsilon": float("inf")},
        {"epsilon": float("nan")},
        {"delta": 0.0},
        {"delta": 1.5},
        {"clip": 0.0},
        {"clip": float("inf")},
        {"schema_share": 1.0},
        {"schema_share": -0.1},
        {"noise_seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        Privacy(**{"epsilon": 1.0, **wrong})


def test_private_fits_have_defaults_of_their_own():
    defaults = {"steps": 10, "learning_rate": 0.1}
    assert with_private_defaults({"seed": 1}, defaults) == {"seed": 1}
    private = {"privacy": Privacy(1.0)}
    assert with_private_defaults(private, defaults) == {**private, **defaults}
    assert with_private_defaults({**private, "epochs": 2}, defaults) == {**private, "epochs": 2, "learning_rate": 0.1}
    assert with_private_defaults({**private, "steps": 3}, defaults)["steps"] == 3
