"""The order in which the columns of conditioned rows are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...decoding.orders import order_with_first
from .automaton import Automaton
from .base import LmCodec

__all__ = ["order_for"]

#: Beginnings that are listed so as to keep the learned column order under a condition.
MAX_LISTED = 256


def order_for(conditions: Mapping[int, Automaton], codec: LmCodec) -> list[int]:
    """The learned order where all beginnings up to the last condition can be listed, else the conditioned columns
    first."""
    last = max(conditions, default=-1) + 1
    if math.prod(sum(len(level.tokens) for level in a.levels) for a in codec.automata[:last]) <= MAX_LISTED:
        return list(range(len(codec.names)))
    return order_with_first(list(conditions), len(codec.names))
