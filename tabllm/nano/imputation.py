"""Missing cells of rows, drawn in the light of the whole row: sampling importance resampling.

The model draws missing fields after the known ones, an order that it has hardly learned. So a few completions of each
row are drawn that way, and one is taken: with the probability that the order of drawing whole rows gives it, divided by
that of the way in which it was drawn (Rubin 1988, "Using the SIR algorithm to simulate posterior distributions").

8,000 rows of California housing without their price: the rows that are filled with 1, 4, 8 and 16 completions give
XGBoost an R2 of .73, .78, .78 and .79 (real prices .81); with Adult's ``income`` the AUC is .890, .910, .913 and .912
(real .920). Four completions take four times as long as one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..codec.rows import RowCodec
from ..decoding.orders import order_with_first
from .engines.base import TINY
from .sampler import Rows, Sampler
from .scorer import NanoScorer

__all__ = ["complete_in_order", "complete_pattern"]

#: Completions that are drawn of each row.
COMPLETIONS = 4
#: Rows that are completed at a time.
PART_ROWS = 1 << 13
#: Completions of each row of a model that knows one order alone, and rows times completions at a time.
WEIGHTED, BLOCK_ROWS = 16, 1 << 10


def complete_pattern(
    sampler: Sampler,
    scorer: NanoScorer,
    tokens: np.ndarray,
    given: Sequence[int],
    weights: Mapping[int, np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Rows that all lack the same columns, completed: int32[rows, fields].

    Args:
        tokens: int32[rows, fields] in field order; what stands in other fields than ``given`` is not used.
        given: the fields that are known, in ascending order.
        weights: factors on the probabilities of the others, see :meth:`.sampler.Sampler.sample`.
    """
    order = order_with_first(given, tokens.shape[1])
    if not given:
        return sampler.sample(len(tokens), order, rng, weights=weights)
    if list(given) == list(range(len(given))):  # drawn in field order anyway
        return sampler.complete(tokens[:, given], order, rng, weights=weights).tokens
    first = next(field for field in order if field not in given)
    parts = []
    for start in range(0, len(tokens), PART_ROWS):
        known = tokens[start : start + PART_ROWS, given]
        drawn = sampler.complete(known, order, rng, weights=weights, copies=COMPLETIONS)
        parts.append(_resampled(scorer, drawn, first, rng))
    return np.concatenate(parts)


def _resampled(scorer: NanoScorer, drawn: Rows, first: int, rng: np.random.Generator) -> np.ndarray:
    """One completion of each row, by what the model says of all fields from ``first`` on: int32[rows, fields]."""
    logs = (scorer.row_log_probs(drawn.tokens, first) - drawn.logs).reshape(-1, COMPLETIONS)
    taken = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
    return drawn.tokens[np.arange(len(logs)) * COMPLETIONS + taken]


def complete_in_order(
    sampler: Sampler,
    codec: RowCodec,
    tokens: np.ndarray,
    missing: Sequence[str],
    rng: np.random.Generator,
    absent: Collection[str] = (),
) -> np.ndarray:
    """As :func:`complete_pattern`, of a model that was trained in field order alone.

    The fields are gone through in that order: missing ones are drawn, and known ones behind them weigh the draws
    (likelihood weighting: Fung and Chang 1990). Of each row :data:`WEIGHTED` completions are drawn, their first field
    from a flatter distribution than the model's, so that what the known fields speak for is among them; one is taken.

    Args:
        missing: parts of the table, none of them the first.
        absent: those that may be missing in a completed row.
    """
    table = codec.table
    open_ = np.array([field.column in missing for field in table.fields])
    first = int(open_.argmax())
    weights = {
        field: weight for name in missing if name not in absent for field, weight in codec.present_weights(name).items()
    }
    if open_[first:].all():
        return sampler.complete(tokens[:, :first], range(len(open_)), rng, weights=weights).tokens
    block = BLOCK_ROWS // WEIGHTED
    parts = [
        _weighted(sampler, tokens[start : start + block], open_, weights, rng) for start in range(0, len(tokens), block)
    ]
    return np.concatenate(parts)


def _weighted(
    sampler: Sampler, tokens: np.ndarray, open_: np.ndarray, weights: Mapping[int, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    engine, order, first = sampler.engine, range(len(open_)), int(open_.argmax())
    cache = engine.new_cache(len(tokens))
    engine.append(cache, np.ascontiguousarray(tokens[:, : first - 1]), order, 0)
    drawn = np.repeat(tokens, WEIGHTED, axis=0)
    cache = engine.gather(cache, np.repeat(np.arange(len(tokens)), WEIGHTED), first)
    logs, rows = np.zeros(len(drawn)), np.arange(len(drawn))
    # Of the completions of one row the numbers that draw the first field are spread evenly.
    even = (np.tile(np.arange(WEIGHTED), len(tokens)) + rng.random(len(drawn))) / WEIGHTED
    for field in order[first:]:
        hidden = engine.append(cache, np.ascontiguousarray(drawn[:, field - 1 : field]), order, field)
        model = engine.probabilities(hidden, field).astype(np.float64) + TINY
        if field in weights:
            weight = weights[field]
            model *= weight if weight.ndim == 1 else weight[drawn[:, sampler.parents[field]]]
        model /= model.sum(axis=1, keepdims=True)
        if not open_[field]:
            logs += np.log(np.maximum(model[rows, drawn[:, field]], TINY))
            continue
        way: np.ndarray = model
        if field == first:
            flat = np.sqrt(model)
            way = (model + flat / flat.sum(axis=1, keepdims=True)) / 2
        uniform = even if field == first else rng.random(len(drawn))
        edges = way.cumsum(axis=1)
        token = (edges < (uniform * edges[:, -1])[:, None]).sum(axis=1)
        drawn[:, field] = np.minimum(token, way.shape[1] - 1)
        logs += np.log(model[rows, drawn[:, field]]) - np.log(way[rows, drawn[:, field]])
    by_row = logs.reshape(len(tokens), WEIGHTED)
    taken = (by_row + rng.gumbel(size=by_row.shape)).argmax(axis=1)
    chosen: np.ndarray = drawn.reshape(len(tokens), WEIGHTED, -1)[np.arange(len(tokens)), taken]
    return chosen
