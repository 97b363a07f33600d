"""From an attack to a lower bound on epsilon: how private can the generator at most be, given what was guessed?

The bound is that of :mod:`tabular.dp.lower_bound` (Steinke, Nasr and Jagielski 2023): each row was learned or held out
as a fair coin fell, and the attacker names some as learned.

Which attack, and above which score a row is named, is chosen on half of the rows; the other half gives the
bound, so that the choice costs no confidence. The bound holds where rows were dealt to the learned and the held-out
table at random; bounds from synthetic rows alone are loose, and a bound of 0 says nothing.
"""

from __future__ import annotations

import numpy as np

from tabular.dp.lower_bound import least_epsilon

from ..facts.privacy import EpsilonBound, EpsilonClaim, Membership

__all__ = ["against_claim", "audited_epsilon", "epsilon_bound"]

#: Fractions of the rows that the attacker names, of which the best is chosen.
NAMED_SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)


def epsilon_bound(
    scores: dict[str, tuple[np.ndarray, np.ndarray]], *, rng: np.random.Generator, confidence: float = 0.95
) -> EpsilonBound:
    """The bound at delta = 0.

    Args:
        scores: per attack the scores of the training rows ``float64[n]`` and of the held-out rows ``float64[n]``.
    """
    n = min(len(part) for pair in scores.values() for part in pair)
    order = rng.permutation(n)
    choose, judge = order[: n // 2], order[n // 2 :]
    best, chosen, threshold = -1.0, next(iter(scores)), np.inf
    for name, (members, strangers) in scores.items():
        both = np.concatenate([members[choose], strangers[choose]])
        for fraction in NAMED_SHARES:
            cut = np.sort(both)[::-1][max(int(fraction * len(both)) - 1, 0)]
            found = _bound(int((both >= cut).sum()), int((members[choose] >= cut).sum()), confidence)
            if found > best:
                best, chosen, threshold = found, name, cut
    members, strangers = (part[judge] for part in scores[chosen])
    right = int((members >= threshold).sum())
    guesses = right + int((strangers >= threshold).sum())
    return EpsilonBound(_bound(guesses, right, confidence), chosen, guesses, right, 2 * len(judge), confidence)


def _bound(guesses: int, right: int, confidence: float) -> float:
    return least_epsilon(guesses, right, candidates=guesses, delta=0.0, confidence=confidence)


def audited_epsilon(bound: EpsilonBound, delta: float) -> float:
    """The bound at ``delta``."""
    return least_epsilon(
        bound.guesses, bound.right, candidates=bound.candidates, delta=delta, confidence=bound.confidence
    )


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
