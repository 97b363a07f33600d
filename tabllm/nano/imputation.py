"""Missing cells of rows, drawn in the light of the whole row: sampling importance resampling.

The model draws missing fields after the known ones, an order that it has hardly learned. So a few completions of each
row are drawn that way, and one is taken: with the probability that the order of drawing whole rows gives it, divided by
that of the way in which it was drawn (Rubin 1988, "Using the SIR algorithm to simulate posterior distributions").

8,000 rows of California housing without their price: the rows that are filled with 1, 4, 8 and 16 completions give
XGBoost an R2 of .73, .78, .78 and .79 (real prices .81); with Adult's ``income`` the AUC is .890, .910, .913 and .912
(real .920). Four completions take five times as long as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..codec.rows import RowCodec
from ..decoding.orders import order_with_first
from .sampler import Sampler
from .scorer import Drawn, NanoScorer

__all__ = ["complete_pattern"]

#: Completions that are drawn of each row.
COMPLETIONS = 4
#: Rows that are completed at a time.
PART_ROWS = 1 << 13


def complete_pattern(
    sampler: Sampler,
    scorer: NanoScorer,
    codec: RowCodec,
    tokens: np.ndarray,
    missing: Sequence[str],
    rng: np.random.Generator,
) -> np.ndarray:
    """Rows that all lack the same columns, completed: int32[rows, fields].

    Args:
        tokens: int32[rows, fields] in field order; what stands in fields of ``missing`` is not used.
        missing: parts of the table.
    """
    table = codec.table
    given = [place for place, field in enumerate(table.fields) if field.column not in missing]
    fields = len(table.fields)
    order = order_with_first(given, fields)
    weights = {field: weight for name in missing for field, weight in codec.present_weights(name).items()}
    if not given:
        return sampler.sample(len(tokens), order, rng, weights=weights)
    if given == list(range(len(given))):  # drawn in field order anyway
        return sampler.complete(tokens[:, given], order, rng, weights=weights)
    parts = [
        _resampled(sampler, scorer, tokens[start : start + PART_ROWS], given, weights, rng)
        for start in range(0, len(tokens), PART_ROWS)
    ]
    return np.concatenate(parts)


def _resampled(
    sampler: Sampler,
    scorer: NanoScorer,
    tokens: np.ndarray,
    given: Sequence[int],
    weights: Mapping[int, np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    fields = tokens.shape[1]
    order = order_with_first(given, fields)
    drawn = sampler.complete(tokens[:, given], order, rng, weights=weights, copies=COMPLETIONS)
    distinct, member = np.unique(drawn, axis=0, return_inverse=True)
    first = next(place for place in range(fields) if place not in given)
    natural = range(fields)
    wanted = scorer.token_log_probs(distinct, natural, first, [Drawn(distinct[:, f]) for f in natural[first:]])
    ways = [
        Drawn(distinct[:, field], weights.get(field), distinct[:, max(sampler.parents[field], 0)])
        for field in order[len(given) :]
    ]
    way = scorer.token_log_probs(distinct, order, len(given), ways)
    logs = (wanted - way)[member.ravel()].reshape(len(tokens), COMPLETIONS)
    taken = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
    chosen: np.ndarray = drawn.reshape(len(tokens), COMPLETIONS, fields)[np.arange(len(tokens)), taken]
    return chosen
