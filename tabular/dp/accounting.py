"""How much privacy a fit loses, by opacus' accountant, and how much noise a budget asks for.

All that is released is a sequence of Gaussian mechanisms on Poisson samples of the rows: the columns' distributions
are one on all rows, each update of the weights is one on a fraction of them. Gopi, Lee and Wutschitz 2021, "Numerical
composition of differential privacy", compose their privacy losses; opacus' ``PRVAccountant`` is that.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..errors import UsageError

__all__ = ["ACCOUNTANT", "Release", "noise_for", "spent_epsilon"]

ACCOUNTANT = "opacus PRVAccountant"
#: The budget may be left unused by so much, relative to it.
TOLERANCE = 0.005
#: No noise multiplier is sought beyond these.
LEAST_NOISE, MOST_NOISE = 0.2, 1e4
#: Orders of Renyi divergence beyond opacus' own, for epsilons far below 1.
HIGH_ORDERS = (96, 128, 256, 512, 1024, 4096)
#: How steeply noise is taken away on the way to the budget, and how often it is tried.
SLOPE, MOST_REFINEMENTS = 0.6, 8


class Release(NamedTuple):
    """``steps`` Gaussian mechanisms, in opacus' order: standard deviation over sensitivity, fraction of the rows."""

    noise_multiplier: float
    sample_rate: float
    steps: int


def spent_epsilon(releases: Sequence[Release], delta: float) -> float:
    """The epsilon of all ``releases`` together at ``delta``; infinite where one has no noise."""
    return _composed(tuple(releases), delta)


@lru_cache(maxsize=512)
def _composed(releases: tuple[Release, ...], delta: float) -> float:
    from opacus.accountants import PRVAccountant

    return _epsilon(PRVAccountant(), releases, delta)


def _epsilon(accountant: Any, releases: Sequence[Release], delta: float, **options: Any) -> float:
    made = [release for release in releases if release.steps]
    if not made:
        return 0.0
    if any(release.noise_multiplier <= 0 for release in made):
        return math.inf
    accountant.history = [tuple(release) for release in made]
    with warnings.catch_warnings():
        # log(0) where every row takes part; bounds of the first guess that could be tighter.
        warnings.simplefilter("ignore")
        return float(accountant.get_epsilon(delta, **options))


@lru_cache(maxsize=512)
def noise_for(
    epsilon: float, delta: float, *, sample_rate: float, steps: int, beside: tuple[Release, ...] = ()
) -> float:
    """The least noise multiplier with which ``steps`` updates, after what was released ``beside`` them, keep to
    ``epsilon`` at ``delta``.

    Raises:
        UsageError: where no noise is enough.
    """
    from opacus.accountants import RDPAccountant

    orders = [*RDPAccountant.DEFAULT_ALPHAS, *HIGH_ORDERS]

    def loss(noise: float) -> float:
        return spent_epsilon([*beside, Release(noise, sample_rate, steps)], delta)

    def rough_loss(noise: float) -> float:
        return _epsilon(RDPAccountant(), [*beside, Release(noise, sample_rate, steps)], delta, alphas=orders)

    # The accountant of Renyi divergences is quick and asks for somewhat more noise: from there it is a few steps.
    low, high = LEAST_NOISE, 1.0
    while rough_loss(high) > epsilon:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise UsageError(
                f"An epsilon of {epsilon:g} at a delta of {delta:.1g} is too little for {steps:,} updates on "
                f"{sample_rate:.2g} of the rows each; ask for more, or take fewer steps."
            )
    while high - low > 1e-3 * high:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if rough_loss(middle) <= epsilon else (middle, high)
    enough, too_little = high, 0.0
    while (found := loss(enough)) > epsilon:
        too_little, enough = enough, 1.02 * enough
    for _ in range(MOST_REFINEMENTS):
        if found >= (1 - TOLERANCE) * epsilon:
            break
        # Near here epsilon falls about as 1 / noise: aim a little above the budget's place.
        guess = max(enough * (found / epsilon) ** SLOPE, 1.001 * too_little)
        if (tried := loss(guess)) <= epsilon:
            enough, found = guess, tried
        else:
            too_little = guess
            if (tried := loss(middle := math.sqrt(guess * enough))) <= epsilon:
                enough, found = middle, tried
            else:
                too_little = middle
    return enough
