"""Whole rows: the table codec for the columns that are learned, and makers for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.free_text.words import TextCodec, check_learned, fit_text, words_from
from tabular.parts import parts_of
from tabular.sampling.batches import BaseCodec
from tabular.schema import Schema
from tabular.where.conditions import Allowed

from . import conditions
from .category import CategoryCodec
from .number import NumberCodec
from .table import TableCodec

__all__ = ["RowCodec"]


class RowCodec(BaseCodec):
    """Canonical arrays of a table <-> tokens, every column of the schema included.

    Attributes:
        schema: the columns.
        parts: how columns of instants are taken apart; tokens stand for parts.
        table: the codec of the parts that a model learns.
        words: column name -> how its free text is made.
    """

    def __init__(self, schema: Schema, table: TableCodec, words: Mapping[str, TextCodec]) -> None:
        super().__init__(schema, dict(words))
        self.table, self.parts, self.names = table, parts_of(schema), list(table.codecs)

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema, *, bins: int) -> RowCodec:
        """Learn from canonical arrays. Raises :class:`TableError` if no column is left to model."""
        words = {column.name: fit_text(arrays[column.name]) for column in schema if column.kind == "text"}
        parts = parts_of(schema)
        return cls(schema, TableCodec.fit(parts.split(arrays), parts.schema, bins=bins), words)

    @property
    def learned(self) -> list[str]:
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

    def decode_parts(
        self, drawn: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed]
    ) -> dict[str, np.ndarray]:
        learned: dict[str, np.ndarray] = {}
        position = 0
        for name, codec in self.table.codecs.items():
            part = drawn[:, position : position + len(codec.sizes)]
            position += len(codec.sizes)
            if isinstance(codec, NumberCodec) and name in allowed:
                learned[name] = conditions.decode_within(codec, part, rng, allowed[name], self._rounding(name))
            else:
                learned[name] = codec.decode(part, rng)
        return learned

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
