"""The bytes of a text file as UTF-8, whatever its encoding, and only the lines in which its table stands."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...errors import TableError
from ..files import FileFormat, open_bytes

__all__ = ["Lines", "chosen_lines", "encoding_of", "fallback_encoding", "open_lines"]

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
#: Encodings that are named to a person where the bytes are of none that is detected by itself.
_OTHERS = ("cp1251", "shift_jis", "gb18030", "big5", "euc_kr", "cp1250", "cp1253")


@dataclass(frozen=True)
class Lines:
    """Where the table stands in a text file.

    Attributes:
        encoding: by Python's name.
        bom: whether a byte-order mark comes first.
        skip: lines before the header.
        stop: lines up to the end of the table; ``None``: all.
        comment: lines that begin so are passed over.
    """

    encoding: str = "utf-8"
    bom: bool = False
    skip: int = 0
    stop: int | None = None
    comment: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the bytes can be read as they are; all readers pass over a byte-order mark in front."""
        return self.encoding == "utf-8" and not self.skip and self.stop is None and self.comment is None


def encoding_of(start: bytes) -> tuple[str, bool]:
    """The encoding of a file that begins with ``start`` and whether it says so by a byte-order mark.

    UTF-8 where nothing speaks against it; :func:`fallback_encoding` is for files that turn out not to be.
    """
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name, True
    even, odd = start[0:4096:2], start[1:4096:2]
    if len(odd) >= 4:
        zeros_even, zeros_odd = even.count(0) / len(even), odd.count(0) / len(odd)
        if zeros_odd > 0.4 and zeros_even < 0.1:
            return "utf-16-le", False
        if zeros_even > 0.4 and zeros_odd < 0.1:
            return "utf-16-be", False
    return "utf-8", False


def fallback_encoding(path: Path, kind: FileFormat) -> str:
    """The encoding of a file that is not UTF-8: Windows-1252, which Excel writes in the West, or Latin-1.

    Raises:
        TableError: where most words consist of such bytes, as in Cyrillic, Chinese or Japanese text.
    """
    with open_bytes(path, kind.compression) as handle:
        content = handle.read()
    high = len(re.findall(rb"[\x80-\xff]", content))
    together = sum(map(len, re.findall(rb"[\x80-\xff]{3,}", content)))
    if together > high / 2:
        fits = [name for name in _OTHERS if _decodes(content, name)]
        raise TableError(
            f"{path} is neither UTF-8 nor in a Western encoding; name its encoding with --encoding, such as "
            f"{', '.join(fits or _OTHERS)}."
        )
    return "cp1252" if _decodes(content, "cp1252") else "latin-1"


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def open_lines(path: Path, kind: FileFormat, lines: Lines) -> IO[bytes]:
    """The table's ``lines`` of ``path`` as UTF-8.

    Raises:
        UnicodeDecodeError: where the file is not in the encoding that it should be in; only one that is not UTF-8
            is examined as a whole.
    """
    handle = open_bytes(path, kind.compression)
    if lines.is_whole:
        return handle
    with handle:
        if lines.encoding == "utf-8":
            chosen: Iterator[bytes] = chosen_lines(handle, lines)
            return io.BytesIO(b"".join(chosen))
        text = handle.read().decode(lines.encoding).removeprefix("\ufeff")
    content = io.BytesIO(text.encode("utf-8", errors="surrogatepass"))
    only = Lines(skip=lines.skip, stop=lines.stop, comment=lines.comment)
    return content if only.is_whole else io.BytesIO(b"".join(chosen_lines(content, only)))


def chosen_lines(handle: IO[bytes], lines: Lines) -> Iterator[bytes]:
    """The lines of UTF-8 text in which its table stands."""
    mark = None if lines.comment is None else lines.comment.encode()
    for number, line in enumerate(handle):
        if lines.stop is not None and number >= lines.stop:
            return
        if number < lines.skip:
            continue
        start = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if mark is None or not start.startswith(mark):
            yield line
