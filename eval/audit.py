"""From an attack to a lower bound on epsilon: how private can the generator at most be, given what was guessed?

Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run", NeurIPS 2023. Each of m rows was learned
or held out as a fair coin fell; the attacker names r rows as learned and is right v times. Of an (epsilon,
0)-differentially private generator v is at most a binomial of r trials and the chance e^epsilon / (1 + e^epsilon),
so the Clopper-Pearson bound of that chance is one of epsilon, from a single run. Their corollary 5.4 adds a
term for delta.

Which attack, and above which score a row is named, is chosen on half of the rows; the other half gives the
bound, so that the choice costs no confidence. The bound holds where rows were dealt to the learned and the held-out
table at random; bounds from synthetic rows alone are loose, and a bound of 0 says nothing.
"""

from __future__ import annotations

import numpy as np

from .privacy_facts import EpsilonBound, EpsilonClaim, Membership

__all__ = ["against_claim", "audited_epsilon", "epsilon_bound"]

#: Shares of the rows that the attacker names, of which the best is chosen.
NAMED_SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
#: No bound goes beyond: with all guesses of a table right, epsilon has no end.
MAX_EPSILON = 50.0


def epsilon_bound(
    scores: dict[str, tuple[np.ndarray, np.ndarray]], *, rng: np.random.Generator, confidence: float = 0.95
) -> EpsilonBound:
    """The bound at delta = 0.

    Args:
        scores: per attack the scores of the learned rows ``float64[n]`` and of the held-out rows ``float64[n]``.
    """
    n = min(len(part) for pair in scores.values() for part in pair)
    order = rng.permutation(n)
    choose, judge = order[: n // 2], order[n // 2 :]
    best, chosen, threshold = -1.0, next(iter(scores)), np.inf
    for name, (members, strangers) in scores.items():
        both = np.concatenate([members[choose], strangers[choose]])
        for share in NAMED_SHARES:
            cut = np.sort(both)[::-1][max(int(share * len(both)) - 1, 0)]
            found = _bound(int((both >= cut).sum()), int((members[choose] >= cut).sum()), confidence)
            if found > best:
                best, chosen, threshold = found, name, cut
    members, strangers = (part[judge] for part in scores[chosen])
    right = int((members >= threshold).sum())
    guesses = right + int((strangers >= threshold).sum())
    return EpsilonBound(_bound(guesses, right, confidence), chosen, guesses, right, 2 * len(judge), confidence)


def _bound(guesses: int, right: int, confidence: float) -> float:
    """The logarithm of the odds at the one-sided Clopper-Pearson bound; not below 0."""
    from scipy.stats import beta

    if right == 0:
        return 0.0
    chance = float(beta.ppf(1 - confidence, right, guesses - right + 1))
    return float(np.clip(np.log(chance / (1 - chance)), 0.0, MAX_EPSILON)) if chance < 1 else MAX_EPSILON


def audited_epsilon(bound: EpsilonBound, delta: float) -> float:
    """The bound at ``delta`` > 0, by bisection of corollary 5.4; at 0 it is ``bound.value``."""
    if delta <= 0 or bound.value == 0:
        return bound.value
    low, high = 0.0, bound.value  # a generator may use delta too, so the bound only falls
    if _tail(bound, low, delta) > 1 - bound.confidence:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if _tail(bound, middle, delta) <= 1 - bound.confidence:
            low = middle
        else:
            high = middle
    return low


def _tail(bound: EpsilonBound, epsilon: float, delta: float) -> float:
    """The chance of as many right guesses at most, of any (epsilon, delta)-private generator."""
    from scipy.stats import binom

    chance = 1 / (1 + np.exp(-epsilon))
    beta = binom.sf(bound.right - 1, bound.guesses, chance)
    below = np.cumsum(binom.pmf(bound.right - np.arange(1, bound.right + 1), bound.guesses, chance))
    alpha = (below / np.arange(1, bound.right + 1)).max() if bound.right else 0.0
    return float(min(beta + 2 * bound.candidates * delta * alpha, 1.0))


def against_claim(membership: Membership, epsilon: float, delta: float) -> EpsilonClaim:
    """State the bound of the attack beside the ``epsilon`` and ``delta`` that an accountant claims."""
    least = audited_epsilon(membership.epsilon, delta)
    contradicted = least > epsilon
    percent = f"{100 * membership.epsilon.confidence:g} %"
    if contradicted:
        words = (
            f"The claim is contradicted: at {percent} confidence the attack shows an epsilon of at least {least:.2f}, "
            f"and {epsilon:g} is claimed at delta {delta:g}; look for rows that went round the private training."
        )
    else:
        words = (
            f"The attack agrees with the claim: it shows an epsilon of at least {least:.2f} at {percent} confidence, "
            f"and {epsilon:g} is claimed at delta {delta:g}. It cannot confirm the claim: only its proof does."
        )
    return EpsilonClaim(float(epsilon), float(delta), least, contradicted, words)
