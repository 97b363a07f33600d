"""Which of the drawn rows are taken.

On 32,561 rows of Adult, 11,097 of Online Shoppers and 18,576 of California housing that ``nano`` made, the pair-trend
error fell from .94, 1.20 and .79 to .77, 1.07 and .71, and detection went from .994, .973 and .926 to .990, .995 and
.936 (medians of three seeds; 1 = as real rows); membership attacks and copies stayed where they were. Rows
of a small table, whose margins are as near as they should be when they are drawn, are left as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..encoding.arrays import on_grid
from ..errors import UsageError
from ..schema import Schema
from .margins import Margins

__all__ = ["Refiner", "choose", "refiner_for"]

#: Spare rows that are drawn for each one that is wanted, and the fewest wanted rows that are chosen by margins.
SPARE, MIN_ROWS = 0.25, 200
#: Rows that are chosen at a time, at most: memory is this times the margins.
BLOCK_ROWS = 1 << 15
#: Distance at which the choice ends, times what the noise floor would have; a cell's squared difference counts by its
#: rows and SMOOTH more, so that rare combinations are not what rows are chosen by. At .45, and with rare cells counted
#: in full, the margins came nearer still, but detection fell on Adult from .99 to .98.
FLOOR, SMOOTH = 0.55, 20
#: Rounds at most, and the fraction of the rows that may be exchanged in one.
ROUNDS, EXCHANGED = 150, 0.02
#: Where more rows than these times the learned ones are made, the table's own counts are too rough to choose by.
MOST_TIMES = 2


@dataclass(frozen=True)
class Refiner:
    """Margins to choose by, and what a part of rows needs of them."""

    margins: Margins
    schema: Schema

    def spare(self, rows: int) -> int:
        """How many rows are to be drawn beside the ``rows`` that are wanted."""
        return 0 if rows < MIN_ROWS else math.ceil(SPARE * rows)

    def chooser(
        self, rows: int, spare: int, rng: np.random.Generator
    ) -> Callable[[dict[str, np.ndarray]], np.ndarray] | None:
        """What chooses ``rows`` of these and ``spare`` others, as :meth:`choose` does; ``None`` where all are taken."""
        return partial(self.choose, rows=rows, rng=rng) if spare else None

    def choose(self, arrays: Mapping[str, np.ndarray], rows: int, rng: np.random.Generator) -> np.ndarray:
        """int64[rows]: the positions of the rows to take, in blocks.

        Args:
            arrays: canonical arrays of the drawn rows, in random order: the ``rows`` that are taken if nothing speaks
                for others, then the spare ones.
        """
        columns = [self.schema[name] for name in self.margins.columns]
        values = {c.name: on_grid(arrays[c.name], c) if c.is_numeric else arrays[c.name] for c in columns}
        drawn = len(next(iter(values.values())))
        blocks = -(-rows // BLOCK_ROWS)
        taken = []
        for first, spare in zip(_parts(0, rows, blocks), _parts(rows, drawn, blocks), strict=True):
            positions = np.concatenate([first, spare])
            part = {name: column[positions] for name, column in values.items()}
            taken.append(positions[choose(self.margins, part, len(first), rng)])
        return np.concatenate(taken)


def refiner_for(
    margins: Margins | None, schema: Schema, wish: bool | None, default: bool, rows: int, conditions: object
) -> Refiner | None:
    """What chooses among the rows of a model, if anything does.

    Args:
        margins: of the table that was learned, if they are kept.
        wish: what the caller says, ``None`` for the ``default`` of the model.
        rows: how many are wanted in all.
        conditions: on the rows; empty where there are none.

    Raises:
        UsageError: if rows shall be refined and cannot.
    """
    if wish is None:
        wish = default and margins is not None and not conditions and rows <= MOST_TIMES * (schema.rows or 0)
    if not wish:
        return None
    if conditions:
        raise UsageError(
            "Rows under a condition cannot be refined, since a run keeps counts of the whole table: leave out --refine."
        )
    if margins is None:
        raise UsageError(
            "This run keeps no counts to refine rows by: it is private, or of an older release. Leave out --refine, "
            "or fit again."
        )
    return Refiner(margins, schema)


def choose(margins: Margins, arrays: Mapping[str, np.ndarray], rows: int, rng: np.random.Generator) -> np.ndarray:
    """int64[rows], ascending: rows whose margins come near those of the table.

    Rows taken at first are exchanged for others, in pairs drawn at random, of which those are carried out that bring
    chi-square down. (Taking the rows that fit best, in place of drawn ones, generated rows that detection found.)

    Args:
        arrays: canonical arrays of the ``rows`` that are taken at first, and of others; both in random order.
    """
    cells = margins.cells_of(arrays)
    wanted = margins.wanted(rows)
    weight = 1 / (wanted + SMOOTH)
    enough = FLOOR * (1 + rows / margins.rows) * float(wanted @ weight)
    inside, outside = np.arange(rows), np.arange(rows, len(cells))
    short = wanted - _counts(cells[inside], len(wanted))  # rows that each cell lacks
    distance = float(short**2 @ weight)
    pairs = min(int(EXCHANGED * rows) + 1, len(outside))
    for _ in range(ROUNDS if len(outside) else 0):
        if distance <= enough or not pairs:
            break
        giving, taking = rng.permutation(rows)[:pairs], rng.permutation(len(outside))[:pairs]
        out, new = cells[inside[giving]], cells[outside[taking]]
        pull = 2 * weight * short
        better = (pull[new] - weight[new]).sum(axis=1) - (pull[out] + weight[out]).sum(axis=1) > 0
        giving, taking = giving[better], taking[better]
        then = short + _counts(out[better], len(wanted)) - _counts(new[better], len(wanted))
        if (nearer := float(then**2 @ weight)) < distance:
            inside[giving], outside[taking] = outside[taking], inside[giving]
            short, distance = then, nearer
        else:
            pairs //= 2
    return np.sort(inside)


def _parts(begin: int, end: int, count: int) -> list[np.ndarray]:
    """The places from ``begin`` to ``end`` in about equal parts."""
    return np.split(np.arange(begin, end), np.arange(1, count) * (end - begin) // count)


def _counts(cells: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(cells.ravel(), minlength=size)
