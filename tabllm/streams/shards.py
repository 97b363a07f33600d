"""The rows of a stream as tokens in a file, which training draws its batches from without holding them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tabular.encoding.arrays import to_arrays
from tabular.preparing.row_keys import smallest_keys
from tabular.progress import Reporter
from tabular.storage.placing import as_output_error, hidden_beside
from tabular.streams.schema import StreamedTable
from tabular.streams.summary import frames

from ..codec.rows import RowCodec

__all__ = ["MOST_ROWS", "TokenRows", "token_rows"]

#: Rows that are encoded at most, where training draws fewer in all: many times what it draws by default.
MOST_ROWS = 1 << 22
#: What the encoded rows are drawn by, beside the seed of the stream.
_DRAWN = 2


class TokenRows:
    """The rows that a fit of ``nano`` draws its batches from.

    Attributes:
        table: whose rows they are.
        path: the file that holds the tokens.
        most: rows that are encoded where training draws fewer.
    """

    def __init__(self, table: StreamedTable, path: Path, progress: Reporter, *, most: int = MOST_ROWS) -> None:
        self.table, self.path, self.progress, self.most = table, path, progress, most

    @property
    def rows(self) -> int:
        """Of the table."""
        return self.table.summary.rows

    def with_missing(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The ``arrays`` of the sample, in which a cell is missing of each column that has missing cells anywhere.

        The vocabulary is learned from them, and must have a token for what only other rows have.
        """
        found = dict(arrays)
        for column in self.table.schema:
            values = found[column.name]
            if not column.missing_rate or values.dtype == object:
                continue
            gone = np.isnan(values) if column.is_numeric else values < 0
            if not gone.any():
                # The first cell of many: no bin and no count is another one for it.
                found[column.name] = values.copy()
                found[column.name][0] = np.nan if column.is_numeric else -1
        return found

    def tokens(self, codec: RowCodec, drawn: int) -> np.ndarray:
        """int16 or int32[rows, fields], in the order of the table, on the disk.

        Args:
            drawn: rows that training draws in all. Where these are fewer than the table has, so many rows are enough,
                drawn at random.

        Raises:
            OutputError: if the disk is full.
        """
        sizes = codec.table.sizes
        dtype = np.dtype(np.int16 if max(sizes) < 1 << 15 else np.int32)
        chosen = None
        if (enough := max(self.most, drawn)) < self.rows:
            chosen = smallest_keys(self.rows, enough, self.table.stream.limits.seed, _DRAWN)
        row = 0
        task = self.progress.task("Encoding", self.rows, "rows")
        with as_output_error(self.path), self.path.open("wb") as file, task as encoded:
            for frame in frames(self.table.stream, self.table.summary):
                count = len(frame)
                kept = frame if chosen is None else frame[chosen[row : row + count]]
                row += count
                if len(kept):
                    arrays = to_arrays(kept.reset_index(drop=True), self.table.schema, unseen="missing")
                    file.write(np.ascontiguousarray(codec.encode(arrays), dtype).tobytes())
                encoded.advance(count)
        return np.memmap(self.path, dtype, "r").reshape(-1, len(sizes))


@contextmanager
def token_rows(table: StreamedTable, run: Path, progress: Reporter) -> Iterator[TokenRows]:
    """The rows of ``table`` for a fit whose run will be ``run``, in a hidden file beside it that goes at the end."""
    path = hidden_beside(run)
    try:
        yield TokenRows(table, path, progress)
    finally:
        path.unlink(missing_ok=True)
