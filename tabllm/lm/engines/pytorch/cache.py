"""Keys and values for PyTorch: a token's slot is its position, and memory is used again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache as HfCache

from ..base import Cache, Shape

__all__ = ["BufferPool", "Window", "copy_rows"]


#: Bytes of free blocks that are kept.
MOST_FREE = 3 << 30
#: A free block is used for what needs at least one part in this many of it.
MOST_SPARE = 4


class BufferPool:
    """Flat blocks of memory that come back when the cache that held them is no longer referred to.

    Asking the system for fresh memory costs a page fault per 4 kB, eight times the copy of the rows themselves.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self.free: list[Tensor] = []  # the one that came back last stands last

    def take(self, numbers: int) -> _Buffer:
        """A block of at least ``numbers`` numbers."""
        numbers = max(numbers, 1)
        octave = max(int(numbers - 1).bit_length() - 1, 12)
        step = 1 << max(octave - 2, 0)
        size = -(-numbers // step) * step
        fits = [i for i, block in enumerate(self.free) if size <= block.numel() <= MOST_SPARE * size]
        if fits:
            data = self.free.pop(min(fits, key=lambda i: (self.free[i].numel(), -i)))
        else:
            data = _zeros(size, self.dtype, self.device)
        return _Buffer(self, data)

    def give(self, data: Tensor) -> None:
        """Take a block back; what was not asked for longest goes back to the system."""
        self.free.append(data)
        while len(self.free) > 1 and sum(block.nbytes for block in self.free) > MOST_FREE:
            self.free.pop(0)


def _zeros(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros, not whatever lies there: a masked value counts nothing, but 0 times NaN would be NaN."""
    if device.type != "cpu":
        return torch.zeros(size, dtype=dtype, device=device)
    # numpy asks the system for zeroed pages, which come when they are first used; torch would write them all.
    words = np.zeros(size * dtype.itemsize // 2, np.int16)
    return torch.from_numpy(words).view(dtype)


class _Buffer:
    def __init__(self, pool: BufferPool, data: Tensor) -> None:
        self.pool, self.data = pool, data

    def __del__(self) -> None:
        self.pool.give(self.data)


class Store:
    """Keys and values [layers, slots, rows, heads, width of a head]: one slot of all rows lies together."""

    def __init__(self, pool: BufferPool, shape: Shape, rows: int, slots: int) -> None:
        each = shape.layers * slots * rows * shape.kv_heads * shape.head_width
        self._buffer = pool.take(2 * each)
        both = self._buffer.data[: 2 * each].view(2, shape.layers, slots, rows, shape.kv_heads, shape.head_width)
        self.keys, self.values = both[0], both[1]


def copy_rows(target: Cache, sources: Sequence[tuple[Cache, np.ndarray]], device: torch.device) -> None:
    """Fill the rows of ``target`` with those of the sources, one after the other."""
    begin = 0
    for source, index in sources:
        length = int(source.lengths[index].max(initial=0))
        rows = torch.from_numpy(np.ascontiguousarray(index)).to(device)
        whole = begin == 0 and len(index) == target.rows
        for new, old in ((target.store.keys, source.store.keys), (target.store.values, source.store.values)):
            for layer in range(old.shape[0]):
                if whole:
                    torch.index_select(old[layer, :length], 1, rows, out=new[layer, :length])
                else:
                    new[layer, :length, begin : begin + len(index)] = old[layer, :length].index_select(1, rows)
        begin += len(index)


class Window(HfCache):
    """What a transformers model sees of a cache while some tokens are appended to some of its rows.

    Args:
        rows: int64 on the host, the rows that are appended to; ``None`` for all.
        positions: int64[rows, m], on the host.
        device: where the store lies.
    """

    def __init__(self, cache: Cache, rows: np.ndarray | None, positions: np.ndarray, device: torch.device) -> None:
        super().__init__(layers=[])
        self.store = cache.store
        self.stop = int(positions.max()) + 1
        first = positions[0]
        self.uniform = bool((positions == first).all())
        self.first = int(first[0])
        self.rows = None if rows is None else torch.from_numpy(rows).to(device)
        self.positions = torch.from_numpy(np.ascontiguousarray(positions)).to(device)
        self.device = device

    def mask(self) -> Tensor | None:
        """bool[rows, 1, m, keys]: a token sees all positions up to its own; ``None`` where all rows see all keys."""
        if self.uniform and self.positions.shape[1] == 1:
            return None
        seen = torch.arange(self.stop, device=self.device)
        if self.uniform:
            return (seen <= self.positions[:1, :, None])[:, None].expand(len(self.positions), 1, -1, -1)
        return (seen <= self.positions[:, :, None])[:, None]

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        """Store new keys and values [rows, heads, m, width] and give all, [rows, heads, keys, width]."""
        pairs = []
        for new, store in ((key_states, self.store.keys[layer_idx]), (value_states, self.store.values[layer_idx])):
            new = new.permute(2, 0, 1, 3)  # (m, rows, heads, width)
            if self.uniform and self.rows is None:
                store[self.first : self.stop] = new
            else:
                rows = torch.arange(new.shape[1], device=self.device) if self.rows is None else self.rows
                store[self.positions.T, rows] = new
            kept = store[: self.stop]
            if self.rows is not None:
                kept = kept.index_select(1, self.rows)
            pairs.append(kept.permute(1, 2, 0, 3))
        return tuple(pairs)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens before these; positions are given, so it is not used for them."""
        return self.first

    def get_mask_sizes(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
        """(keys, offset)."""
        return self.stop, 0

    def get_query_offset(self, *args: Any, **kwargs: Any) -> int:
        """The position of the first new token."""
        return self.first

    @property
    def is_sliding(self) -> list[bool]:
        """No layer forgets: a row is far shorter than any window."""
        return [False]
