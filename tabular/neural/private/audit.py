"""A white-box audit: canaries in the gradients of private updates, found again in what the updates release.

Nasr et al. 2023, "Tight auditing of differentially private machine learning", put a row of their own into training
whose gradient points where no other does; Steinke, Nasr and Jagielski 2023 put in many at once and need one run
(:mod:`tabular.dp.lower_bound`). Here every row of a table is such a canary: it moves one weight of its own, by more
than the clip norm, and is in or out by a fair coin (out: its contribution is removed, its place stays, as the guarantee
has it). The attacker sees the noisy gradients of all updates, adds up how much more likely each is with the row than
without it, and guesses the rows with the largest sums as in and those with the least as out.

What is audited is what fits use: :class:`.learner.PrivateLearner` with its streams,
:class:`tabular.dp.updates.NoisyGradient` with its coins, clipping, noise and division. A network is not part of it:
whether each row's gradient is clipped rightly in the generators' own networks is for tests of
:mod:`tabular.dp.clipping`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...dp.accounting import Release, spent_epsilon
from ...dp.lower_bound import least_epsilon
from ...dp.streams import SecretStreams
from ...dp.updates import NoisyGradient
from ..updates.optimizer import Adam
from .learner import PrivateLearner

__all__ = ["WhiteBoxAudit", "audit_updates"]

#: Fractions of the rows that are guessed. The best is taken, each at a confidence that makes all of them hold together.
GUESSED = (0.01, 0.05, 0.2, 0.9)
#: So many times the clip norm is the gradient of a canary: where clipping fails, it stands out.
LOUDNESS = 10.0


@dataclass(frozen=True)
class WhiteBoxAudit:
    """What the canaries of one run show.

    Attributes:
        claimed: epsilon of the updates by the accountant, at ``delta``.
        bound: the least epsilon at ``delta`` that agrees with the guesses, at 95 % confidence.
        guesses, right: of the fraction of rows that gave the bound.
        rows: canaries, in or out by a fair coin each.
    """

    claimed: float
    delta: float
    bound: float
    guesses: int
    right: int
    rows: int

    @property
    def contradicted(self) -> bool:
        """Whether the attack got further than the claim allows."""
        return self.bound > self.claimed


def audit_updates(
    claim: Release, *, rows: int, delta: float, clip: float = 1.0, noise_multiplier: float | None = None, seed: int = 0
) -> WhiteBoxAudit:
    """Audit the private updates of a fit, with a canary for each row.

    Args:
        claim: what the accountant is given: noise multiplier, sample rate and number of the updates.
        rows: of the table, all of them canaries.
        delta: of the guarantee.
        clip: norm of one row's gradient at most.
        noise_multiplier: the noise that is really added, where it is to differ from the claim; 0 for none.
        seed: of coins and noise.
    """
    streams = SecretStreams.from_seed(seed)
    noise = claim.noise_multiplier if noise_multiplier is None else noise_multiplier
    gradient = NoisyGradient(rows, claim.sample_rate, clip, noise)
    is_in = streams.generator("canaries").random(rows) < 0.5
    seen = _Released(claim, rows, clip)
    learner = PrivateLearner(
        cast(Adam, seen), torch.device("cpu"), gradient, streams=streams, steps=claim.steps, decay=False
    )
    loudness = torch.from_numpy(is_in.astype(np.float32)) * (LOUDNESS * clip)
    table = seen.weights[0]
    learner.loss = lambda drawn: (F.embedding(drawn[:, None], table)[:, 0, 0] * loudness[drawn]).mean()
    for number in range(claim.steps):
        learner.step(number)
    guesses, right, bound = best_guesses(seen.evidence, is_in, delta)
    return WhiteBoxAudit(spent_epsilon([claim], delta), delta, bound, guesses, right, rows)


def best_guesses(scores: np.ndarray, is_in: np.ndarray, delta: float) -> tuple[int, int, float]:
    """(guesses, those that are right, bound on epsilon at 95 %) from scores float64[rows] and bool[rows].

    Of each fraction of :data:`GUESSED`, half are the rows with the largest scores, half those with the least.
    """
    rows, order = len(scores), np.argsort(scores)
    confidence = 1 - 0.05 / len(GUESSED)
    tried = []
    for fraction in GUESSED:
        half = max(int(fraction * rows / 2), 1)
        right = int(is_in[order[-half:]].sum() + (~is_in[order[:half]]).sum())
        bound = least_epsilon(2 * half, right, candidates=rows, delta=delta, confidence=confidence)
        tried.append((2 * half, right, bound))
    return max(tried, key=lambda found: found[2])


class _Released:
    """Stands in the place of an optimizer, and sees what an attacker can see of a fit at most.

    Attributes:
        evidence: float64[rows], the logarithm of how much likelier the updates are with a row than without it.
    """

    def __init__(self, claim: Release, rows: int, clip: float) -> None:
        self.claim, self.expected = claim, rows * claim.sample_rate / clip
        self.weights = [torch.zeros(rows, 1, requires_grad=True)]
        self.evidence = np.zeros(rows)

    def apply(self, gradients: Sequence[Tensor], *arguments: Any, **options: Any) -> None:
        rate = self.claim.sample_rate
        moved = gradients[0][:, 0].double().numpy() * self.expected  # a row that is in moves its weight by 1 or 0
        drawn = math.log(rate) + (moved - 0.5) / self.claim.noise_multiplier**2
        self.evidence += np.logaddexp(drawn, math.log1p(-rate)) if rate < 1 else drawn
