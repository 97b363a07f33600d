"""The bytes of a text file as UTF-8, and only the lines in which its table stands, without holding the file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from ..io.files import FileFormat, open_bytes
from ..io.formats.text_bytes import Lines, chosen_lines

__all__ = ["open_line_stream"]


def open_line_stream(path: Path, kind: FileFormat, lines: Lines) -> IO[bytes]:
    """As :func:`tabular.io.formats.text_bytes.open_lines`, from the disk as it is requested.

    Raises:
        UnicodeDecodeError: while it is read, where a file of another encoding than UTF-8 is not in it.
    """
    handle = open_bytes(path, kind.compression)
    if lines.encoding != "utf-8":
        handle = _recoded(handle, lines.encoding)
        lines = Lines(skip=lines.skip, stop=lines.stop, comment=lines.comment)
    if lines.is_whole:
        return handle
    if lines.stop is None and lines.comment is None:
        for _ in range(lines.skip):
            handle.readline()
        return handle
    return _buffered(_Pieces(chosen_lines(handle, lines), handle))


def _recoded(handle: IO[bytes], encoding: str) -> IO[bytes]:
    text = io.TextIOWrapper(cast("Any", handle), encoding=encoding, newline="")

    def pieces() -> Iterator[bytes]:
        start = True
        while piece := text.read(1 << 18):
            piece, start = piece.removeprefix("\ufeff") if start else piece, False
            yield piece.encode("utf-8", errors="surrogatepass")

    return _buffered(_Pieces(pieces(), text))


def _buffered(pieces: _Pieces) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(pieces, 1 << 20))


class _Pieces(io.RawIOBase):
    """A file of the bytes that an iterator gives; closing it closes what they come from."""

    def __init__(self, pieces: Iterator[bytes], source: Any) -> None:
        self._pieces, self._source, self._left = pieces, source, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()
