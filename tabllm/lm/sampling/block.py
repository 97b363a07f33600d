"""Rows that no longer share their beginnings: drawn together, column by column, on the device.

All rows stand at the same column; within it a row whose value is complete waits, and costs nothing. Choices, states
and tokens stay on the device. What comes back to the host is, at a level where only some values end, one flag per
row; and the choices, once per block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...decoding.draws import latin_uniforms
from ..engines.base import Cache
from ..serialization.automaton import Automaton

if TYPE_CHECKING:
    from .sampler import LmSampler

__all__ = ["draw_rest"]


def draw_rest(
    sampler: LmSampler,
    cache: Cache,
    pending: np.ndarray,
    record: np.ndarray,
    position: int,
    order: Sequence[int],
    automata: Sequence[Automaton],
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the columns ``order[place:]`` of all rows of a cache: int32[rows, width], ``record`` filled in.

    Args:
        cache: keys and values of the rows' beginnings.
        pending: int64[rows], their last tokens, which are not in the cache yet; not examined for ``position`` 0.
        record: int32[rows, width], the choices so far.
    """
    engine, codec = sampler.engine, sampler.codec
    rows = cache.rows
    levels = sum(automata[column].depth for column in order[position:])
    uniforms = engine.put(latin_uniforms(rows, levels, rng))
    last: Any = engine.put(pending)
    nowhere, root = engine.put(np.full(rows, -1, np.int32)), engine.put(np.zeros(rows, np.int32))
    drawn: list[tuple[int, Any]] = []
    number = 0
    for step in range(position, len(order)):
        column = order[step]
        lead = codec.lead(column, order[step - 1] if step else None)
        ids = engine.join(last, lead) if step else engine.put(np.tile(np.asarray(lead, np.int64), (rows, 1)))
        ids[:, -1] = codec.input_id(ids[:, -1], column, 0)
        hidden = engine.append(cache, ids)
        sampler.count(cache, rows * ids.shape[1])
        active: np.ndarray | None = None
        state = root
        for depth, level in enumerate(automata[column].levels):
            chosen = slice(None) if active is None else engine.put(active)
            choice, after = engine.choose(hidden, level, state, uniforms[number][chosen])
            tokens = engine.tokens(level, choice)
            if not level.forced:
                sampler.counter.drawn += choice.shape[0]
                sampler.counter.head += choice.shape[0] * len(level.tokens)
            if active is None:
                everyone, last = choice, tokens
            else:
                everyone = nowhere + 0
                everyone[chosen] = choice
                last[chosen] = tokens
            drawn.append((codec.spans[column].start + depth, everyone))
            number += 1
            if level.ends:
                number += automata[column].depth - depth - 1
                break
            if not level.goes_on:
                on = np.flatnonzero(engine.fetch(after >= 0))
                if not len(on):
                    number += automata[column].depth - depth - 1
                    break
                if len(on) < len(choice):
                    still = engine.put(on)
                    after, tokens = after[still], tokens[still]
                    active = on if active is None else active[on]
            state = after
            fed = codec.input_id(tokens, column, depth + 1)[:, None]
            hidden = engine.append(cache, fed, rows=active)
            sampler.count(cache, len(fed), active)
    result = record.copy()
    positions = [position for position, _ in drawn]
    result[:, positions] = np.stack([engine.fetch(values) for _, values in drawn], axis=1)
    return result
