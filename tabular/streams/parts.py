"""One file of a table as blocks of cells: delimited text as text, Parquet and Feather as they are typed there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from ..columns.names import check_names
from ..errors import TableError
from ..io.file_form import FileForm, ReadOptions
from ..io.files import FileFormat
from ..io.formats.arrow_files import arrow_blocks, arrow_names
from ..io.formats.delimited import (
    arrow_options,
    end_of_table,
    pandas_options,
    text_cells,
    totals_note,
    unread,
    with_missing,
)
from ..io.formats.header_names import name_columns
from ..io.formats.text_bytes import fallback_encoding
from ..io.formats.text_layout import TextLayout, find_layout, with_encoding
from ..io.formats.totals import LAST_ROWS, find_totals, may_be_totals
from .byte_lines import open_line_stream
from .limits import Limits

__all__ = ["ArrowPart", "Part", "Reread", "TextPart", "part_of"]

#: A file of another encoding than it seemed is examined whole, up to so many bytes.
_LOOKED_AT = 1 << 28


class Reread(Exception):
    """The blocks that were given are to be forgotten: ``part`` reads the file as it is."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part


class _TooLong(TableError):
    """A row has more fields than the header."""


class Part(ABC):
    """One file of a table.

    Attributes:
        path: of the file.
        names: of its columns; those of a text file that have neither name nor cell are among them.
        form: how it is written.
        notes: what was guessed, one sentence each.
    """

    path: Path
    names: tuple[str, ...]
    form: FileForm
    notes: tuple[str, ...]

    @abstractmethod
    def blocks(self) -> Iterator[pa.Table]:
        """The rows in their order, in blocks whose columns are called :attr:`names`.

        Raises:
            Reread: where the file is not what it seemed at its start.
            TableError: where it is no table; as :func:`tabular.read_table`.
        """


def part_of(path: Path, kind: FileFormat, options: ReadOptions, limits: Limits) -> Part:
    """The file ``path``. Raises :class:`TableError` where its first bytes are no table."""
    if kind.name in ("csv", "tsv"):
        return TextPart(path, kind, find_layout(path, kind, options), options, limits)
    return ArrowPart(path, kind.name, limits)


@dataclass(frozen=True)
class TextPart(Part):
    """Delimited text, whose cells are text.

    Attributes:
        slow: pandas reads it, which knows of more that Arrow does not.
        ended: what there is to say of the lines below the table.
        without: rows of totals, by their number, and what there is to say of them.
    """

    path: Path
    kind: FileFormat
    layout: TextLayout
    options: ReadOptions
    limits: Limits
    slow: bool = False
    ended: tuple[str, ...] = ()
    without: tuple[int, ...] | None = None
    totals: tuple[str, ...] = ()
    form: FileForm = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "form", replace(self.layout.form, renamed=self._named.renamed))

    @cached_property
    def _named(self) -> Any:
        # Whether a nameless column is empty is known when all rows are; until then it has a name.
        return name_columns(self.layout.header, lambda position: False)

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self._named.names)

    @property
    def nameless(self) -> tuple[str, ...]:
        """The columns that the header gives no name."""
        return tuple(name for name, said in zip(self.names, self.layout.header, strict=True) if not said.strip())

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self.layout.notes, *self.ended, *self.totals, *self._named.notes)

    def blocks(self) -> Iterator[pa.Table]:
        row = 0
        without = self.without
        for block in self._whole_blocks():
            count = len(block)
            if without:
                held = [number - row for number in without if row <= number < row + count]
                block = _without_rows(block, held)
            row += count
            if len(block):
                yield block

    def _whole_blocks(self) -> Iterator[pa.Table]:
        """All rows, those of totals too; the first pass finds these and asks to be begun again."""
        if self.without is not None:
            yield from self._named_blocks()
            return
        first: list[str] = []
        last: pa.Table | None = None
        rows = 0
        for block in self._named_blocks():
            first = first or _row(block, 0)
            rows += len(block)
            last = pa.concat_tables([block] if last is None else [last, block]).slice(
                max(0, (0 if last is None else len(last)) + len(block) - LAST_ROWS)
            )
            yield block
        if last is None:
            return
        tail = last

        def row(position: int) -> list[str]:
            return first if position == 0 else _row(tail, position - rows + len(tail))

        if not may_be_totals(rows, row)[0]:
            return
        found = find_totals(rows, row, self._counts)
        if found:
            note = totals_note(row(found[-1]), len(found))
            raise Reread(replace(self, without=tuple(found), totals=(note,)))

    def _counts(self, position: int, without: Sequence[int]) -> pd.Series:
        total, row = pd.Series(dtype="int64"), 0
        for block in self._named_blocks():
            kept = _without_rows(block, [number - row for number in without if row <= number < row + len(block)])
            found = pc.fill_null(kept.column(position), "").value_counts()
            counts = pd.Series(found.field("counts").to_numpy(), index=found.field("values").to_pylist())
            total, row = total.add(counts, fill_value=0), row + len(block)
        return total.astype("int64")

    def _named_blocks(self) -> Iterator[pa.Table]:
        by_pandas = self.slow or len(self.layout.header) < 2
        for block in self._by_pandas() if by_pandas else self._by_arrow():
            cells = with_missing(block, self.options.nulls) if self.options.nulls else block
            yield cells.rename_columns(list(self.names))

    def _by_arrow(self) -> Iterator[pa.Table]:
        form = arrow_options(
            len(self.layout.header), self.layout.form.delimiter, block_bytes=self.limits.block_bytes, quoted=True
        )
        try:
            with open_line_stream(self.path, self.kind, self.layout.lines) as handle:
                header = True
                # Opened within: the header alone may be what Arrow cannot read.
                with arrow_csv.open_csv(pa.PythonFile(handle, mode="r"), **form) as reader:
                    for batch in reader:
                        block = pa.Table.from_batches([batch])
                        block, header = block.slice(1) if header and len(block) else block, header and not len(block)
                        if len(block):
                            yield block
        except (pa.ArrowInvalid, UnicodeDecodeError):
            raise Reread(self._as_it_is()) from None

    def _by_pandas(self) -> Iterator[pa.Table]:
        with open_line_stream(self.path, self.kind, self.layout.lines) as handle:
            try:
                with pd.read_csv(handle, chunksize=self.limits.block_rows, **pandas_options(self.layout)) as reader:
                    for chunk in reader:
                        yield text_cells(chunk)
            except pd.errors.EmptyDataError:
                raise TableError(f"{self.path} is empty.") from None
            except pd.errors.ParserError as error:
                raise unread(self.path, error) or _TooLong(f"{self.path} is not a table that can be read.") from None

    def _as_it_is(self) -> TextPart:
        """The same file, which Arrow does not read to its end, read by pandas or up to where its table ends.

        Raises:
            TableError: saying what is wrong with it.
        """
        width = len(self.layout.header)
        try:
            # pandas would take the first column for row labels where the first row has more fields than the header.
            if (self.layout.first is None or len(self.layout.first) <= width) and self._last_column_filled():
                return replace(self, slow=True)
            end = end_of_table(self.path, self.kind, self.layout, None)
        except UnicodeDecodeError:
            return self._of_other_encoding()
        if end is None:
            return replace(self, slow=True)
        layout = replace(self.layout, lines=replace(self.layout.lines, stop=end.line))
        return replace(self, layout=layout, ended=(end.note,))

    def _last_column_filled(self) -> bool:
        """Whether pandas reads all rows, and none is too short, which ends in missing cells."""
        try:
            return all(not block.column(block.num_columns - 1).null_count for block in self._by_pandas())
        except _TooLong:
            return False

    def _of_other_encoding(self) -> TextPart:
        lines = self.layout.lines
        if self.options.encoding is not None or lines.encoding != "utf-8" or lines.bom:
            raise TableError(
                f"{self.path} is not in the encoding {lines.encoding}; name another with --encoding."
            ) from None
        if self.path.stat().st_size > _LOOKED_AT:
            raise TableError(
                f"{self.path} is not UTF-8, and too large to guess what it is; name its encoding, such as --encoding "
                "cp1252."
            ) from None
        layout = with_encoding(self.layout, fallback_encoding(self.path, self.kind))
        return replace(self, layout=layout)


@dataclass(frozen=True)
class ArrowPart(Part):
    """A Parquet or Feather file, whose cells are of the types that stand there."""

    path: Path
    format: str
    limits: Limits
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = field(init=False)
    form: FileForm = field(init=False)

    def __post_init__(self) -> None:
        names, form = arrow_names(self.path, self.format)
        check_names(names, str(self.path))
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "form", form)

    def blocks(self) -> Iterator[pa.Table]:
        return arrow_blocks(self.path, self.format, self.limits.block_rows)


def _row(block: pa.Table, position: int) -> list[str]:
    return [column[position].as_py() or "" for column in block.columns]


def _without_rows(block: pa.Table, rows: Sequence[int]) -> pa.Table:
    if not rows:
        return block
    kept = pa.array([row not in set(rows) for row in range(len(block))])
    return block.filter(kept)
