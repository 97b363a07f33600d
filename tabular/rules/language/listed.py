"""The combinations that a rule lists, made ready once, so that many short tables can be looked up in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...encoding.arrays import on_grid
from ...schema import Column, Schema

if TYPE_CHECKING:
    from ..rule import Rule, Scalar

__all__ = ["ListedRows", "listed_rows"]

#: Codes of a cell that is missing, and of one that no combination has.
MISSING, UNLISTED = -1, -2


@dataclass(frozen=True)
class ListedRows:
    """Combinations of cells, as codes that are alike where the cells are.

    Attributes:
        columns: of the combinations.
        distinct: of each column of numbers float64[distinct], ascending, the numbers that combinations have; the code
            of a number is its place. ``None`` of categories, whose codes are those of the column.
        codes: int64[listed, columns]; :data:`MISSING` for missing, :data:`UNLISTED` for what the column does not have.
    """

    columns: tuple[Column, ...]
    distinct: tuple[np.ndarray | None, ...]
    codes: np.ndarray

    @classmethod
    def of(cls, values: tuple[tuple[Scalar, ...], ...], columns: tuple[Column, ...]) -> ListedRows:
        """Those of ``values``, one cell per column in each."""
        distinct: list[np.ndarray | None] = []
        codes = []
        for index, column in enumerate(columns):
            given = [row[index] for row in values]
            if column.has_categories:
                known = {value: code for code, value in enumerate(column.categories)}
                texts = {str(value): code for value, code in known.items()}
                found = [
                    MISSING if value is None else known.get(value, texts.get(str(value), UNLISTED)) for value in given
                ]
                distinct.append(None)
                codes.append(np.array(found, dtype=np.int64))
            else:
                numbers = on_grid(np.array([math.nan if value is None else float(value) for value in given]), column)
                there = np.unique(numbers[~np.isnan(numbers)])
                distinct.append(there)
                codes.append(_places(numbers, there))
        return cls(columns, tuple(distinct), np.stack(codes, axis=1))

    def codes_of(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """int64[rows, columns]: the codes of canonical arrays."""
        return np.stack(
            [
                arrays[column.name].astype(np.int64)
                if known is None
                else _places(on_grid(arrays[column.name], column), known)
                for column, known in zip(self.columns, self.distinct, strict=True)
            ],
            axis=1,
        )

    def find(self, codes: np.ndarray) -> np.ndarray:
        """int64[rows]: the first combination that is ``codes``, int64[rows, columns]; -1 where none is."""
        levels, first = self._index
        keys = np.zeros(len(codes), dtype=np.int64)
        for place, (size, known) in enumerate(levels):
            keys = _places(keys * size + codes[:, place] - UNLISTED, known)
            keys[keys < 0] = len(known)  # a number that stays unlisted with every code of the next column
        return np.append(first, -1)[keys]

    @cached_property
    def _index(self) -> tuple[list[tuple[int, np.ndarray]], np.ndarray]:
        """Of each column how many codes it has, and int64[distinct], ascending: which numbers its codes make of the
        places of the numbers of the column before; and the first combination of each number of the last column.

        So no number is greater than combinations times codes.
        """
        levels: list[tuple[int, np.ndarray]] = []
        keys = np.zeros(len(self.codes), dtype=np.int64)
        for column, known, codes in zip(self.columns, self.distinct, self.codes.T, strict=True):
            size = (len(column.categories) if known is None else len(known)) - UNLISTED
            found, keys = np.unique(keys * size + codes - UNLISTED, return_inverse=True)
            levels.append((size, found))
        return levels, np.unique(keys, return_index=True)[1]


def listed_rows(rule: Rule, columns: tuple[str, ...], schema: Schema) -> ListedRows:
    """The combinations of ``rule``, of the first of its columns, whose names are ``columns`` in ``schema``."""
    return _made(_Same(rule), tuple(_Same(schema[name]) for name in columns))


class _Same:
    """An object that is like itself alone: a rule of 9,000 combinations takes long to compare by them."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


@lru_cache(maxsize=64)
def _made(rule: _Same, columns: tuple[_Same, ...]) -> ListedRows:
    return ListedRows.of(rule.thing.values, tuple(column.thing for column in columns))


def _places(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """int64[rows]: where ``values`` stand among ``known``, ascending; :data:`MISSING` of NaN, :data:`UNLISTED`."""
    place = np.searchsorted(known, values)
    here = np.append(known, known[-1:] if len(known) else 0)[place] == values
    here &= place < len(known)
    absent = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
    return np.where(absent, MISSING, np.where(here, place, UNLISTED)).astype(np.int64)
