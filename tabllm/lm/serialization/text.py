"""Rows as text, in the tokens of a pretrained model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.encoding.cells import grid_step
from tabular.encoding.unmodelled import is_missing
from tabular.errors import ConditionError, TableError, UsageError
from tabular.likelihood.spans import Span
from tabular.parts import Parts, parts_of
from tabular.plain_json import FLAG, FieldError, at_field, check_fields, each_of, object_of, one_of
from tabular.schema import Column, Schema
from tabular.where.conditions import Allowed

from ...codec.likelihood import Candidates
from .automaton import Automaton
from .base import LmCodec, Task
from .columns import CellCodec, ListCodec, TextCells
from .context import most_tokens
from .dates import DateCodec
from .digits import DigitCodec
from .text_bounds import CutTexts, cut_texts, fair_bounds
from .tokenizer import TextTokenizer

__all__ = ["SERIALIZATIONS", "TextCodec"]

#: How a row is written. ``great`` is the form of GReaT (Borisov et al. 2023, section 3.1). ``csv`` parts values with
#: commas, and ``compact`` does not even that: no more of a category is written than tells it from the others, and only
#: what has no end of its own is closed. Both name a column, by one token, only where it does not follow the one before
#: it. (Naming each column cost 42 % more tokens on Adult, and gained 0.2 of 29.6 nats a row at equal steps.)
SERIALIZATIONS = ("compact", "great", "csv")
#: A numeric column of no more different values than this is written as one of them, in the compact form.
MAX_LISTED = 256
#: What a missing cell is written as: the first that is no value of the column.
MISSING = ("missing", "none", "null", "n/a", "absent", "no value")


class TextCodec(LmCodec):
    """Canonical arrays of a table <-> choices among a tokenizer's tokens.

    Args:
        parts: columns as they are written: an instant of several zones as its local time and its zone.
        cells: name of a part -> its codec, in the order in which they are written.
    """

    #: The serializations that this class writes.
    forms: ClassVar[tuple[str, ...]] = SERIALIZATIONS

    def __init__(
        self, schema: Schema, parts: Parts, tokenizer: TextTokenizer, cells: Mapping[str, CellCodec], serialization: str
    ) -> None:
        super().__init__(schema, {})
        self.tokenizer, self.cells, self.serialization = tokenizer, dict(cells), serialization
        self.parts = parts
        self.names = list(self.cells)
        self.automata = [cell.automaton for cell in self.cells.values()]
        self.comma = tokenizer.ids(",")
        #: What every row begins with.
        self.opening = [tokenizer.begin]
        self.tags = [[tag] for tag in _tags(self.names, tokenizer)]
        if serialization == "great":
            self.tags = [tokenizer.ids(f" {name} is") for name in self.names]

    @classmethod
    def fit(
        cls,
        arrays: Mapping[str, np.ndarray],
        schema: Schema,
        tokenizer: TextTokenizer,
        *,
        serialization: str = "compact",
        max_cell_tokens: int | None = None,
    ) -> TextCodec:
        """Learn how to write the columns of a table.

        Args:
            max_cell_tokens: of a free text; chosen by the texts' lengths if absent.

        Raises:
            UsageError: for an unknown serialization.
            TableError: if no column is left to model.
        """
        if serialization not in cls.forms:
            raise UsageError(f"There is no serialization {serialization!r}; choose one of {', '.join(cls.forms)}.")
        cells: dict[str, CellCodec] = {}
        distinct: dict[str, int] = {}
        parts = parts_of(schema, "zones")
        arrays = parts.split(arrays)
        for column in parts.schema:
            values = arrays[column.name]
            cell = _cell(column, values, tokenizer, serialization, max_cell_tokens)
            if cell is not None:
                cells[column.name] = cell
                kept = values[~np.isnan(values)] if values.dtype.kind == "f" else values
                distinct[column.name] = len(kept) if column.kind == "text" else len(np.unique(kept))
        if parts.filler is not None and len(cells) > 1:
            del cells[parts.filler]  # here free text is learned
        if not cells:
            raise TableError(
                "No column of the table varies in a way that can be learned: all are constant or identifiers. "
                "See 'tabllm schema DATA', and say better with '--kind COL=KIND'."
            )
        # Columns of few values first: rows then share long beginnings, each of which is computed once.
        order = sorted(cells, key=lambda name: distinct[name])
        return cls(schema, parts, tokenizer, {name: cells[name] for name in order}, serialization)

    @classmethod
    def fit_within(
        cls,
        arrays: Mapping[str, np.ndarray],
        schema: Schema,
        tokenizer: TextTokenizer,
        *,
        serialization: str,
        context: int,
        max_cell_tokens: int | None = None,
    ) -> tuple[TextCodec, list[CutTexts]]:
        """As :meth:`fit`, for a model that reads ``context`` tokens; and the columns of which texts are cut."""
        codec = cls.fit(arrays, schema, tokenizer, serialization=serialization, max_cell_tokens=max_cell_tokens)
        texts = {name: cell for name, cell in codec.cells.items() if isinstance(cell, TextCells)}
        bounds = {name: cell.longest for name, cell in texts.items()}
        if max_cell_tokens is None and (excess := most_tokens(codec) - context) > 0 and texts:
            fair = fair_bounds([*bounds.values()], sum(bounds.values()) - excess)
            bounds = dict(zip(bounds, fair, strict=True))
            cells = {**codec.cells, **{name: cell.bounded(bounds[name]) for name, cell in texts.items()}}
            codec = cls(schema, codec.parts, tokenizer, cells, serialization)
        return codec, cut_texts(bounds, {name: cell.lengths for name, cell in texts.items()})

    def encode(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        arrays = self.parts.split(arrays)
        return np.concatenate([cell.encode(arrays[name]) for name, cell in self.cells.items()], axis=1)

    def encode_part(self, column: int, values: np.ndarray) -> np.ndarray:
        return self.cells[self.names[column]].encode(values)

    def candidates(self, column: int, values: np.ndarray, spans: Mapping[str, Span]) -> list[Candidates]:
        """The one way in which a cell is written, which has no share where it reads as another value."""
        choices = self.encode_part(column, values)
        found = self.cells[self.names[column]].decode(choices)
        if self.names[column] in spans and grid_step(self.parts.schema[self.names[column]]) is not None:
            low, high = spans[self.names[column]]
            alike = np.where(np.isnan(values), np.isnan(found), (found >= low) & (found <= high))
        else:
            alike = found == values if values.dtype.kind == "i" else is_missing(found) == is_missing(values)
        # Shares count once in a value, so at its first token.
        probabilities = [alike.astype(np.float64), *[np.ones(len(values))] * (choices.shape[1] - 1)]
        tokens = np.maximum(choices, 0).astype(np.int64)
        return [
            Candidates(tokens[:, index : index + 1], probability[:, None])
            for index, probability in enumerate(probabilities)
        ]

    def decode_parts(
        self, drawn: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed]
    ) -> dict[str, np.ndarray]:
        learned: dict[str, np.ndarray] = {}
        for (name, cell), span in zip(self.cells.items(), self.spans, strict=True):
            values = cell.decode(drawn[:, span])
            column = self.parts.schema[name]
            if column.is_numeric:
                values = on_grid(values, column)
                if name in allowed:
                    values = allowed[name].moved_inside(values)
            learned[name] = values
        return learned

    @property
    def learned(self) -> list[str]:
        return self.parts.columns(self.cells)

    def conditions(self, allowed: Mapping[str, Allowed]) -> dict[int, Automaton]:
        kept = {}
        for name, condition in self.parts.allowed(allowed).items():
            if name not in self.cells:
                continue
            automaton = self.cells[name].narrowed(condition)
            if automaton is None:
                raise ConditionError(
                    f"No value of {self.parts.whole.get(name, name)!r} that was learned keeps the condition: the table "
                    "has none there. Widen it."
                )
            kept[self.names.index(name)] = automaton
        return kept

    def present(self, column: int) -> Automaton | None:
        name = self.names[column]
        return self.cells[name].narrowed(None, present=True) if self.parts.schema[name].missing_rate else None

    def lead(self, column: int, before: int | None) -> list[int]:
        if before is None:
            opening = self.opening
        elif self.cells[self.names[before]].closed or self.serialization == "compact":
            opening = []
        else:
            opening = self.comma
        in_sequence = column == (0 if before is None else before + 1)
        if self.serialization != "great" and in_sequence:
            return list(opening)
        return [*opening, *self.tags[column]]

    def input_id(self, tokens: Any, column: int, level: int) -> Any:
        return tokens

    @classmethod
    def fit_for(cls, task: Task) -> tuple[TextCodec, list[str]]:
        codec, cut = cls.fit_within(
            task.arrays,
            task.schema,
            task.tokenizer,
            context=task.context,
            serialization=task.settings["serialization"],
            max_cell_tokens=task.settings.get("max_cell_tokens"),
        )
        return codec, [each.sentence() for each in cut]

    @classmethod
    def from_run(cls, data: Mapping[str, Any], schema: Schema, model: Path) -> TextCodec:
        return cls.from_dict(data, schema, TextTokenizer.load(model))

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": "text",
            "serialization": self.serialization,
            "zones": bool(self.parts.divided),
            "columns": {name: cell.to_dict() for name, cell in self.cells.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], schema: Schema, tokenizer: TextTokenizer) -> TextCodec:
        """Read what :meth:`to_dict` wrote.

        Raises:
            FieldError: if it is not, or does not go with ``schema``.
        """
        entry_of = object_of({"type": one_of("list", "digits", "date", "text")})
        check_fields(data, {"serialization": one_of(*cls.forms), "columns": each_of(entry_of)}, "it")
        if not data["columns"]:
            raise FieldError("it has no columns")
        check_fields(data, {"zones": FLAG}, "it", needed=())
        serialization = data["serialization"]
        # Older releases wrote instants whole, and lost their zones.
        parts = parts_of(schema, "zones" if data.get("zones") else "nothing")
        end = tokenizer.ids(",")[-1]
        cells: dict[str, CellCodec] = {}
        for name, entry in data["columns"].items():
            with at_field(f"column {name!r}"):
                _check_column(parts.schema, name, entry)
                if entry["type"] == "list":
                    cells[name] = ListCodec.from_dict(entry, tokenizer, short=serialization == "compact", end=end)
                elif entry["type"] == "digits":
                    cells[name] = DigitCodec.from_dict(entry, tokenizer, end=end)
                elif entry["type"] == "date":
                    cells[name] = DateCodec.from_dict(entry, tokenizer)
                else:
                    cells[name] = TextCells.from_dict(entry, tokenizer)
        return cls(schema, parts, tokenizer, cells, serialization)


def _check_column(schema: Schema, name: str, entry: Mapping[str, Any]) -> None:
    """Raise :class:`FieldError` for a column that the schema has not, or has otherwise."""
    if name not in schema:
        raise FieldError("it is not in its schema.json")
    column = schema[name]
    listed = entry["type"] == "list" and entry.get("numbers") is None
    text = column.kind == "text" if entry["type"] == "text" else column.is_numeric
    if not (column.has_categories if listed else text):
        raise FieldError(f"it is {column.kind} in its schema.json")
    if listed and len(entry.get("texts", ())) - bool(entry.get("missing")) != len(column.categories):
        raise FieldError(f"it has other categories than the {len(column.categories):,} in its schema.json")


def _cell(
    column: Column, values: np.ndarray, tokenizer: TextTokenizer, serialization: str, most: int | None
) -> CellCodec | None:
    """The codec of one column; ``None`` where there is nothing to learn."""
    compact = serialization == "compact"
    end = tokenizer.ids(",")[-1]
    if column.kind == "text":
        return TextCells.fit(tokenizer, values, most=most) if any(value is not None for value in values) else None
    if column.has_categories and column.categories:
        missing = bool((values < 0).any())
        if len(column.categories) + missing < 2:
            return None
        texts = [str(value) for value in column.categories]
        return ListCodec(tokenizer, _with_missing(texts, missing), None, missing=missing, short=compact, end=end)
    if not column.is_numeric:
        return None
    present = values[~np.isnan(values)]
    missing = len(present) < len(values)
    distinct = np.unique(present)
    if len(distinct) + missing < 2:
        return None
    if compact and len(distinct) <= MAX_LISTED:
        texts = [_written(value, column) for value in distinct]
        return ListCodec(tokenizer, _with_missing(texts, missing), distinct, missing=missing, short=True, end=end)
    if column.kind == "datetime":
        dates = DateCodec.fit(tokenizer, values, unit=grid_step(column) or 1, marks=not compact, grain=column.grain)
        if dates is not None:
            return dates
    decimals = column.decimals if column.kind == "continuous" else 0
    return DigitCodec.fit(tokenizer, values, decimals=decimals, point=not compact, end=end)


def _with_missing(texts: list[str], missing: bool) -> list[str]:
    return [*texts, next(text for text in MISSING if text not in texts)] if missing else texts


def _written(value: float, column: Column) -> str:
    """A number of a column of few values, as a person writes it."""
    if column.kind == "datetime":
        fraction = value % 1
        instant = np.datetime64(round(value * 1e6), "us") if fraction else np.datetime64(round(value), "s")
        return str(instant).replace("T", " ").removesuffix(" 00:00:00")
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def _tags(names: list[str], tokenizer: TextTokenizer) -> list[int]:
    """For each column one token that names it: one of its name's own where it is still free, else a letter."""
    taken: set[int] = {tokenizer.begin, *tokenizer.ids(",")}
    tags = []
    letters = [f" {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] + [
        f"{a}{b}" for a in "xyzqjk" for b in "abcdefghi"
    ]
    vocabulary = tokenizer.backend.get_vocab_size()
    for name in names:
        spare = (token for text in letters for token in tokenizer.ids(text)[:1])
        free = (token for source in (tokenizer.ids(f" {name}"), spare, range(vocabulary)) for token in source)
        tag = next((token for token in free if token not in taken), None)
        if tag is None:
            raise TableError(
                f"A token names each column, and the model's vocabulary of {vocabulary:,} tokens has none left for "
                f"column {name!r} of {len(names):,} columns: drop columns, or choose a model with more tokens."
            )
        taken.add(tag)
        tags.append(tag)
    return tags
