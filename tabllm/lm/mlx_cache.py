"""Keys and values for MLX: a token's slot is its position; a layer sees them through a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from .engine import Cache, Shape

__all__ = ["Store", "Window", "windows"]


@dataclass
class Store:
    """Per layer [rows, heads, slots, width of a head]; made when a layer is first written to."""

    keys: list[mx.array | None]
    values: list[mx.array | None]

    @classmethod
    def empty(cls, shape: Shape) -> Store:
        """Nothing yet."""
        return cls([None] * shape.layers, [None] * shape.layers)

    def arrays(self) -> list[mx.array]:
        """All that is there."""
        return [part for part in (*self.keys, *self.values) if part is not None]


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
        kept = []
        for new, held in ((keys, self.store.keys), (values, self.store.values)):
            whole = held[self.layer]
            if whole is None:
                # Zeros, not whatever lies there: a masked value counts nothing, but 0 times NaN would be NaN.
                whole = mx.zeros((self.rows, new.shape[1], self.slots, new.shape[3]), new.dtype)
            plan = self.plan
            if plan.uniform and plan.rows is None:
                whole[:, :, plan.first : plan.stop] = new
            else:
                # Indexing puts the rows and places first: [rows, m, heads, width].
                whole[plan.row_index, :, plan.positions] = new.transpose(0, 2, 1, 3)
            held[self.layer] = whole
            seen = whole[:, :, : plan.stop]
            kept.append(seen if plan.rows is None else seen[plan.rows])
        return kept[0], kept[1]

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> Any:
        """bool[rows, 1, m, keys]: a token sees all positions up to its own."""
        return self.plan.mask


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
        seen = mx.arange(self.stop)
        self.mask: Any = None
        if not self.uniform:
            self.mask = (seen <= self.positions[:, :, None])[:, None]
        elif positions.shape[1] > 1:
            self.mask = seen <= self.positions[0][:, None]


def windows(cache: Cache, rows: np.ndarray | None, positions: np.ndarray) -> list[Window]:
    """One window per layer, for tokens at ``positions`` (int64[rows, m]) of ``rows`` (``None``: all)."""
    plan = _Plan(rows, positions)
    return [Window(cache, layer, plan) for layer in range(len(cache.store.keys))]
