"""Which tokens of some fields go together, where one column decides others that are drawn before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import Self

from .engines.base import NanoEngine

__all__ = ["Combinations"]

#: Entries of one table at most.
MAX_ENTRIES = 1 << 22


@dataclass(frozen=True)
class Combinations:
    """The combinations of tokens that there are, as a tree: a row goes down one level with each field.

    Attributes:
        fields: in the order in which they are drawn.
        below: for each field but the last int64[nodes + 1, tokens], the node of the next level; the last node of a
            level is that of rows that are in no combination.
        allowed: for each field but the first float32[nodes + 1, tokens], 1 where there is a next node, 0 elsewhere; of
            the last node all are 1.
    """

    fields: tuple[int, ...]
    below: tuple[Any, ...]
    allowed: tuple[Any, ...]

    @classmethod
    def of(cls, fields: Sequence[int], tokens: np.ndarray, sizes: Sequence[int], engine: NanoEngine) -> Self | None:
        """The combinations in the rows of ``tokens``, int[n, fields]; ``None`` where a table would be too large.

        Args:
            sizes: tokens of each of ``fields``.
            engine: that will draw.
        """
        below, allowed = [], []
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
        return cls(tuple(fields), tuple(map(engine.put, below[:-1])), tuple(map(engine.put, allowed[1:])))

    def weight(self, field: int, known: Callable[[int], Any | None]) -> Any | None:
        """[rows, tokens], 0 for tokens of ``field`` that are in no combination with those before; ``None`` if all are.

        Args:
            known: the tokens of a field, int[rows] of the engine, or ``None`` while it is not drawn.
        """
        if field not in self.fields[1:]:
            return None
        level = self.fields.index(field)
        tokens = [known(each) for each in self.fields[:level]]
        if any(each is None for each in tokens):
            return None
        node = self.below[0][0, tokens[0]]
        for table, token in zip(self.below[1:level], tokens[1:], strict=True):
            node = table[node, token]
        return self.allowed[level - 1][node]
