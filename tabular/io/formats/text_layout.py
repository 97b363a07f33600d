"""Finds how a text file is laid out: its encoding, its delimiter, where its table begins, and how it writes fields."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import TableError
from ..file_form import FileForm, ReadOptions
from ..files import FileFormat, open_bytes
from .table_layout import find_header, is_number, usual_width
from .text_bytes import Lines, encoding_of, fallback_encoding

__all__ = ["TextLayout", "find_layout", "sniff_delimiter", "with_encoding"]

DELIMITERS = (",", ";", "\t", "|")
#: Bytes examined to find the layout.
_HEAD = 1 << 16
_RECORDS = 200
#: The first line by which a file tells Excel its delimiter.
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DELIMITER_NAMES = {"\t": "tabs", "|": "'|'"}
_ENCODING_NAMES = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252", "latin-1": "Latin-1"}


@dataclass(frozen=True)
class TextLayout:
    """How a text file is laid out.

    Attributes:
        header: the fields of its header.
        first: those of the row below it, if there is one in the part that was examined.
        form: how it is written.
        notes: what was guessed, where that is not what most files are.
    """

    lines: Lines
    header: list[str]
    first: list[str] | None
    form: FileForm
    notes: tuple[str, ...] = ()


def find_layout(path: Path, kind: FileFormat, options: ReadOptions) -> TextLayout:
    """The layout of a file, by its first 64 kB and by what is said of it.

    Raises:
        TableError: if it is empty, or in an encoding that nobody named.
    """
    with open_bytes(path, kind.compression) as handle:
        start = handle.read(_HEAD)
    encoding, bom, notes = _encoding(path, kind, start, options)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(start).removeprefix("\ufeff")
    lines = _split(text, whole=len(start) < _HEAD)
    skip = options.skip_rows or 0
    delimiter = options.delimiter or ("\t" if kind.name == "tsv" else None)
    if lines[skip:] and (said := _SEP.fullmatch(lines[skip])) and delimiter in (None, said[1]):
        delimiter, skip = said[1], skip + 1
    head = _Head(lines, skip, options.comment)
    if not any(line.strip() for line in head.kept_lines):
        raise TableError(f"{path} is empty.")
    if delimiter is None:
        delimiter = _sniff(head.kept_lines)
        if delimiter in ("\t", "|"):
            notes.append(f"The fields are parted by {_DELIMITER_NAMES[delimiter]}.")
    records = head.records(delimiter)
    if not records:
        raise TableError(f"{path} is empty.")
    position = find_header([record for _, record in records]) if options.skip_rows is None else 0
    if position:
        skip = records[position - 1][0] + 1
        count = sum(bool(line.strip()) for line in lines[:skip])
        title = lines[_first(lines)].strip()[:40]
        notes.append(f"Left out {count} line{'s' * (count != 1)} above the header, such as {title!r}.")
    header = records[position][1]
    rows = [record for _, record in records[position + 1 :]]
    form = FileForm(
        kind.name,
        delimiter,
        encoding,
        _line_end(lines),
        bom,
        quoting=_quoting([line for line in lines[skip:] if line.strip()], delimiter),
    )
    breaks = sum(line.count("\n") for line in lines[:skip])
    where = Lines(encoding, bom, breaks, None, options.comment)
    return TextLayout(where, header, rows[0] if rows else None, form, tuple(notes))


def _first(lines: Sequence[str]) -> int:
    return next(index for index, line in enumerate(lines) if line.strip())


def _encoding(path: Path, kind: FileFormat, start: bytes, options: ReadOptions) -> tuple[str, bool, list[str]]:
    """(encoding, whether a byte-order mark comes first, what there is to say of it)."""
    found, bom = encoding_of(start)
    if options.encoding is not None:
        name = codecs.lookup(options.encoding).name
        if name in ("utf-8-sig", "utf-16", "utf-32"):  # the mark says which of its forms it is
            return (found if bom else {"utf-8-sig": "utf-8"}.get(name, f"{name}-le")), bom, []
        return name, bom and found == name, []
    if found == "utf-8":
        try:
            codecs.getincrementaldecoder("utf-8")().decode(start)
        except UnicodeDecodeError:
            found = fallback_encoding(path, kind)
    named = _ENCODING_NAMES.get(found, found)
    if found in ("cp1252", "latin-1"):
        return found, False, [f"Not UTF-8: read as {named} (--encoding names another)."]
    return found, bom, [] if found == "utf-8" else [f"Read as {named}."]


def _split(text: str, *, whole: bool) -> list[str]:
    lines = list(io.StringIO(text, newline=""))  # str.splitlines also splits at \x0b, \x1c, \x85 and others
    return lines if whole or len(lines) < 2 else lines[:-1]  # the last one is cut off in the middle


class _Head:
    """The first lines of a file from line ``skip`` on, without those that are comments."""

    def __init__(self, lines: Sequence[str], skip: int, comment: str | None) -> None:
        self._places = [
            index for index in range(skip, len(lines)) if comment is None or not lines[index].startswith(comment)
        ]
        self.kept_lines = [lines[position] for position in self._places]

    def records(self, delimiter: str) -> list[tuple[int, list[str]]]:
        """The first records: the line on which each ends, from 0, and its fields."""
        reader = csv.reader(self.kept_lines, delimiter=delimiter)
        found: list[tuple[int, list[str]]] = []
        try:
            for record in reader:
                if record:
                    found.append((self._places[reader.line_num - 1], record))
                if len(found) == _RECORDS:
                    break
        except csv.Error:  # a cell too long for Python's own reader: what came before is enough
            pass
        return found


def sniff_delimiter(head: str) -> str:
    """The delimiter of the text that begins with ``head``: the one that parts all lines alike.

    ``csv.Sniffer`` counts letters too and is often wrong; here only the usual four are tried, and a
    comma is the answer for a single column. Titles above the table do not count.
    """
    return _sniff(_split(head, whole=len(head) < _HEAD))


def _sniff(lines: Sequence[str]) -> str:
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        records = [record for _, record in _Head(lines, 0, None).records(delimiter)]
        width = usual_width(records)
        if width < 2:
            continue
        alike = sum(len(record) == width for record in records) / len(records)
        if (alike, width) > best_score:
            best, best_score = delimiter, (alike, width)
    return best


def _line_end(lines: Sequence[str]) -> str:
    first = lines[0]
    return "\r\n" if first.endswith("\r\n") else "\r" if first.endswith("\r") else "\n"


def _quoting(lines: Sequence[str], delimiter: str) -> str:
    """``"all"`` fields stand in quotes, all but numbers (``"text"``), or those that need them (``"minimal"``)."""
    shapes = [_QUOTED.sub("\0", line.rstrip("\r\n")).split(delimiter) for line in lines[:50]]
    header, rows = set(shapes[0]), [field for shape in shapes[1:] for field in shape if field]
    if header != {"\0"} or not rows:
        return "minimal"
    if set(rows) == {"\0"}:
        return "all"
    return "text" if all(field == "\0" or field == "NA" or is_number(field) for field in rows) else "minimal"


def with_encoding(layout: TextLayout, encoding: str) -> TextLayout:
    """``layout`` of a file of which only the end shows that it is in another ``encoding``."""
    note = f"Not UTF-8: read as {_ENCODING_NAMES.get(encoding, encoding)} (--encoding names another)."
    return replace(
        layout,
        lines=replace(layout.lines, encoding=encoding, bom=False),
        form=replace(layout.form, encoding=encoding, bom=False),
        notes=(note, *layout.notes),
    )
