"""From guesses to a lower bound on epsilon: how private can a fit at most be, given what was guessed of its rows?

Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run", NeurIPS 2023. Each of m rows was in or out by
a fair coin; an attacker guesses r of the coins and is right v times. Of an (epsilon, 0)-private fit v is at most a
binomial of r trials and the probability e^epsilon / (1 + e^epsilon), so the Clopper-Pearson bound of that probability
is one of epsilon, from a single run. Theorem 5.2 adds a term for delta.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["MAX_EPSILON", "least_epsilon", "p_value"]

#: No bound goes beyond: with all guesses right, epsilon has no end.
MAX_EPSILON = 50.0


def p_value(guesses: int, right: int, candidates: int, epsilon: float, delta: float) -> float:
    """The greatest probability of ``right`` or more right guesses under (``epsilon``, ``delta``)-privacy.

    Args:
        candidates: rows that were in or out by a fair coin, guessed or not.
    """
    from scipy.stats import binom

    probability = 1 / (1 + math.exp(-epsilon))
    tail = float(binom.sf(right - 1, guesses, probability))
    if not (delta and right):
        return tail
    below = np.cumsum(binom.pmf(right - np.arange(1, right + 1), guesses, probability))
    alpha = float((below / np.arange(1, right + 1)).max())
    return min(tail + 2 * candidates * delta * alpha, 1.0)


def least_epsilon(guesses: int, right: int, *, candidates: int, delta: float, confidence: float = 0.95) -> float:
    """The least epsilon that agrees with the guesses at ``delta``; 0 where they say nothing."""
    from scipy.stats import beta

    if right == 0:
        return 0.0
    probability = float(beta.ppf(1 - confidence, right, guesses - right + 1))
    high = float(np.clip(np.log(probability / (1 - probability)), 0.0, MAX_EPSILON)) if probability < 1 else MAX_EPSILON
    if delta <= 0 or high == 0:
        return high
    # Delta only lowers the bound, so it lies between 0 and the one without it.
    low = 0.0
    if p_value(guesses, right, candidates, low, delta) > 1 - confidence:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if p_value(guesses, right, candidates, middle, delta) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low
