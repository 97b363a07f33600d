"""Which file formats there are, by the ending of a path, and how a file is opened through its compression."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from ..errors import UsageError

__all__ = ["COMPRESSIONS", "DAMAGED", "FORMATS", "FileFormat", "compression_of", "file_format", "open_bytes"]

#: Ending -> format.
FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "excel",
    ".xls": "excel",
}
#: What a damaged archive raises, by library.
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}


@dataclass(frozen=True)
class FileFormat:
    """What the ending of a path says.

    Attributes:
        name: ``csv``, ``tsv``, ``parquet``, ``arrow``, ``jsonl``, ``json`` or ``excel``.
        ending: such as ``.csv``.
        compression: ``gzip``, ``bz2``, ``xz``, ``zstd`` or ``None``.
    """

    name: str
    ending: str
    compression: str | None


def compression_of(path: Path) -> str | None:
    """How ``path`` is compressed, by its last ending."""
    return COMPRESSIONS.get(path.suffix.lower())


def file_format(path: Path) -> FileFormat:
    """The format of ``path``. Raises :class:`UsageError` for an ending that is not known."""
    endings = [ending.lower() for ending in path.suffixes]
    compression = compression_of(path)
    if compression:
        endings.pop()
    ending = endings[-1] if endings else ""
    name = FORMATS.get(ending)
    if name is None or (compression and name in ("parquet", "arrow", "excel")):
        raise UsageError(
            f"The format of {path} is not known by its name; name it {', '.join(FORMATS)} "
            f"(text formats also with {', '.join(COMPRESSIONS)})."
        )
    return FileFormat(name, ending, compression)


def open_bytes(path: Path, compression: str | None) -> IO[bytes]:
    """``path`` opened for reading, decompressed on the way."""
    if compression == "gzip":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if compression == "bz2":
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if compression == "xz":
        return cast("IO[bytes]", lzma.open(path, "rb"))
    if compression == "zstd":
        import io

        import pyarrow as pa

        stream: Any = pa.CompressedInputStream(str(path), "zstd")
        return cast("IO[bytes]", io.BufferedReader(stream))
    return path.open("rb")
