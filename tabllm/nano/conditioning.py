"""Rows under conditions, from the distribution of rows that are drawn without them.

The model draws rows best in field order. Conditions on the first fields cost nothing there: all prefixes over them are
enumerated. For the others

1. rows are drawn in field order, and those that break a condition are left out as soon as its field is drawn, as long
   as a row that stays costs no more than :data:`LEAST` whole rows, which is exact;
2. for rarer conditions the conditioned fields are drawn first, an order that the model has hardly learned. So some
   candidates are drawn for each wanted row, and taken with the probability that field order gives them, divided by that
   of the way in which they were drawn (sampling importance resampling, Rubin 1988).

Detection of rows under conditions by ``scripts/bench_conditions.py`` (1 = cannot be distinguished from the real
rows that keep them), where the conditioned fields are simply drawn first, with step 1, and with step 2: California
housing, ``median_house_value>=300000`` .60, .96, .93; ``median_income>=5 and households<400`` .57, 1.0, .96; Adult,
``age>=60 and hours-per-week<40`` .53, .92, .86.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..decoding.draws import systematic
from ..decoding.orders import order_with_first
from .sampler import MAX_CONDITIONED, Rows, Sampler, Weights
from .scorer import NanoScorer

__all__ = ["sample_conditioned"]

#: What it may cost to draw a row that keeps the conditions where the others are left out, in whole rows.
LEAST = 32
#: Rows drawn at first to learn how many keep the conditions, at least and at most; then fields and rows at a time.
PILOT, BATCH_FIELDS, BATCH_ROWS = (256, 4096), 1 << 20, 1 << 20
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
        advance: called with how many rows are done.
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
    drawn = found = evaluated = 0
    batch = int(np.clip(rows, *PILOT))
    while found < rows and found * LEAST * fields >= evaluated:
        made = sampler.sample_rows(batch, range(fields), rng, weights=early, conditioned=conditioned, keep=late)
        advance(min(len(made.tokens), rows - found))
        kept.append(made.tokens)
        drawn, found, evaluated = drawn + batch, found + len(made.tokens), evaluated + made.evaluated
        most = int(np.clip(BATCH_FIELDS * drawn // evaluated, PILOT[0], BATCH_ROWS))
        batch = int(min(1.1 * (rows - found) * drawn / max(found, 1) + PILOT[0], most))
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
        drawn = sampler.sample_rows(CANDIDATES * rows, order, rng, weights=weights, conditioned=len(weights))
        pool = np.concatenate([pool, drawn.tokens])
        logs = np.concatenate([logs, _importance(scorer, drawn, weights, sampler.parents)])
        mass = np.exp(logs - logs.max())
        if mass.sum() ** 2 >= ENOUGH * rows * (mass**2).sum():
            break
    taken, counts = systematic(mass, rows, rng)
    return pool[np.repeat(taken, counts)]


def _importance(scorer: NanoScorer, drawn: Rows, weights: Weights, parents: Sequence[int]) -> np.ndarray:
    """Log of each row's probability in field order, under the conditions, over that of its draw: float64[rows].

    It is right but for a constant.
    """
    natural = scorer.row_log_probs(drawn.tokens, 0, drawing=True)
    log_ratio: np.ndarray = natural + np.log(_factor(drawn.tokens, weights, parents)) - drawn.logs
    return log_ratio
