"""A whole table as a network sees it: int64 classes of one-hot spans beside float32 scalars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...encoding.unmodelled import Unmodelled
from ...free_text.words import TextCodec, check_learned, fit_text, words_from
from ...parts import parts_of
from ...plain_json import PLAIN, FieldError, at_field, check_fields, each_of
from ...schema import Schema
from .fields import CategoryField, Field, NumberField, Numbers, field_from_dict

__all__ = ["TableEncoder"]

#: Cosines that a number's class is shown as, beside itself.
WAVES = 8


class TableEncoder(Unmodelled):
    """Canonical arrays (:func:`tabular.to_arrays`) <-> spans and scalars.

    Attributes:
        parts: how columns of instants are taken apart.
        fields: name of a part (of a column that has none: its own) -> its field, for those that are learned.
        words: column name -> how its free text is made.
        sizes: classes of each span.
        scalars: how many there are.
        gates: int64[scalars, 2]: the span that says whether a scalar counts (-1: it always does), and how many of
            that span's classes, the first ones, say so.
    """

    def __init__(self, schema: Schema, fields: Mapping[str, Field], words: Mapping[str, TextCodec]) -> None:
        super().__init__(schema, dict(words))
        self.fields, self.parts = dict(fields), parts_of(schema)
        self.sizes = [size for field in fields.values() for size in field.sizes]
        gates = []
        span = 0
        for field in fields.values():
            if field.scalars:
                gates.append((span, field.regular) if field.sizes else (-1, 0))
            span += len(field.sizes)
        self.scalars = len(gates)
        self.gates = np.asarray(gates, np.int64).reshape(-1, 2)

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema, numbers: Numbers) -> TableEncoder:
        """Learn from canonical arrays; where no column can be learned, a filler stands for them (:mod:`..parts`)."""
        fields: dict[str, Field] = {}
        words = {}
        parts = parts_of(schema)
        arrays = parts.split(arrays)
        for column in parts.schema:
            values = arrays[column.name]
            if column.kind == "text":
                words[column.name] = fit_text(values)
            elif column.is_numeric and not np.isnan(values).all():
                fields[column.name] = NumberField.fit(values, numbers)
            elif column.has_categories and column.categories and (column.kind != "constant" or (values < 0).any()):
                fields[column.name] = CategoryField.fit(values, len(column.categories))
        return cls(schema, fields, words)

    @property
    def learned(self) -> list[str]:
        """The columns of the schema of which a network learns anything."""
        return self.parts.columns(self.fields)

    def places(self) -> dict[str, tuple[slice, slice]]:
        """Column name -> its spans and its scalars."""
        found = {}
        span = scalar = 0
        for name, field in self.fields.items():
            after = span + len(field.sizes), scalar + field.scalars
            found[name] = slice(span, after[0]), slice(scalar, after[1])
            span, scalar = after
        return found

    def category_spans(self) -> tuple[int, ...]:
        """The spans that are a whole categorical column: what a network can be asked for a class of."""
        return tuple(
            span.start
            for name, (span, _) in self.places().items()
            if isinstance(self.fields[name], CategoryField) and span.stop - span.start == 1
        )

    def waves(self) -> np.ndarray:
        """float32[width, features]: cosines of where a class stands among the numbers of its column, a few features
        per numeric column; 0 for classes that have no order. Classes of like numbers have like features."""
        found = np.zeros(self.waves_shape, np.float32)
        for begin, feature, block in self.wave_blocks():
            found[begin : begin + len(block), feature : feature + WAVES] = block
        return found

    @property
    def waves_shape(self) -> tuple[int, int]:
        """The shape of :meth:`waves`."""
        return sum(self.sizes), WAVES * sum(isinstance(f, NumberField) and bool(f.sizes) for f in self.fields.values())

    def wave_blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """What of :meth:`waves` is not 0: first class, first feature and float32[classes, features] of each column."""
        begin = feature = 0
        for field in self.fields.values():
            if isinstance(field, NumberField) and field.sizes:
                ranks = field.ranks()[:, None] * np.arange(1, WAVES + 1)
                yield begin, feature, np.nan_to_num(np.cos(np.pi * ranks)).astype(np.float32)
                feature += WAVES
            begin += sum(field.sizes)

    def encode(
        self, arrays: Mapping[str, np.ndarray], rng: np.random.Generator, *, by_row: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Canonical arrays -> (int64[n, spans], float32[n, scalars]); a scalar that does not count is NaN.

        Args:
            by_row: nothing of other rows comes into a row, as a private fit needs it.
        """
        arrays = self.parts.split(arrays, by_row=by_row)
        encoded = [field.encode(arrays[name], rng) for name, field in self.fields.items()]
        spans, scalars = zip(*encoded, strict=True)
        return np.concatenate(spans, axis=1), np.concatenate(scalars, axis=1)

    def decode(
        self, spans: np.ndarray, scalars: np.ndarray, maps: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """(int64[n, spans], float32[n, scalars]) -> canonical arrays of the learned columns, numbers unrounded.

        Args:
            maps: column name -> the map that its numbers go through; see :meth:`.fields.NumberField.decode`.
        """
        maps = maps or {}
        return self.parts.join(
            {
                name: self.fields[name].decode(spans[:, span], scalars[:, scalar], maps.get(name))
                for name, (span, scalar) in self.places().items()
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, without the schema."""
        return {
            "fields": {name: field.to_dict() for name, field in self.fields.items()},
            "words": {name: words.to_dict() for name, words in self.words.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], schema: Schema) -> TableEncoder:
        """Read what :meth:`to_dict` wrote.

        Raises:
            FieldError: if it is not, or does not go with ``schema``.
        """
        check_fields(data, {"fields": each_of(PLAIN)}, "it")
        if not data["fields"]:
            raise FieldError("it has no fields")
        fields = {}
        for name, entry in data["fields"].items():
            with at_field(f"column {name!r}"):
                fields[name] = field_from_dict(entry)
        numbers = {name for name, field in fields.items() if isinstance(field, NumberField)}
        classes = {n: f.classes - f.missing for n, f in fields.items() if isinstance(f, CategoryField)}
        check_learned(parts_of(schema).schema, numbers, classes)
        return cls(schema, fields, words_from(data, schema))

    def held(self, name: str) -> str:
        """What is kept of the data of a column, in words, for the README of a run."""
        if name in self.parts.divided:
            kept = {part: text for part in self.parts.of(name) if (text := self._part_held(part))}
            return "; ".join(f"{part}: {text}" for part, text in kept.items())
        return self._part_held(name)

    def _part_held(self, name: str) -> str:
        field = self.fields.get(name)
        if not isinstance(field, NumberField):
            return self.words[name].held() if name in self.words else ""
        kept = [f"{len(field.atoms):,} single values"] if len(field.atoms) else []
        if field.scale is not None:
            many = field.scale.to_dict()
            kept.append(f"{len(many['means'])} modes" if "means" in many else f"{len(many['values']):,} quantiles")
        return ", ".join(kept)
