"""Keys and values for MLX: a token's slot is its position; a layer sees them through a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from ..base import Cache

__all__ = ["Store", "Window", "copy_rows", "windows"]


@dataclass
class Store:
    """Per layer [rows, heads, slots, width of a head]; made when a layer is first written to."""

    keys: list[mx.array | None]
    values: list[mx.array | None]

    @classmethod
    def empty(cls, layers: int) -> Store:
        """Nothing yet."""
        return cls([None] * layers, [None] * layers)

    def arrays(self) -> list[mx.array]:
        """All that is there."""
        return [part for part in (*self.keys, *self.values) if part is not None]


def copy_rows(target: Cache, sources: Sequence[tuple[Cache, np.ndarray]]) -> None:
    """Fill the rows of ``target`` with those of the sources, one after the other."""
    longest = int(target.lengths.max(initial=0))
    picks = [mx.array(index.astype(np.int32)) for _, index in sources]
    for kind in ("keys", "values"):
        made = getattr(target.store, kind)
        for layer in range(len(made)):
            wholes = [getattr(cache.store, kind)[layer] for cache, _ in sources]
            some = next((whole for whole in wholes if whole is not None), None)
            if some is None or not longest:
                continue
            parts = []
            for whole, pick in zip(wholes, picks, strict=True):
                if whole is None:  # rows that no token has been appended to
                    parts.append(mx.zeros((pick.size, some.shape[1], target.slots, some.shape[3]), some.dtype))
                else:
                    part = whole[:, :, :longest][pick]
                    parts.append(mx.pad(part, [(0, 0), (0, 0), (0, target.slots - part.shape[2]), (0, 0)]))
            made[layer] = parts[0] if len(parts) == 1 else mx.concatenate(parts)


class Window:
    """What one layer of mlx-lm sees of a cache while tokens are appended to some of its rows.

    Attributes:
        offset: the position of the first new token: a number, or an array [rows] where rows differ.
    """

    def __init__(self, cache: Cache, layer: int, plan: _Plan) -> None:
        self.store, self.layer, self.plan, self.slots, self.rows = cache.store, layer, plan, cache.slots, cache.rows
        self.offset = plan.offset

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Store new keys and values [rows, heads, m, width] and give all, [rows, heads, keys, width]."""
        return self._put(self.store.keys, keys), self._put(self.store.values, values)

    def _put(self, held: list[mx.array | None], new: mx.array) -> mx.array:
        plan, whole = self.plan, held[self.layer]
        if whole is None:
            # Zeros, not whatever lies there: a masked value counts nothing, but 0 times NaN would be NaN.
            whole = mx.zeros((self.rows, new.shape[1], self.slots, new.shape[3]), new.dtype)
        if plan.uniform and plan.rows is None:
            whole[:, :, plan.first : plan.stop] = new
        else:
            # Indexing puts the rows and places first: [rows, m, heads, width].
            whole[plan.row_index, :, plan.positions] = new.transpose(0, 2, 1, 3)
        held[self.layer] = whole
        seen = whole[:, :, : plan.stop]
        return seen if plan.rows is None else seen[plan.rows]

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> Any:
        """Lets a token see all positions up to its own; no layer forgets, as a row is far shorter than any window."""
        return self.plan.mask(return_array)


class _Plan:
    """Where the new tokens of each row go; made once for all layers."""

    def __init__(self, rows: np.ndarray | None, positions: np.ndarray) -> None:
        first = positions[0]
        self.stop = int(positions.max()) + 1
        self.first = int(first[0])
        self.uniform = bool((positions == first).all())
        self.rows = None if rows is None else mx.array(rows.astype(np.int32))
        places = np.arange(len(positions)) if rows is None else rows
        self.row_index = mx.array(np.broadcast_to(places[:, None], positions.shape).astype(np.int32))
        self.positions = mx.array(positions.astype(np.int32))
        self.offset: Any = self.first if self.uniform else self.positions[:, 0]

    def mask(self, return_array: bool) -> Any:
        """bool[rows, 1, m, keys], or [m, keys] for all rows; ``"causal"`` and ``None`` say the same shorter."""
        length = self.positions.shape[1]
        if not self.uniform:
            return (mx.arange(self.stop) <= self.positions[:, :, None])[:, None]
        if not return_array:
            return None if length == 1 else "causal"
        return mx.arange(self.stop) <= self.positions[0][:, None]


def windows(cache: Cache, rows: np.ndarray | None, positions: np.ndarray) -> list[Window]:
    """One window per layer, for tokens at ``positions`` (int64[rows, m]) of ``rows`` (``None``: all).

    Raises:
        ValueError: for a position that the cache has no slot for. (MLX would write wherever that is.)
    """
    if positions.max() >= cache.slots:
        raise ValueError(f"no slot for position {positions.max()}: {cache.slots=}")
    plan = _Plan(rows, positions)
    return [Window(cache, layer, plan) for layer in range(len(cache.store.keys))]
