"""The table codec: a row of a table <-> a few token ids, in a vocabulary made from that table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular.errors import TableError
from tabular.plain_json import FieldError, at_field, check_fields, each_of, object_of, one_of
from tabular.schema import Schema

from . import DEFAULT_BINS
from .category import CategoryCodec
from .number import NumberCodec

__all__ = ["Field", "TableCodec"]

ColumnCodec = NumberCodec | CategoryCodec
_CODECS: dict[str, type[NumberCodec] | type[CategoryCodec]] = {"number": NumberCodec, "category": CategoryCodec}


@dataclass(frozen=True)
class Field:
    """One token of a row.

    Attributes:
        column: the column it belongs to.
        size: how many tokens it can be.
        parent: the index of the field that holds the first half of the same value, or -1.
    """

    column: str
    size: int
    parent: int


class TableCodec:
    """Encodes the columns that a language model learns; the others (text, identifiers, columns with
    one value) have no field.

    Columns stand in ascending order of their number of values, so that rows share long prefixes and
    each shared prefix is evaluated once in sampling.

    Attributes:
        codecs: column name -> its codec, in field order.
        fields: the tokens of a row, in order.
    """

    def __init__(self, codecs: Mapping[str, ColumnCodec]) -> None:
        self.codecs = dict(codecs)
        fields: list[Field] = []
        for name, codec in self.codecs.items():
            for part, size in enumerate(codec.sizes):
                fields.append(Field(name, size, len(fields) - 1 if part else -1))
        self.fields = tuple(fields)

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema, *, bins: int = DEFAULT_BINS) -> TableCodec:
        """Learn the vocabulary from canonical arrays (:func:`tabular.encoding.arrays.to_arrays`).

        Raises:
            TableError: if no column is left to model.
        """
        codecs: dict[str, ColumnCodec] = {}
        for column in schema:
            values = arrays[column.name]
            if column.is_numeric:
                codecs[column.name] = NumberCodec.fit(values, bins=bins)
            elif column.has_categories and column.categories:
                codecs[column.name] = CategoryCodec.fit(values, categories=len(column.categories))
        codecs = {name: codec for name, codec in codecs.items() if codec.sizes != [1]}
        if not codecs:
            raise TableError(
                "No column of the table varies in a way that can be learned: all are constant, text or identifiers. "
                "See 'tabllm schema DATA', and say better with '--kind COL=KIND'."
            )
        return cls(dict(sorted(codecs.items(), key=lambda item: int(np.prod(item[1].sizes)))))

    @property
    def sizes(self) -> list[int]:
        """Tokens of each field, in field order."""
        return [field.size for field in self.fields]

    @property
    def parents(self) -> list[int]:
        """For each field the field that holds the first half of the same value, or -1."""
        return [field.parent for field in self.fields]

    def fields_of(self, column: str) -> list[int]:
        """The indices of a column's fields."""
        return [i for i, field in enumerate(self.fields) if field.column == column]

    @property
    def groups(self) -> np.ndarray:
        """int64[fields]: the number of the column that each field belongs to."""
        numbers = {name: number for number, name in enumerate(self.codecs)}
        return np.array([numbers[field.column] for field in self.fields])

    def log_frequencies(self, tokens: np.ndarray) -> np.ndarray:
        """float32[all tokens]: the log fraction of each token among ``tokens`` (int32[n, fields]) of its field."""
        logs = []
        for index, field in enumerate(self.fields):
            # A pseudo-count keeps tokens possible that stand in no row, such as places in a last block.
            counts = np.bincount(tokens[:, index], minlength=field.size) + 0.1
            logs.append(np.log(counts / counts.sum()))
        return np.concatenate(logs).astype(np.float32)

    def ranks(self, tokens: np.ndarray) -> np.ndarray:
        """float32[all tokens]: where a number's token stands among the values of its column, as the fraction of
        ``tokens`` (int32[n, fields]) below it; NaN for categories and for "missing"."""
        ranks = [np.full(field.size, np.nan, np.float32) for field in self.fields]
        for index, field in enumerate(self.fields):
            codec = self.codecs[field.column]
            if isinstance(codec, NumberCodec):
                order = codec.value_order()
                counts = np.bincount(tokens[:, index], minlength=field.size)[order] + 1e-3
                ranks[index][order] = (np.cumsum(counts) - counts / 2) / counts.sum()
        return np.concatenate(ranks)

    def atom_counts(self, tokens: np.ndarray) -> np.ndarray:
        """int64[all tokens]: how many of ``tokens`` (int32[n, fields]) are an atom of a number; 0 for all else."""
        counts = [np.zeros(field.size, np.int64) for field in self.fields]
        for index, field in enumerate(self.fields):
            codec = self.codecs[field.column]
            if isinstance(codec, NumberCodec):
                atoms = len(codec.atoms)
                counts[index][:atoms] = np.bincount(tokens[:, index], minlength=field.size)[:atoms]
        return np.concatenate(counts)

    def encode(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Canonical arrays -> tokens: int32[n, fields], each below its field's size."""
        return np.concatenate([codec.encode(arrays[name]) for name, codec in self.codecs.items()], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; it holds category counts, atoms and bin edges, and no rows."""
        return {"columns": {name: codec.to_dict() for name, codec in self.codecs.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {"columns": each_of(object_of({"type": one_of(*_CODECS)}))}, "it")
        if not data["columns"]:
            raise FieldError("it has no columns")
        codecs = {}
        for name, entry in data["columns"].items():
            with at_field(f"column {name!r}"):
                codecs[name] = _CODECS[entry["type"]].from_dict(entry)
        return cls(codecs)
