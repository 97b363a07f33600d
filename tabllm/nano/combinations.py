"""Which tokens of some fields go together, where one column decides others that are drawn before it.

And rows that are drawn in their light: of a film that a user has had nothing is left, nor of a year whose films he all
has had, and the others are the likelier for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from typing_extensions import Self

from .engines.base import NanoEngine

__all__ = ["Combinations", "Together", "Weighted"]

#: Entries of one table at most.
MAX_ENTRIES = 1 << 22
#: What a token counts of which nothing is left: it is drawn where others cannot be, and never else.
LEAST = 1e-9


@dataclass(frozen=True)
class Combinations:
    """The combinations of tokens that there are, as a tree: a row goes down one level with each field.

    Attributes:
        fields: in the order in which they are drawn.
        below: for each field int64[nodes + 1, tokens], the node of the next level; the last node of a level is that of
            rows that are in no combination.
        allowed: for each field but the first float32[nodes + 1, tokens], 1 where there is a next node, 0 elsewhere; of
            the last node all are 1.
        leaves: int64[n]: which node of the last level the given combinations are.
        starts: for each field int64[nodes of the next level], the first leaf of each.
        engine: that draws.
    """

    fields: tuple[int, ...]
    below: tuple[Any, ...]
    allowed: tuple[Any, ...]
    leaves: np.ndarray
    starts: tuple[np.ndarray, ...]
    engine: NanoEngine

    @classmethod
    def of(cls, fields: Sequence[int], tokens: np.ndarray, sizes: Sequence[int], engine: NanoEngine) -> Self | None:
        """The combinations in the rows of ``tokens``, int[n, fields]; ``None`` where a table would be too large.

        Args:
            sizes: tokens of each of ``fields``.
            engine: that will draw.
        """
        below, allowed, paths = [], [], []
        node, nodes = np.zeros(len(tokens), np.int64), 1
        for level, size in enumerate(sizes):
            if (nodes + 1) * size > MAX_ENTRIES:
                return None
            unique, child = np.unique(node * size + tokens[:, level], return_inverse=True)
            table = np.full((nodes + 1, size), len(unique), np.int64)
            table[unique // size, unique % size] = np.arange(len(unique))
            mask = (table < len(unique)).astype(np.float32)
            mask[nodes] = 1.0
            below.append(table)
            allowed.append(mask)
            node, nodes = child.ravel(), len(unique)
            paths.append(node)
        first = np.unique(node, return_index=True)[1]  # a row of each leaf
        starts = tuple(np.unique(path[first], return_index=True)[1] for path in paths)
        tables = tuple(map(engine.put, below)), tuple(map(engine.put, allowed[1:]))
        return cls(tuple(fields), *tables, node, starts, engine)

    def of_rows(self, rows: np.ndarray) -> Self:
        """The same for whatever rows."""
        return self

    def weight(self, field: int, known: Callable[[int], Any | None]) -> Any | None:
        """[rows, tokens], 0 for tokens of ``field`` that are in no combination with those before; ``None`` if all are.

        Args:
            known: the tokens of a field, int[rows] of the engine, or ``None`` while it is not drawn.
        """
        if field not in self.fields[1:] or (node := self.node(field, known)) is None:
            return None
        return self.allowed[self.fields.index(field) - 1][node]

    def node(self, field: int, known: Callable[[int], Any | None]) -> Any | None:
        """int[rows] of the engine: at which node each row is before ``field``, 0 at the first; ``None`` while a field
        before it is not drawn."""
        level = self.fields.index(field)
        tokens = [known(each) for each in self.fields[:level]]
        if any(each is None for each in tokens):
            return None
        node: Any = 0
        for table, token in zip(self.below[:level], tokens, strict=True):
            node = table[node, token]
        return node


@dataclass(frozen=True)
class Weighted:
    """Combinations that count more or less for each row.

    A token counts as much as those below it do on average, each as often as it comes: drawn one field after the other,
    a combination is then as likely as its own weight says.

    Attributes:
        combinations: the tree.
        often: float64[leaves]: how often each combination comes, up to a factor.
        weights: int64[rows], which they are -> float32[rows, leaves].
        rows: int64[rows], whose weights these are.
    """

    combinations: Combinations
    often: np.ndarray
    weights: Callable[[np.ndarray], np.ndarray]
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def of_rows(self, rows: np.ndarray) -> Weighted:
        """Those of ``rows``, int64[some], of all."""
        return replace(self, rows=rows)

    def weight(self, place: int, known: Callable[[int], Any | None]) -> Any | None:
        """[rows, tokens] of the field ``place``; ``None`` of one that is in no combination."""
        tree = self.combinations
        if place not in tree.fields or (node := tree.node(place, known)) is None:
            return None
        level = tree.fields.index(place)
        below = tree.below[level][node]
        ratios = self._ratios[level]
        if level == 0:
            return ratios[:, below]
        return ratios[self._rows, below]

    @cached_property
    def _rows(self) -> Any:
        return self.combinations.engine.put(np.arange(len(self.rows)))[:, None]

    @cached_property
    def _ratios(self) -> list[Any]:
        """For each field float32[rows, nodes of the next level + 1] of the engine; 1 where nothing is left at all."""
        often = self.often.astype(np.float32)
        counted = self.weights(self.rows) * often
        nothing, ends = np.asarray(~counted.any(axis=1)), np.arange(len(often))
        ratios: list[Any] = []
        for starts in reversed(self.combinations.starts):
            if len(starts) < len(ends):
                parts = np.searchsorted(ends, starts)
                counted, often = np.add.reduceat(counted, parts, axis=1), np.add.reduceat(often, parts)
            ends = starts
            found = np.ones((len(counted), len(starts) + 1), np.float32)
            np.divide(counted, often, out=found[:, :-1], where=~nothing[:, None])
            np.maximum(found, LEAST, out=found)
            ratios.append(self.combinations.engine.put(found))
        return ratios[::-1]


Together = Combinations | Weighted
