"""Rows of which some columns are known: these are read, and the others drawn after them."""

from __future__ import annotations

import numpy as np

from ...decoding.orders import order_with_first
from ..serialization.base import LmCodec
from ..training.batches import BatchMaker
from .sampler import LmSampler

__all__ = ["complete_pattern"]


def complete_pattern(
    sampler: LmSampler, codec: LmCodec, choices: np.ndarray, missing: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows of which the same columns are missing, completed: int32[rows, width].

    Args:
        choices: int32[rows, width].
        missing: int64, the columns that are missing.
    """
    columns = len(codec.names)
    given = [column for column in range(columns) if column not in set(missing.tolist())]
    order = order_with_first(given, columns)
    conditions = {int(column): automaton for column in missing if (automaton := codec.present(int(column))) is not None}
    if not given:
        return sampler.sample(len(choices), order, rng, conditions=conditions)
    batch = BatchMaker(codec).make(choices, np.tile(np.asarray(given), (len(choices), 1)))
    record = choices.copy()
    for column in missing:
        record[:, codec.spans[column]] = -1
    return sampler.complete(batch.ids, batch.lengths - 1, record, len(given), order, rng, conditions=conditions)
