"""How much of a stream is held at a time, and what reading a table whole would take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..io.files import DAMAGED, compression_of, open_bytes
from ..io.origins import STDIN, is_database, parts_of

__all__ = ["Limits", "available_bytes", "whole_bytes"]

#: Memory that reading and learning a text file whole is taken to need, in multiples of its bytes: content, cells
#: as they are parsed, columns and arrays. A cell of Parquet by the width of its type. Both are estimates.
TEXT_FACTOR = 6.0
CELL_BYTES, TEXT_CELL_BYTES = 24.0, 90.0
#: Bytes of text that a byte of a packed file is taken for, beyond the bytes that are unpacked to see whether it ends.
PACKED, _HEAD = 5, 1 << 22


@dataclass(frozen=True)
class Limits:
    """What a stream holds at a time.

    Attributes:
        block_bytes: of a text file, parsed at a time; a row must fit in.
        block_rows: of a Parquet or Feather file, and of what pandas must read.
        sample_rows: drawn at random; what counts cannot say is inferred from them.
        distinct: values of a column that are counted exactly; of more a part is, drawn by their hashes.
        text_bytes: of the distinct texts of one column that are counted.
        seed: of the drawn rows.
    """

    block_bytes: int = 1 << 22
    block_rows: int = 1 << 15
    sample_rows: int = 200_000
    distinct: int = 200_000
    text_bytes: int = 1 << 25
    seed: int = 0


def available_bytes() -> int:
    """Memory that this machine has left."""
    import psutil

    return int(psutil.virtual_memory().available)


def whole_bytes(origin: str | Path) -> int | None:
    """About the memory, at its peak, of reading the table ``origin`` whole; ``None`` for what is not streamed."""
    if str(origin) == STDIN or is_database(origin):
        return None
    parts = parts_of(origin)
    files = [Path(origin)] if parts is None else parts
    if not all(file.is_file() for file in files):
        return None
    return sum(_of_file(file) for file in files)


def _of_file(path: Path) -> int:
    size = path.stat().st_size
    if path.suffix.lower() in (".parquet", ".pq"):
        return _of_parquet(path)
    if (packed := compression_of(path)) is not None and size:
        try:
            with open_bytes(path, packed) as unpacked:
                start = len(unpacked.read(_HEAD))
        except (OSError, *DAMAGED):
            return size  # who reads it says what is wrong
        # What is unpacked of the whole cannot be known without doing it.
        size = start if start < _HEAD else size * PACKED
    return int(size * TEXT_FACTOR)


def _of_parquet(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
    except (pa.ArrowException, OSError):
        return path.stat().st_size  # damaged: who reads it says so
    plain = sum(pa.types.is_primitive(field.type) for field in schema)
    return int(rows * (plain * CELL_BYTES + (len(schema) - plain) * TEXT_CELL_BYTES))
