"""How often groups of values, of single columns and of pairs of them, occur in a table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..plain_json import PLAIN, FieldError, at_field, check_fields, each_of, list_of, object_of, whole
from ..schema import Schema
from .grouping import MIN_CELL, Grouping

__all__ = ["Margins"]

#: Pairs of columns at most, and the rows by which the most dependent ones are found where a table has more.
MAX_PAIRS, LOOKED_AT = 300, 4096
#: Columns at most: of wider tables the first.
MAX_COLUMNS = 500
#: Rows counted at most.
COUNTED_ROWS = 200_000


@dataclass(frozen=True)
class Margins:
    """Counts of a table, and how they are counted.

    Attributes:
        rows: how many were counted.
        columns: name -> its groups.
        sets: of each margin the columns, as places in ``columns``: one or two.
        kept: for each margin int64[cells], ascending: the cells of :data:`MIN_CELL` rows or more, as the number of the
            first column's group times the groups of the second, plus that of the second.
        counts: for each margin float64[1 + cells]: rows in none of those, and in each.
    """

    rows: int
    columns: dict[str, Grouping]
    sets: tuple[tuple[int, ...], ...]
    kept: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema) -> Margins | None:
        """Count canonical arrays (:func:`tabular.to_arrays`); ``None`` where no column can be counted."""
        names = [c.name for c in schema if c.name in arrays and (c.is_numeric or c.has_categories)][:MAX_COLUMNS]
        if not names:
            return None
        step = -(-len(arrays[names[0]]) // COUNTED_ROWS)
        values = {name: np.asarray(arrays[name])[::step] for name in names}
        columns = {name: Grouping.fit(values[name], ordered=schema[name].is_numeric) for name in names}
        groups = np.stack([grouping.groups(values[name]) for name, grouping in columns.items()])
        sizes = [grouping.size for grouping in columns.values()]
        sets = [(index,) for index in range(len(names))] + _pairs(groups, sizes)
        kept, counts = [], []
        for cells, size in _cells(groups, sizes, sets):
            found = np.bincount(cells, minlength=size)
            keep = np.flatnonzero(found >= MIN_CELL)
            kept.append(keep)
            counts.append(np.concatenate([[groups.shape[1] - found[keep].sum()], found[keep]]).astype(float))
        return cls(groups.shape[1], columns, tuple(sets), tuple(kept), tuple(counts))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of columns that are counted together."""
        names = list(self.columns)
        return [(names[positions[0]], names[positions[1]]) for positions in self.sets if len(positions) == 2]

    def wanted(self, rows: int) -> np.ndarray:
        """float64[cells]: how many of ``rows`` rows each cell should have."""
        return np.concatenate(self.counts) * (rows / self.rows)

    def cells_of(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """int32[n, margins]: the cell of each row in each margin, counted through all margins."""
        groups = np.stack([grouping.groups(arrays[name]) for name, grouping in self.columns.items()])
        sizes = [grouping.size for grouping in self.columns.values()]
        result = np.empty((groups.shape[1], len(self.sets)), np.int32)
        first = 0
        for index, (cells, size) in enumerate(_cells(groups, sizes, self.sets)):
            number = np.zeros(size, np.int32)
            number[self.kept[index]] = 1 + np.arange(len(self.kept[index]))
            result[:, index] = first + number[cells]
            first += len(self.counts[index])
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; it holds counts of cells of :data:`MIN_CELL` rows or more, and no rows."""
        margins = zip(self.sets, self.kept, self.counts, strict=True)
        return {
            "rows": self.rows,
            "columns": {name: grouping.to_dict() for name, grouping in self.columns.items()},
            "margins": [
                {"columns": list(positions), "cells": kept.tolist(), "counts": counts.astype(int).tolist()}
                for positions, kept, counts in margins
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], schema: Schema) -> Margins:
        """Read what :meth:`to_dict` wrote.

        Raises:
            FieldError: if it is not, or does not go with ``schema``.
        """
        numbers = list_of(whole(0))
        margin = object_of({"columns": list_of(whole(0), 1), "cells": numbers, "counts": list_of(whole(0), 1)})
        check_fields(data, {"rows": whole(1), "columns": each_of(PLAIN), "margins": list_of(margin, 1)}, "it")
        columns = {}
        for name, entry in data["columns"].items():
            with at_field(f"column {name!r}"):
                if name not in schema or not (schema[name].is_numeric or schema[name].has_categories):
                    raise FieldError("schema.json has no such column of numbers or categories")
                columns[name] = Grouping.from_dict(entry)
        sizes = [grouping.size for grouping in columns.values()]
        for entry in data["margins"]:
            if len(entry["columns"]) > 2 or max(entry["columns"]) >= len(sizes):
                raise FieldError("it has a margin of columns that it does not name")
            size = int(np.prod([sizes[position] for position in entry["columns"]]))
            if len(entry["counts"]) != len(entry["cells"]) + 1 or max(entry["cells"], default=0) >= size:
                raise FieldError("it has a margin whose cells and counts do not go together")
        return cls(
            data["rows"],
            columns,
            tuple(tuple(entry["columns"]) for entry in data["margins"]),
            tuple(np.asarray(entry["cells"], np.int64) for entry in data["margins"]),
            tuple(np.asarray(entry["counts"], float) for entry in data["margins"]),
        )


def _cells(
    groups: np.ndarray, sizes: list[int], sets: list[tuple[int, ...]] | tuple[tuple[int, ...], ...]
) -> Iterator[tuple[np.ndarray, int]]:
    """For each margin the cell of each row, and how many cells there are."""
    for positions in sets:
        if len(positions) == 1:
            yield groups[positions[0]], sizes[positions[0]]
        else:
            first, second = positions
            yield groups[first] * sizes[second] + groups[second], sizes[first] * sizes[second]


def _pairs(groups: np.ndarray, sizes: list[int]) -> list[tuple[int, ...]]:
    """All pairs of columns, or the most dependent by Pearson's chi-square for each degree of freedom."""
    pairs = list(itertools.combinations(range(len(groups)), 2))
    if len(pairs) <= MAX_PAIRS:
        return list(pairs)
    groups = groups[:, :: -(-groups.shape[1] // LOOKED_AT)]
    first = np.cumsum([0, *sizes])
    one_hot = np.zeros((groups.shape[1], first[-1]), np.float32)
    one_hot[np.arange(groups.shape[1]), groups + first[:-1, None]] = 1
    fraction = one_hot.mean(axis=0)
    expected = np.maximum(np.outer(fraction, fraction), 1e-9)
    excess = (one_hot.T @ one_hot / len(one_hot) - expected) ** 2 / expected
    by_pair = np.add.reduceat(np.add.reduceat(excess, first[:-1], axis=0), first[:-1], axis=1)
    freedom = np.outer(sizes, sizes)
    strength = np.array([by_pair[pair] / freedom[pair] for pair in pairs])
    return [pairs[position] for position in np.sort(np.argsort(-strength, kind="stable")[:MAX_PAIRS])]
