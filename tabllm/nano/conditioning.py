"""Rows under conditions, from the distribution of rows that are drawn without them.

The model draws rows best in field order. Conditions on the first fields cost nothing there: all prefixes over them are
enumerated. For the others

1. rows are drawn in field order, and those that break a condition are left out, as long as one in :data:`LEAST` keeps
   it, which is exact;
2. for rarer conditions the conditioned fields are drawn first, an order that the model has hardly learned. So some
   candidates are drawn for each wanted row, and taken with the probability that field order gives them, divided by that
   of the way in which they were drawn (sampling importance resampling, Rubin 1988).

Detection of rows under conditions by ``scripts/bench_conditions.py`` (1 = cannot be told from the real rows that keep
them), where the conditioned fields are simply drawn first, with step 1, and with step 2: California housing,
``median_house_value>=300000`` .60, .96, .93; ``median_income>=5 and households<400`` .57, 1.0, .96; Adult,
``age>=60 and hours-per-week<40`` .53, .92, .86.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..decoding.draws import systematic
from ..decoding.orders import order_with_first
from .sampler import MAX_CONDITIONED, Sampler, Weights
from .scorer import Drawn, NanoScorer

__all__ = ["sample_conditioned"]

#: One row in so many, at least, keeps the conditions where the others are left out.
LEAST = 32
#: Rows drawn at first to learn how many keep the conditions, at least and at most; then tokens drawn at a time.
PILOT, BATCH_TOKENS = (256, 4096), 1 << 20
#: Candidates for each wanted row in a round, the rounds at most, and the effective number of them that is enough.
CANDIDATES, ROUNDS, ENOUGH = 4, 4, 2.0


def sample_conditioned(
    sampler: Sampler,
    scorer: NanoScorer,
    rows: int,
    sizes: Sequence[int],
    weights: Weights,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda rows: None,
) -> np.ndarray:
    """Draw ``rows`` rows under conditions: int32[rows, fields] in field order, not shuffled.

    Args:
        sizes: tokens of each field.
        weights: conditions; see :meth:`.sampler.Sampler.sample`.
        advance: told how many rows are done.
    """
    first = _enumerable(list(weights), sizes)
    early = {field: weight for field, weight in weights.items() if field < first}
    late = {field: weight for field, weight in weights.items() if field >= first}
    if not late:
        return sampler.sample(rows, range(len(sizes)), rng, weights=early, conditioned=first, advance=advance)
    kept = _filtered(sampler, rows, len(sizes), early, first, late, rng, advance)
    if (lacking := rows - len(kept)) > 0:
        kept = np.concatenate([kept, _resampled(sampler, scorer, lacking, len(sizes), weights, rng)])
        advance(lacking)
    return kept


def _enumerable(conditions: Sequence[int], sizes: Sequence[int]) -> int:
    """Fields, from the first on, up to the last condition before which all prefixes can be enumerated."""
    found = [field + 1 for field in conditions if math.prod(sizes[: field + 1]) <= MAX_CONDITIONED]
    return max(found, default=0)


def _filtered(
    sampler: Sampler,
    rows: int,
    fields: int,
    early: Weights,
    conditioned: int,
    late: Weights,
    rng: np.random.Generator,
    advance: Callable[[int], None],
) -> np.ndarray:
    """Up to ``rows`` rows of field order that keep the conditions ``late``; fewer where these are rare."""
    kept: list[np.ndarray] = []
    drawn = found = 0
    batch = int(np.clip(rows, *PILOT))
    while found < rows and found * LEAST >= drawn:
        tokens = sampler.sample(batch, range(fields), rng, weights=early, conditioned=conditioned)
        good = tokens[rng.random(batch) < _factor(tokens, late, sampler.parents)]
        advance(min(len(good), rows - found))
        kept.append(good)
        drawn, found = drawn + batch, found + len(good)
        batch = int(min(1.1 * (rows - found) * drawn / max(found, 1) + PILOT[0], max(BATCH_TOKENS // fields, PILOT[0])))
    result = np.concatenate(kept)
    return result if found <= rows else result[np.sort(rng.permutation(found)[:rows])]


def _factor(tokens: np.ndarray, weights: Weights, parents: Sequence[int]) -> np.ndarray:
    """The product of the conditions' factors on each row: float64[rows], 0 to 1."""
    factor = np.ones(len(tokens))
    for field, weight in weights.items():
        at = tokens[:, field]
        factor *= weight[at] if weight.ndim == 1 else weight[tokens[:, parents[field]], at]
    return factor


def _resampled(
    sampler: Sampler,
    scorer: NanoScorer,
    rows: int,
    fields: int,
    weights: Weights,
    rng: np.random.Generator,
) -> np.ndarray:
    order = order_with_first(list(weights), fields)
    pool, logs = np.empty((0, fields), np.int32), np.empty(0)
    for _ in range(ROUNDS):
        drawn = sampler.sample(CANDIDATES * rows, order, rng, weights=weights, conditioned=len(weights))
        pool, logs = np.concatenate([pool, drawn]), np.concatenate([logs, _importance(scorer, drawn, order)])
        mass = np.exp(logs - logs.max())
        if mass.sum() ** 2 >= ENOUGH * rows * (mass**2).sum():
            break
    taken, counts = systematic(mass, rows, rng)
    return pool[np.repeat(taken, counts)]


def _importance(scorer: NanoScorer, tokens: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Log of each row's probability in field order over that in ``order``: float64[rows]."""
    distinct, member = np.unique(tokens, axis=0, return_inverse=True)
    natural, way = (
        scorer.token_log_probs(distinct, fields, 0, [Drawn(distinct[:, field]) for field in fields])
        for fields in (range(tokens.shape[1]), order)
    )
    ratio: np.ndarray = (natural - way)[member.ravel()]
    return ratio
