"""How a file of a table is written, so that the next one can be written in the same way, and how it is to be read."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FileForm", "ReadFile", "ReadOptions"]

#: What a delimiter may be called on a command line.
_DELIMITER_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


@dataclass(frozen=True)
class ReadOptions:
    """What is said of a file where a guess could be wrong; absent values are guessed.

    Attributes:
        delimiter: what parts the fields of a text file: one character, or a word such as ``tab``.
        encoding: of a text file, by Python's name.
        skip_rows: lines of a text file (rows of a sheet) before the header.
        comment: lines of a text file that begin so are left out.
        nulls: cells that hold exactly such a text are missing.
        sheet: of an Excel file, its name, or its number from 1.
        format: of the file, in place of what its name says.
    """

    delimiter: str | None = None
    encoding: str | None = None
    skip_rows: int | None = None
    comment: str | None = None
    nulls: tuple[str, ...] = ()
    sheet: str | None = None
    format: str | None = None

    def checked(self) -> ReadOptions:
        """The same with the delimiter as its character. Raises :class:`UsageError` for one that is not valid."""
        from dataclasses import replace

        from .files import FORMATS

        delimiter = self.delimiter
        if delimiter is not None:
            delimiter = _DELIMITER_WORDS.get(delimiter, delimiter)
            if len(delimiter) != 1:
                raise UsageError(f"The delimiter must be one character (or 'tab'), not {delimiter!r}.")
        if self.encoding is not None:
            try:
                if not codecs.lookup(self.encoding)._is_text_encoding:
                    raise LookupError
            except LookupError:
                raise UsageError(
                    f"There is no encoding {self.encoding!r}; such as utf-8, utf-16, cp1252, cp1251 or shift_jis."
                ) from None
        if self.skip_rows is not None and self.skip_rows < 0:
            raise UsageError(f"At least 0 rows can be skipped, not {self.skip_rows}.")
        if self.comment == "":
            raise UsageError("A comment begins with at least one character.")
        if self.format is not None and self.format not in set(FORMATS.values()):
            raise UsageError(
                f"There is no format {self.format!r}; choose one of {', '.join(sorted(set(FORMATS.values())))}."
            )
        return replace(self, delimiter=delimiter)

    def given(self) -> dict[str, Any]:
        """What was given, as plain JSON data."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ReadOptions:
        """The options that :meth:`given` gave. Raises ``TypeError`` for others."""
        return cls(**{**given, "nulls": tuple(given.get("nulls", ()))})


@dataclass(frozen=True)
class FileForm:
    """How a file is written.

    Attributes:
        format: one of :data:`tabular.io.files.FORMATS`.
        delimiter, encoding, line_end: of a text file; the encoding by Python's name.
        bom: whether a text file begins with a byte-order mark.
        quoting: ``"minimal"``, ``"all"`` fields in quotes, or ``"text"``: all but numbers.
        renamed: (name of a column, what the header says) where the header is empty or says a name twice.
        sheet: name of the sheet of an Excel file.
        arrow: names and types of the columns (:func:`tabular.encoding.arrow_columns.schema_as_text`).
    """

    format: str
    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    bom: bool = False
    quoting: str = "minimal"
    renamed: tuple[tuple[str, str], ...] = ()
    sheet: str | None = None
    arrow: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, without what is as usual."""
        usual = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FileForm:
        """What :meth:`to_dict` gave. Raises ``TypeError``, ``ValueError`` or ``LookupError`` for anything else."""
        form = cls(**{**data, "renamed": tuple((str(a), str(b)) for a, b in data.get("renamed", ()))})
        codecs.lookup(form.encoding)
        texts = (form.format, form.delimiter, form.line_end, form.quoting)
        if not all(isinstance(text, str) for text in texts) or len(form.delimiter) != 1:
            raise ValueError(f"{data} is no form of a file")
        return form

    def options(self) -> ReadOptions:
        """How another file that was written so is read, where that is not found by itself."""
        return ReadOptions(encoding=None if self.encoding.startswith("utf") else self.encoding)

    def header(self, names: list[str]) -> list[str]:
        """What the header says of columns called ``names``."""
        known = dict(self.renamed)
        return [known.get(name, name) for name in names]


@dataclass(frozen=True)
class ReadFile:
    """A table read from a file.

    Attributes:
        form: how the file is written.
        notes: what was guessed, renamed, left out, one sentence each.
    """

    table: pd.DataFrame
    form: FileForm
    notes: tuple[str, ...] = ()
