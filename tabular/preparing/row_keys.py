"""A random key for each row, by its number alone: which rows are drawn does not depend on how a table is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["RowKeys", "smallest_keys"]

#: Keys that are examined together.
_PART = 1 << 20


class RowKeys:
    """Keys of 64 bits from a raw stream of PCG64, which every version of numpy promises to keep (NEP 19)."""

    def __init__(self, *seed: int) -> None:
        self._bits = np.random.PCG64(seed[0] if len(seed) == 1 else list(seed))

    def next(self, rows: int) -> np.ndarray:
        """uint64[rows]: the keys of the following rows."""
        return np.asarray(self._bits.random_raw(rows))


def smallest_keys(rows: int, count: int, *seed: int) -> np.ndarray:
    """bool[rows]: the ``count`` rows with the smallest keys, in a byte per row."""
    chosen = np.zeros(rows, bool)
    if count <= 0:
        return chosen
    if count >= rows:
        return ~chosen
    # Keys are drawn three times rather than held: by their first 16 bits, then exactly among those that share them.
    histogram = np.zeros(1 << 16, np.int64)
    for part in _parts(rows, *seed):
        histogram += np.bincount(_first_bits(part), minlength=len(histogram))
    below = np.cumsum(histogram)
    bucket = int(np.searchsorted(below, count))
    left = count - (int(below[bucket - 1]) if bucket else 0)
    inside = np.concatenate([part[_first_bits(part) == bucket] for part in _parts(rows, *seed)])
    highest = np.partition(inside, left - 1)[left - 1]
    start = 0
    for part in _parts(rows, *seed):
        chosen[start : start + len(part)] = part <= highest
        start += len(part)
    return chosen


def _first_bits(keys: np.ndarray) -> np.ndarray:
    return (keys >> np.uint64(48)).astype(np.int64)


def _parts(rows: int, *seed: int) -> Iterator[np.ndarray]:
    keys = RowKeys(*seed)
    for start in range(0, rows, _PART):
        yield keys.next(min(_PART, rows - start))
