"""Sampling in parts: what is the same for every generator whose rows are drawn as tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..encoding.arrays import from_arrays
from ..encoding.unmodelled import Unmodelled
from ..errors import UsageError
from ..parts import Parts
from ..progress import Reporter, Task
from ..refining import Refiner
from ..rules.reducing.file_order import in_file_order
from ..rules.reducing.keeping import redrawn
from ..rules.reducing.reduction import reduction_of
from ..where.conditions import Allowed

__all__ = ["BaseCodec", "Choose", "chosen_rows", "each_part", "make_parts", "one_step"]

Advance = Callable[[int], None]
Arrays = dict[str, np.ndarray]
#: Chooses among the arrays of drawn rows: int64[rows], which to take.
Choose = Callable[[Arrays], np.ndarray]


class BaseCodec(Unmodelled):
    """Canonical arrays of a table <-> rows of whole numbers, which a model learns and draws.

    Attributes:
        parts: how the columns of the schema are taken apart; what is modelled are parts.
        names: the modelled parts, in the order in which whole rows are drawn.
    """

    parts: Parts
    names: Sequence[str]

    @property
    @abstractmethod
    def learned(self) -> list[str]:
        """The columns of the schema of which a model learns anything."""

    @abstractmethod
    def encode(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Canonical arrays -> int32[n, width]."""

    @abstractmethod
    def decode_parts(self, drawn: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed]) -> Arrays:
        """int32[n, width] -> canonical arrays of :attr:`names`; ``allowed``: part -> what it may be."""

    def values(self, drawn: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed]) -> Arrays:
        """int32[n, width] -> canonical arrays of the columns that are learned.

        Args:
            allowed: what the conditioned columns may be; ``drawn`` keeps to it already.
        """
        arrays = self.parts.join(self.decode_parts(drawn, rng, allowed=self.parts.allowed(allowed)))
        for name in self.parts.divided.keys() & allowed.keys():
            arrays[name] = allowed[name].moved_inside(arrays[name])
        return arrays

    def decode(
        self, drawn: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed], **options: Any
    ) -> Arrays:
        """int32[n, width] -> canonical arrays of all columns of the schema: :meth:`values`, then :meth:`fill`."""
        return self.fill(self.values(drawn, rng, allowed=allowed), len(drawn), rng, **options)


def make_parts(
    n: int,
    codec: BaseCodec,
    *,
    part_rows: int,
    done: int,
    seed: int,
    progress: Reporter,
    draw: Callable[[int, np.random.Generator, Advance], np.ndarray],
    allowed: Mapping[str, Allowed],
    refiner: Refiner | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield ``n`` rows in parts, each from a seed of its own, so that parts that are ``done`` need not be made again.

    Args:
        draw: (rows, generator, to be called with how many are done) -> int[rows, width], which ``codec`` reads.
        allowed: column -> what it may be; rows that break it, or a rule of the schema, are drawn again.
        refiner: more rows are drawn than wanted, and those taken whose margins are the table's.

    Raises:
        UsageError: for fewer than one row.
    """
    if n < 1:
        raise UsageError(f"The number of rows must be 1 or more, not {n}.")
    schema, values = codec.schema, partial(codec.values, allowed=allowed)
    keeping = reduction_of(schema).keeping(allowed)

    def made(done: int) -> Iterator[pd.DataFrame]:
        for part, start, rows, task in each_part(n, part_rows, done, progress):
            rng = np.random.default_rng([seed, part])
            spare = 0 if refiner is None else refiner.spare(rows)
            drawn = draw(rows, rng, task.advance)
            # Rows come sorted by their beginnings; nobody should be able to tell.
            drawn = drawn[rng.permutation(rows)]
            if spare:
                # Drawn apart: what is drawn at once has counts nearer to the model's than a part of it would have.
                task.extend(spare)
                others = draw(spare, rng, task.advance)
                drawn = np.concatenate([drawn, others[rng.permutation(spare)]])
            arrays = values(drawn, rng)
            if keeping is not None and arrays:
                arrays = redrawn(arrays, keeping, partial(_again, draw=draw, values=values, rng=rng))
            choose = None if refiner is None else refiner.chooser(rows, spare, rng)
            arrays = chosen_rows(arrays, choose)
            yield from_arrays(codec.fill(arrays, rows, rng, start=start, seed=seed), schema)

    yield from in_file_order(schema, part_rows, done, made)


def each_part(n: int, part_rows: int, done: int, progress: Reporter) -> Iterator[tuple[int, int, int, Task]]:
    """(number, first row, rows, task that counts them) of each part of ``n`` rows that is not among those ``done``."""
    with progress.task("Sampling", n, "rows") as task:
        task.advance(done)
        for part, start in enumerate(range(0, n, part_rows)):
            if start >= done:
                yield part, start, min(part_rows, n - start), task


def one_step(learned: bool, progress: Reporter) -> int | None:
    """The updates of a fit to a table of which nothing is ``learned``, which is said; ``None`` for any other table."""
    if learned:
        return None
    progress.note(
        "No column has anything to learn: all are identifiers, made-up values of persons, free text or always the "
        "same. Training is skipped; rows are made from the forms of the values."
    )
    return 1


def _again(
    rows: int,
    *,
    draw: Callable[[int, np.random.Generator, Advance], np.ndarray],
    values: Callable[[np.ndarray, np.random.Generator], Arrays],
    rng: np.random.Generator,
) -> Arrays:
    """Canonical arrays of so many rows more, in random order, which nobody is notified of."""
    drawn = draw(rows, rng, lambda _: None)
    return values(drawn[rng.permutation(rows)], rng)


def chosen_rows(arrays: Arrays, choose: Choose | None) -> Arrays:
    """The rows that ``choose`` takes, if there is one."""
    if choose is None:
        return arrays
    chosen = choose(arrays)
    return {name: values[chosen] for name, values in arrays.items()}
