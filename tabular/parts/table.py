"""All columns of a table, those with parts taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial

import numpy as np

from ..conditions import Allowed
from ..schema import Column, Schema
from .instant import InstantParts, instant_parts

__all__ = ["Parts", "parts_of"]


class Parts:
    """The columns of a schema as a generator learns them.

    Attributes:
        schema: of the parts: columns that have none as they are, each other one replaced by its parts.
        divided: column name -> how it is taken apart.
        whole: name of a part -> the column that it belongs to, for all columns of :attr:`schema`.
    """

    def __init__(self, schema: Schema) -> None:
        taken = set(schema.names)
        columns: list[Column] = []
        self.divided: dict[str, InstantParts] = {}
        self.whole: dict[str, str] = {}
        for column in schema:
            found = instant_parts(column, partial(_new_name, column.name, taken))
            if found is not None:
                self.divided[column.name] = found
            for part in (column,) if found is None else found.columns:
                columns.append(part)
                self.whole[part.name] = column.name
        self.schema = schema if not self.divided else Schema(tuple(columns), schema.rows, schema.notes)

    def split(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Canonical arrays of the columns -> those of the parts."""
        found: dict[str, np.ndarray] = {}
        for name, values in arrays.items():
            found |= self.divided[name].split(values) if name in self.divided else {name: values}
        return found

    def join(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Canonical arrays of the parts -> those of the columns; a column of which no part is there is left out."""
        found: dict[str, np.ndarray] = {}
        for part, values in arrays.items():
            name = self.whole[part]
            if name not in self.divided:
                found[name] = values
            elif name not in found:
                found[name] = self.divided[name].join(self._completed(name, arrays))
        return found

    def _completed(self, name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The parts of a column, with those that never vary, which no codec holds."""
        rows = len(next(iter(arrays.values())))
        found = {}
        for part in self.divided[name].columns:
            if part.name in arrays:
                found[part.name] = arrays[part.name]
            elif part.has_categories:
                found[part.name] = np.zeros(rows, np.int32)
            else:
                found[part.name] = np.full(rows, part.minimum)
        return found

    def allowed(self, conditions: Mapping[str, Allowed]) -> dict[str, Allowed]:
        """Conditions on columns as conditions on parts; those on divided columns are to be held after :meth:`join`."""
        found: dict[str, Allowed] = {}
        for name, condition in conditions.items():
            found |= self.divided[name].allowed(condition) if name in self.divided else {name: condition}
        return found

    def of(self, name: str) -> list[str]:
        """The names of the parts of a column: its own where it has none."""
        return [part.name for part in self.divided[name].columns] if name in self.divided else [name]

    def columns(self, parts: Iterable[str]) -> list[str]:
        """The columns that ``parts`` belong to, each once."""
        return list(dict.fromkeys(self.whole[part] for part in parts))


def _new_name(column: str, taken: set[str], part: str) -> str:
    name = f"{column} ({part})"
    while name in taken:
        name += "'"
    taken.add(name)
    return name


@lru_cache(maxsize=64)
def parts_of(schema: Schema) -> Parts:
    """The parts of the columns of ``schema``."""
    return Parts(schema)
