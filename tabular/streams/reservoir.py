"""Rows drawn at random while a stream goes by, each with the same probability, in the order of the file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..preparing.row_keys import RowKeys

__all__ = ["Reservoir"]


class Reservoir:
    """The ``rows`` rows with the smallest keys of all that were offered, whatever the blocks they came in.

    Attributes:
        seen: rows that were offered.
    """

    def __init__(self, rows: int, *seed: int) -> None:
        self.rows, self.seen = rows, 0
        self._keys = RowKeys(*seed)
        self._highest: int | None = None
        self._blocks: list[pa.Table] = []
        self._held: list[tuple[np.ndarray, np.ndarray]] = []

    def offer(self, block: pa.Table) -> None:
        """The next rows of the stream."""
        keys = self._keys.next(len(block))
        chosen = np.arange(len(block)) if self._highest is None else np.flatnonzero(keys < np.uint64(self._highest))
        if len(chosen):
            # A copy: a slice would keep the whole block.
            self._blocks.append(block.take(pa.array(chosen)))
            self._held.append((keys[chosen], chosen + self.seen))
        self.seen += len(block)
        if sum(len(keys) for keys, _ in self._held) > 2 * self.rows:
            self._shrink()

    def _shrink(self) -> None:
        keys = np.concatenate([keys for keys, _ in self._held])
        positions = np.concatenate([positions for _, positions in self._held])
        if len(keys) > self.rows:
            ordered = np.argpartition(keys, self.rows - 1)[: self.rows]
            kept = np.sort(ordered)
            self._highest = int(keys[ordered].max())
            table = pa.concat_tables(self._blocks, promote_options="permissive").take(pa.array(kept))
            self._blocks, self._held = [table.combine_chunks()], [(keys[kept], positions[kept])]

    def drawn(self) -> tuple[pa.Table, np.ndarray]:
        """(the drawn rows in their order, int64[rows] their numbers in the stream from 0)."""
        self._shrink()
        table = pa.concat_tables(self._blocks, promote_options="permissive")
        return table, np.concatenate([positions for _, positions in self._held])
