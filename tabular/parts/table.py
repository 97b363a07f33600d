"""All columns of a table, those with parts taken apart, and those left out that follow from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from ..rules.reducing.reduction import reduction_of
from ..schema import Column, Schema
from ..where.conditions import Allowed
from .instant import InstantParts, instant_parts

__all__ = ["Divided", "Parts", "parts_of"]

Divided = Literal["calendar", "zones", "nothing"]


class Parts:
    """The columns of a schema as a generator learns them.

    Attributes:
        reduced: the columns without those that follow from others by a rule; these are taken apart.
        schema: of the parts: columns that have none as they are, each other one replaced by its parts.
        divided: column name -> how it is taken apart.
        whole: name of a part -> the column that it belongs to, for all columns of :attr:`schema` but :attr:`filler`.
        filler: where no column can be learned, the name of one more part, a coin, so that there is a network to train.
    """

    def __init__(self, schema: Schema, divided: Divided = "calendar") -> None:
        taken = set(schema.names)
        columns: list[Column] = []
        self.divided: dict[str, InstantParts] = {}
        self.whole: dict[str, str] = {}
        self.reduced = reduction_of(schema)
        for column in self.reduced.schema:
            found = None
            if divided != "nothing":
                new_name = partial(_new_name, column.name, taken)
                found = instant_parts(column, new_name, calendar=divided == "calendar")
            if found is not None:
                self.divided[column.name] = found
            for part in (column,) if found is None else found.columns:
                columns.append(part)
                self.whole[part.name] = column.name
        self.filler: str | None = None
        if not any(map(_can_be_learned, columns)):
            self.filler = _new_name("nothing to learn", taken, "filler")
            columns.append(Column(self.filler, "categorical", "int64", categories=(0, 1)))
        as_they_are = not self.divided and self.filler is None
        self.schema = self.reduced.schema if as_they_are else Schema(tuple(columns), schema.rows, schema.notes)

    def split(self, arrays: Mapping[str, np.ndarray], *, by_row: bool = False) -> dict[str, np.ndarray]:
        """Canonical arrays of the columns -> those of the parts.

        Args:
            by_row: nothing of other rows comes into a row, as a private fit needs it.
        """
        found: dict[str, np.ndarray] = {}
        for name, values in self.reduced.split(arrays, by_row=by_row).items():
            found |= self.divided[name].split(values) if name in self.divided else {name: values}
        return self.with_filler(found)

    def with_filler(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """``arrays`` with those of :attr:`filler`, where there is one."""
        if self.filler is None:
            return arrays
        return {**arrays, self.filler: np.arange(len(next(iter(arrays.values()))), dtype=np.int32) % 2}

    def join(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Canonical arrays of the parts -> those of the columns; a column of which no part is there is left out."""
        found: dict[str, np.ndarray] = {}
        for part, values in arrays.items():
            if part == self.filler:
                continue
            name = self.whole[part]
            if name not in self.divided:
                found[name] = values
            elif name not in found:
                found[name] = self.divided[name].join(self._completed(name, arrays))
        return self.reduced.join(found)

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
        """Conditions on columns as conditions on parts; those on divided columns are to be held after :meth:`join`,
        and those on columns that follow from others by :attr:`reduced`."""
        found: dict[str, Allowed] = {}
        for name, condition in self.reduced.allowed(conditions).items():
            found |= self.divided[name].allowed(condition) if name in self.divided else {name: condition}
        return found

    def of(self, name: str) -> list[str]:
        """The names of the parts of a column: its own where it has none."""
        if name in self.divided:
            return [part.name for part in self.divided[name].columns]
        return self.reduced.parts(name)

    def columns(self, parts: Iterable[str]) -> list[str]:
        """The columns that ``parts`` belong to, and those that follow from them, each once."""
        return self.reduced.made_of(list(dict.fromkeys(self.whole[part] for part in parts if part != self.filler)))

    def holes(self, holes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Which cells of the columns are missing (bool[rows] each) -> the same for the parts."""
        reduced = self.reduced.holes(holes)
        found = {part: reduced[name] for part, name in self.whole.items()}
        if self.filler is not None:
            found[self.filler] = np.zeros(len(next(iter(holes.values()))), dtype=bool)
        return found


def _can_be_learned(column: Column) -> bool:
    """Whether the cells of ``column`` differ in a way that a network can learn, by what the schema says of them."""
    if column.is_numeric:
        return column.minimum is None or column.minimum != column.maximum or column.missing_rate > 0
    return column.has_categories and len(column.categories) + (column.missing_rate > 0) > 1


def _new_name(column: str, taken: set[str], part: str) -> str:
    name = f"{column} ({part})"
    while name in taken:
        name += "'"
    taken.add(name)
    return name


@lru_cache(maxsize=64)
def parts_of(schema: Schema, divided: Divided = "calendar") -> Parts:
    """The parts of the columns of ``schema``.

    Args:
        divided: into what instants are: all parts of their ``"calendar"``, ``"zones"`` and local times, or
            ``"nothing"``.
    """
    return Parts(schema, divided)
