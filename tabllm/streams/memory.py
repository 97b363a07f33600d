"""Whether a table is read whole or by parts, and the peak of memory that is expected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tabular.errors import UsageError
from tabular.io.file_form import ReadOptions
from tabular.streams.limits import available_bytes, whole_bytes
from tabular.streams.stream import Stream, can_be_streamed
from tabular.streams.summary import SAMPLE_CELLS

from .shards import MOST_ROWS

__all__ = ["AVAILABLE_SHARE", "expected_peak", "in_words", "must_be_streamed", "too_large"]

#: Of the memory that is left, what a table may take unless somebody says more.
AVAILABLE_SHARE = 0.5
#: A table whose files are smaller is read whole, whatever is left.
ALWAYS_WHOLE = 1 << 24
#: Estimates in bytes: the libraries, and a cell of a drawn row: as text, as pandas holds it, as arrays.
LIBRARIES, SAMPLE_CELL = 420e6, 130.0
#: A block while it is parsed, counted and encoded, in multiples of its bytes; and of a distinct value that is counted.
BLOCK_FACTOR, DISTINCT_BYTES = 30, 100
#: Of a row on the disk that training draws from: places in permutations, besides its tokens.
ROW_BYTES = 40


def must_be_streamed(origins: Sequence[str | Path], options: ReadOptions, most: int | None) -> str | None:
    """Why tables are to be read by parts, as the end of a sentence; ``None`` where they are to be read whole.

    Args:
        origins: tables that would be held together.
        most: bytes that they may take; half of what is left if absent.
    """
    if not all(can_be_streamed(origin, options) for origin in origins):
        return None
    needed = sum(whole_bytes(origin) or 0 for origin in origins)
    if most is None:
        if needed < ALWAYS_WHOLE:
            return None
        most = int(AVAILABLE_SHARE * available_bytes())
    if needed <= most:
        return None
    return f"reading whole would take about {in_words(needed)} of memory, and {in_words(most)} is allowed"


def expected_peak(stream: Stream) -> int:
    """About the peak of memory, in bytes, of a fit to ``stream``, whose rows are not known yet."""
    limits, columns = stream.limits, len(stream.names)
    tallies = columns * min(2 * limits.text_bytes, limits.distinct * DISTINCT_BYTES)
    sample = min(limits.sample_rows * columns, SAMPLE_CELLS) * SAMPLE_CELL
    rows = min(MOST_ROWS, stream.bytes / (4 * columns))
    return int(LIBRARIES + BLOCK_FACTOR * limits.block_bytes + tallies + sample + rows * (ROW_BYTES + 2 * columns))


def too_large(origin: str | Path, why: str, what: str) -> UsageError:
    """What to say where ``what`` needs all rows in memory."""
    return UsageError(f"{origin} is too large for {what}, which needs all rows in memory: {why}; see --max-memory.")


def in_words(count: float) -> str:
    """``2.4 GB`` for a number of bytes."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
