"""Whole rows: the table codec for the columns that are learned, and makers for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.encoding.unmodelled import fill_unmodelled
from tabular.free_text.words import TextCodec, check_learned, fit_text, words_from
from tabular.parts import parts_of
from tabular.schema import Schema
from tabular.where.conditions import Allowed

from . import conditions
from .category import CategoryCodec
from .number import NumberCodec
from .table import TableCodec

__all__ = ["RowCodec"]


class RowCodec:
    """Canonical arrays of a table <-> tokens, every column of the schema included.

    Attributes:
        schema: the columns.
        parts: how columns of instants are taken apart; tokens stand for parts.
        table: the codec of the parts that a model learns.
        words: column name -> how its free text is made.
    """

    def __init__(self, schema: Schema, table: TableCodec, words: Mapping[str, TextCodec]) -> None:
        self.schema, self.parts = schema, parts_of(schema)
        self.table, self.words = table, dict(words)

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema, *, bins: int) -> RowCodec:
        """Learn from canonical arrays. Raises :class:`TableError` if no column is left to model."""
        words = {column.name: fit_text(arrays[column.name]) for column in schema if column.kind == "text"}
        parts = parts_of(schema)
        return cls(schema, TableCodec.fit(parts.split(arrays), parts.schema, bins=bins), words)

    @property
    def learned(self) -> list[str]:
        """The columns of the schema of which a model learns anything."""
        return self.parts.columns(self.table.codecs)

    def encode(self, arrays: Mapping[str, np.ndarray], *, by_row: bool = False) -> np.ndarray:
        """Canonical arrays -> tokens: int32[n, fields].

        Args:
            by_row: nothing of other rows comes into a row, as a private fit needs it.
        """
        return self.table.encode(self.parts.split(arrays, by_row=by_row))

    def token_weights(self, allowed: Mapping[str, Allowed]) -> dict[int, np.ndarray]:
        """Conditions as factors on tokens; see :func:`.conditions.token_weights`."""
        allowed = self.parts.allowed(allowed)
        return conditions.token_weights(self.table, allowed, {name: self._rounding(name) for name in allowed})

    def present_weights(self, name: str) -> dict[int, np.ndarray]:
        """Factors that forbid a missing value of a part; see :func:`.conditions.present_weights`."""
        return conditions.present_weights(self.table, name)

    def values(
        self, tokens: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed]
    ) -> dict[str, np.ndarray]:
        """int32[n, fields] -> canonical arrays of the columns that are learned.

        Args:
            allowed: what the conditioned columns may be; the tokens keep to it already.
        """
        of_parts = self.parts.allowed(allowed)
        learned: dict[str, np.ndarray] = {}
        place = 0
        for name, codec in self.table.codecs.items():
            part = tokens[:, place : place + len(codec.sizes)]
            place += len(codec.sizes)
            if isinstance(codec, NumberCodec) and name in of_parts:
                learned[name] = conditions.decode_within(codec, part, rng, of_parts[name], self._rounding(name))
            else:
                learned[name] = codec.decode(part, rng)
        arrays = self.parts.join(learned)
        for name in self.parts.divided.keys() & allowed.keys():
            arrays[name] = allowed[name].moved_inside(arrays[name])
        return arrays

    def fill(
        self,
        arrays: dict[str, np.ndarray],
        rows: int,
        rng: np.random.Generator,
        *,
        start: int,
        seed: int,
        present: bool = False,
    ) -> dict[str, np.ndarray]:
        """``arrays`` of :meth:`values` with all other columns (:func:`tabular.encoding.unmodelled.fill_unmodelled`)."""
        return fill_unmodelled(arrays, self.schema, self.words, rows, rng, start=start, seed=seed, present=present)

    def decode(
        self,
        tokens: np.ndarray,
        rng: np.random.Generator,
        *,
        start: int,
        seed: int,
        allowed: Mapping[str, Allowed],
        present: bool = False,
    ) -> dict[str, np.ndarray]:
        """int32[n, fields] -> canonical arrays of all columns of the schema: :meth:`values`, then :meth:`fill`."""
        arrays = self.values(tokens, rng, allowed=allowed)
        return self.fill(arrays, len(tokens), rng, start=start, seed=seed, present=present)

    def _rounding(self, name: str) -> conditions.Round:
        return partial(on_grid, column=self.parts.schema[name])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, without the schema."""
        return {**self.table.to_dict(), "words": {name: codec.to_dict() for name, codec in self.words.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], schema: Schema) -> RowCodec:
        """Read what :meth:`to_dict` wrote.

        Raises:
            FieldError: if it is not, or does not go with ``schema``.
        """
        table = TableCodec.from_dict(data)
        numbers = {name for name, codec in table.codecs.items() if isinstance(codec, NumberCodec)}
        codes = {name: c.codes - c.missing for name, c in table.codecs.items() if isinstance(c, CategoryCodec)}
        check_learned(parts_of(schema).schema, numbers, codes)
        return cls(schema, table, words_from(data, schema))
