"""Which of the drawn rows are taken.

On 32,561 rows of Adult, 11,097 of Online Shoppers and 18,576 of California housing that ``nano`` made, the pair-trend
error fell from .94, 1.20 and .79 to .76, 1.09 and .75, and detection rose from .994, .973 and .926 to .992, .999 and
.936 (medians of three seeds; 1 = cannot be told from real); membership attacks and copies stayed where they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..arrays import on_grid
from ..errors import UsageError
from ..schema import Schema
from .margins import Margins

__all__ = ["Refiner", "choose", "refiner_for"]

#: Rows that are drawn for each one that is wanted, and the fewest wanted rows that are chosen by margins.
SURPLUS, MIN_ROWS = 1.25, 200
#: Rows that are chosen at a time, at most: memory is this times the margins.
BLOCK_ROWS = 1 << 15
#: Distance by cell at which the choice ends, times what two real samples would have; a cell's squared difference counts
#: by its rows and SMOOTH more, so that rare combinations are not what rows are chosen by. At half of FLOOR, and with
#: rare cells counted in full, the margins came nearer still, but detection fell on Adult from .99 to .98.
FLOOR, SMOOTH = 0.45, 20
#: Rounds at most, and the share of the rows that may be exchanged in one.
ROUNDS, EXCHANGED = 150, 0.02
#: Where more rows than these times the learned ones are made, the table's own counts are too rough to choose by.
MOST_TIMES = 2


@dataclass(frozen=True)
class Refiner:
    """Margins to choose by, and what a part of rows needs of them."""

    margins: Margins
    schema: Schema

    def drawn(self, rows: int) -> int:
        """How many rows are to be drawn where ``rows`` are wanted."""
        return rows if rows < MIN_ROWS else math.ceil(SURPLUS * rows)

    def chooser(
        self, drawn: int, rows: int, rng: np.random.Generator
    ) -> Callable[[dict[str, np.ndarray]], np.ndarray] | None:
        """What chooses ``rows`` of ``drawn`` rows, as :meth:`choose` does; ``None`` where all are taken."""
        return partial(self.choose, rows=rows, rng=rng) if drawn > rows else None

    def choose(self, arrays: Mapping[str, np.ndarray], rows: int, rng: np.random.Generator) -> np.ndarray:
        """int64[rows]: the places of the rows to take, in blocks.

        Args:
            arrays: canonical arrays of the drawn rows, in random order.
        """
        columns = [self.schema[name] for name in self.margins.columns]
        values = {c.name: on_grid(arrays[c.name], c) if c.is_numeric else arrays[c.name] for c in columns}
        drawn = len(next(iter(values.values())))
        blocks = -(-rows // BLOCK_ROWS)
        taken = []
        for block in range(blocks):
            begin, end = block * drawn // blocks, (block + 1) * drawn // blocks
            wanted = (block + 1) * rows // blocks - block * rows // blocks
            part = {name: column[begin:end] for name, column in values.items()}
            taken.append(begin + choose(self.margins, part, wanted, rng))
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
    chi-square down. (Taking the rows that fit best, in place of drawn ones, made rows that detection found.)

    Args:
        arrays: canonical arrays of ``rows`` or more rows, in random order.
    """
    cells = margins.cells_of(arrays)
    wanted = margins.wanted(rows)
    weight = 1 / (wanted + SMOOTH)
    enough = FLOOR * (1 + rows / margins.rows) * len(wanted)
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


def _counts(cells: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(cells.ravel(), minlength=size)
