"""A table that may be larger than memory, as blocks of rows in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import TableError, UsageError
from ..io.file_form import FileForm, ReadOptions
from ..io.origins import STDIN, existing, format_of, is_database, parts_of
from ..io.reading import columns_differ, reading_errors
from .limits import Limits
from .parts import Part, Reread, TextPart, part_of

__all__ = ["Stream", "can_be_streamed", "open_stream"]

#: Formats that are read by parts.
STREAMED = ("csv", "tsv", "parquet", "arrow")


@dataclass
class Stream:
    """A table that is read by parts, as often as is needed.

    Attributes:
        origin: what was requested.
        parts: its files, in the order of their names.
        limits: how much is held at a time.
        stamps: the bytes of each file, and the time of its last change.
        options: how it is read.
        dropped: columns that are passed over.
        chosen: bool[rows], the rows that the blocks have; ``None``: all.
    """

    origin: str
    parts: list[Part]
    limits: Limits
    stamps: tuple[tuple[int, int], ...]
    options: ReadOptions
    dropped: tuple[str, ...] = ()
    chosen: np.ndarray | None = field(default=None, repr=False)

    @property
    def is_text(self) -> bool:
        """Whether cells are text whose columns get their dtypes when all are known."""
        return isinstance(self.parts[0], TextPart)

    @property
    def names(self) -> list[str]:
        """The columns of the blocks, nameless ones that may turn out to be empty among them."""
        return [name for name in self.parts[0].names if name not in self.dropped]

    @property
    def nameless(self) -> tuple[str, ...]:
        """Columns without a name in the header, which are left out where they are empty."""
        first = self.parts[0]
        return first.nameless if isinstance(first, TextPart) else ()

    @property
    def bytes(self) -> int:
        """Of its files."""
        return sum(size for size, _ in self.stamps)

    @property
    def form(self) -> FileForm:
        """How the first file is written."""
        return self.parts[0].form

    @property
    def notes(self) -> list[str]:
        """What was guessed, one sentence each."""
        found = list(dict.fromkeys(note for part in self.parts for note in part.notes))
        if len(self.parts) > 1:
            found.insert(0, f"Read {len(self.parts):,} files of {self.origin} as one table.")
        return found

    def without(self, names: tuple[str, ...]) -> Stream:
        """The same without the columns ``names``. Raises :class:`UsageError` for one that is not there."""
        for name in names:
            if name not in self.names:
                raise UsageError(
                    f"There is no column {name!r} to drop; the table has {', '.join(map(repr, self.names))}."
                )
        return replace(self, dropped=names)

    def only(self, chosen: np.ndarray) -> Stream:
        """The same with the rows ``chosen`` (bool[rows]) alone."""
        return replace(self, chosen=chosen)

    def blocks(self) -> Iterator[pa.Table]:
        """All rows, or the chosen ones, in blocks of the columns :attr:`names`.

        Raises:
            Reread: the blocks that were given are to be forgotten; another call gives the table as it is.
            TableError: where the table cannot be read, or is not as it was when it was opened.
        """
        self._check_unchanged()
        names, row = self.names, 0
        for index, part in enumerate(self.parts):
            try:
                with reading_errors(part.path):
                    for whole in part.blocks():
                        block, row = whole.select(names), row + len(whole)
                        if self.chosen is not None:
                            block = block.filter(pa.array(self.chosen[row - len(whole) : row]))
                        if len(block):
                            yield block
            except Reread as found:
                self.parts[index] = found.part
                raise
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        for part, known in zip(self.parts, self.stamps, strict=True):
            if _stamp(part.path) != known:
                raise TableError(
                    f"{part.path} was changed while it was read by parts; give the same command again when nobody "
                    "writes it."
                )


def can_be_streamed(origin: str | Path, options: ReadOptions) -> bool:
    """Whether ``origin`` is files of a format that is read by parts."""
    if str(origin) == STDIN or is_database(origin):
        return False
    parts = parts_of(origin)
    files = [existing(Path(origin))] if parts is None else parts
    return all(format_of(file, options.format).name in STREAMED for file in files)


def open_stream(origin: str | Path, options: ReadOptions | None = None, limits: Limits | None = None) -> Stream:
    """The table ``origin``, a file, a folder or a pattern, to be read by parts.

    Raises:
        UsageError: if it is of a format that is read whole alone.
        TableError: if it is no table at its start, or its files have different columns.
    """
    options, limits = (options or ReadOptions()).checked(), limits or Limits()
    if not can_be_streamed(origin, options):
        raise UsageError(
            f"{origin} cannot be read by parts, as only files of CSV, Parquet and Feather can be; convert it to "
            "Parquet, or allow more memory with --max-memory."
        )
    files = parts_of(origin)
    paths = [existing(Path(origin))] if files is None else files
    stamps = tuple(_stamp(path) for path in paths)
    parts: list[Part] = []
    for path in paths:
        with reading_errors(path):
            if path.stat().st_size == 0:
                raise TableError(f"{path} is empty.")
            part = part_of(path, format_of(path, options.format), options, limits)
        parts.append(part)
        if set(part.names) != set(parts[0].names):
            raise TableError(columns_differ(path, part.names, parts[0].path, parts[0].names))
    return Stream(str(origin), parts, limits, stamps, options)


def _stamp(path: Path) -> tuple[int, int]:
    """What tells whether a file is as it was: its bytes and the time of its last change."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _vanished(path) from None
    return found.st_size, found.st_mtime_ns


def _vanished(path: Path) -> TableError:
    return TableError(f"{path} vanished while it was read by parts; put it back, and give the same command again.")
