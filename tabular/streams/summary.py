"""One pass over a stream: what its columns hold, how often, and rows drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..encoding.arrow_columns import NULLABLE, arrow_to_pandas
from ..errors import TableError
from ..progress import Reporter
from .native import NativeType
from .order import Order
from .parts import Reread
from .reservoir import Reservoir
from .stream import Stream
from .tallies import Tally, value_counts

__all__ = ["ColumnSummary", "Summary", "count_rows", "frames", "summarize"]

#: Neighbouring rows that are kept of the start and of the end.
ENDS = 4096
#: Cells of drawn rows, and bytes of counted texts, of all columns together; a wide table has fewer of each column.
SAMPLE_CELLS, TALLY_BYTES, LEAST_ROWS, LEAST_BYTES = 30_000_000, 1 << 29, 20_000, 1 << 20
#: What the rows are drawn by, beside the seed.
_DRAWN = 1


@dataclass
class ColumnSummary:
    """What is known of all cells of one column.

    Attributes:
        tally: how often each value occurs; ``None`` for nested values, which are inferred from the drawn rows.
        native: of a column of text, the dtype that all texts allow.
        filled: cells that are there.
        levels: of an Arrow dictionary, its values in the order in which they first came.
    """

    name: str
    tally: Tally | None
    native: NativeType | None
    filled: int = 0
    levels: dict[object, None] = field(default_factory=dict)

    def add(self, column: pa.ChunkedArray) -> None:
        """The cells of the next block."""
        self.filled += len(column) - column.null_count
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                self.levels.update(dict.fromkeys(chunk.dictionary.to_pylist()))
            column = column.cast(column.type.value_type)
        if self.tally is None:
            return
        try:
            values, counts = value_counts(column)
            self.tally.add(values, counts)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            self.tally = None
            return
        if self.native is not None:
            self.native.add(values, gaps=bool(column.null_count))


@dataclass
class Summary:
    """What one pass over a stream found.

    Attributes:
        rows: of the table.
        columns: by name, in order; nameless columns without a cell are left out.
        sample: rows drawn at random, in their order, as blocks give them.
        numbers: int64[sample], their numbers from 0.
        first, last: neighbouring rows.
        repeated: rows that repeat the header.
        notes: of columns that no kind can hold.
    """

    rows: int
    columns: dict[str, ColumnSummary]
    sample: pa.Table
    numbers: np.ndarray
    first: pa.Table
    last: pa.Table
    repeated: int
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether the drawn rows are all rows."""
        return len(self.numbers) == self.rows

    def missing(self, name: str) -> int:
        """Missing cells of a column."""
        return self.rows - self.columns[name].filled

    def frame(self, block: pa.Table) -> pd.DataFrame:
        """``block`` with the dtypes that the whole table has."""
        block = block.select([name for name in block.column_names if name in self.columns])
        native = {name: column.native for name, column in self.columns.items() if column.native is not None}
        if native:
            return pd.DataFrame({name: native[name].series(block[name]) for name in block.column_names}, copy=False)
        table, notes = arrow_to_pandas(block)
        self.notes = self.notes or notes
        for name in table.columns:
            column = self.columns.get(name)
            if column is not None and column.filled < self.rows and str(table[name].dtype) in NULLABLE:
                table[name] = table[name].astype(NULLABLE[str(table[name].dtype)])
            if column is not None and column.levels and isinstance(table[name].dtype, pd.CategoricalDtype):
                table[name] = table[name].cat.set_categories([v for v in column.levels if v is not None])
        return table

    def order(self, name: str) -> Order:
        """What the order of the rows says of a column."""
        first, last, drawn = (self.frame(table.select([name]))[name] for table in (self.first, self.last, self.sample))
        return Order(first, last, drawn, self.numbers)


def summarize(stream: Stream, progress: Reporter | None = None) -> Summary:
    """Read ``stream`` once, or again where it turns out to be other than it seemed.

    Raises:
        TableError: if it cannot be read, or has no rows.
    """
    while True:
        try:
            return _summarize(stream, progress or Reporter())
        except Reread:
            continue


def count_rows(stream: Stream) -> int:
    """The rows of ``stream``. Raises :class:`TableError` if it cannot be read."""
    while True:
        try:
            return sum(len(block) for block in stream.blocks())
        except Reread:
            continue


def frames(stream: Stream, summary: Summary) -> Iterator[pd.DataFrame]:
    """The rows of ``stream`` in parts, as the DataFrames that they would be of the whole table.

    Raises:
        TableError: if the table is not as it was when it was summarized.
    """
    rows = 0
    try:
        for block in stream.blocks():
            yield summary.frame(block)
            rows += len(block)
    except Reread:
        rows = -1
    if rows != summary.rows:
        raise TableError(
            f"{stream.origin} was changed while it was read by parts; give the same command again when nobody writes "
            "it."
        )


def _summarize(stream: Stream, progress: Reporter) -> Summary:
    limits, names = stream.limits, stream.names
    text_bytes = max(LEAST_BYTES, min(limits.text_bytes, TALLY_BYTES // len(names)))
    columns = {
        name: ColumnSummary(name, Tally(limits.distinct, text_bytes), NativeType() if stream.is_text else None)
        for name in names
    }
    rows = min(limits.sample_rows, max(LEAST_ROWS, SAMPLE_CELLS // len(names)))
    reservoir = Reservoir(rows, limits.seed, _DRAWN)
    first: pa.Table | None = None
    last: pa.Table | None = None
    repeated = 0
    with progress.task("Reading", stream.bytes / 1e6, "MB") as task:
        for block in stream.blocks():
            reservoir.offer(block)
            first = block.slice(0, ENDS) if first is None else first
            last = _end(last, block)
            task.advance(block.nbytes / 1e6)
            if stream.is_text and (headers := _headers(block)) is not None:
                repeated += int(pc.sum(headers).as_py())
                block = block.filter(pc.invert(headers))
                for column in columns.values():
                    assert column.native is not None
                    column.native.add(pa.array([column.name]), gaps=True)
            for name, column in columns.items():
                column.add(block[name])
        task.finish()
    if first is None or last is None:
        raise TableError(f"{stream.origin} has a header but no rows.")
    sample, numbers = reservoir.drawn()
    kept = {name: c for name, c in columns.items() if c.filled or name not in stream.nameless}
    found = Summary(reservoir.seen, kept, sample, numbers, first, last, repeated)
    found.frame(sample.slice(0, 1))  # says which columns no kind can hold
    return found


def _end(last: pa.Table | None, block: pa.Table) -> pa.Table:
    if last is None or len(block) >= ENDS:
        return block.slice(max(0, len(block) - ENDS))
    both = pa.concat_tables([last, block], promote_options="permissive")
    return both.slice(max(0, len(both) - ENDS)).combine_chunks()


def _headers(block: pa.Table) -> pa.ChunkedArray | None:
    """Rows in which every cell is its column's name, as in files pasted together; ``None`` where there are none."""
    if block.num_columns < 2:
        return None  # a single column may well hold its own name as a value
    found: pa.ChunkedArray | None = None
    for name in block.column_names:
        same = pc.fill_null(pc.equal(block[name], name), False)
        found = same if found is None else pc.and_(found, same)
        if not pc.any(found).as_py():
            return None
    return found
