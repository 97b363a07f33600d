"""The columns' own distributions, with noise, and a table that stands in for the real one wherever those are learned.

Each learned column is cut into cells that are public: its categories, its atoms, equal steps between its bounds, and
"missing" where it may be. A row adds one to one cell of every column, so the histograms of d columns together change by
sqrt(d) in the Euclidean norm, and Gaussian noise of the multiplier z has the standard deviation z sqrt(d).

What is made of the noisy counts examines no row again: they are projected onto the simplex of the known total (Duchi
et al. 2008, "Efficient projections onto the l1-ball"), and a stand-in table is dealt from them, evenly within a cell,
column by column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..encoding.arrays import on_grid
from ..encoding.cells import grid_step
from ..rules.reducing.derivations import Gap
from ..rules.reducing.reduction import reduction_of
from ..schema import Column, Schema

__all__ = ["Cells", "Histogram", "cells_of", "noisy_histograms", "public_part", "stand_in"]

#: Rows of a stand-in table.
LEAST_ROWS, MOST_ROWS = 1000, 50_000
#: Steps between the bounds of a number, and the noise that a step's fraction of the rows is to exceed so many times.
LEAST_STEPS, MOST_STEPS, NOISE_SHARE = 8, 256, 8.0
#: A cell that the noise has emptied keeps so much of the noise's standard deviation: nothing public is impossible.
FLOOR = 0.05


@dataclass(frozen=True)
class Cells:
    """The cells of a column: first its values (or codes), then its steps, then missing.

    Attributes:
        values: float64[a], ascending: atoms, every value of a short grid, or the codes of categories.
        edges: float64[steps + 1], ascending, or empty.
        missing: whether the last cell is "missing".
    """

    values: np.ndarray
    edges: np.ndarray
    missing: bool

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.values) + max(len(self.edges) - 1, 0) + self.missing

    def count(self, values: np.ndarray) -> np.ndarray:
        """Canonical values [n] -> float64[cells]."""
        x = values.astype(np.float64)
        gone = np.isnan(x) if values.dtype.kind == "f" else values < 0
        position = np.full(len(x), self.size - 1)
        filled = x[~gone]
        if len(self.values):
            # The nearest value: of what is no atom it is overwritten where there are steps.
            found = np.searchsorted((self.values[1:] + self.values[:-1]) / 2, filled)
            exact = self.values[found] == filled
        else:
            found, exact = np.zeros(len(filled), np.int64), np.zeros(len(filled), bool)
        if len(self.edges):
            step = np.clip(np.searchsorted(self.edges, filled, "right") - 1, 0, len(self.edges) - 2)
            found = np.where(exact, found, len(self.values) + step)
        position[~gone] = found
        return np.bincount(position, minlength=self.size).astype(np.float64)

    def deal(self, counts: np.ndarray, rows: int, column: Column) -> np.ndarray:
        """float64[cells] -> canonical values [rows], sorted by cell; every cell but a step gets a row at least."""
        least = np.ones(self.size, np.int64)
        least[len(self.values) : len(self.values) + max(len(self.edges) - 1, 0)] = 0
        exact = counts / counts.sum() * max(rows - least.sum(), 0)
        dealt = np.floor(exact).astype(np.int64) + least
        rest = np.argsort(np.floor(exact) - exact, kind="stable")[: max(rows - dealt.sum(), 0)]
        dealt[rest] += 1
        cell = np.repeat(np.arange(self.size), dealt)[:rows]
        made = np.full(rows, np.nan)
        single = cell < len(self.values)
        made[single] = self.values[cell[single]]
        within = ~single & (cell < self.size - self.missing)
        starts = np.cumsum(dealt) - dealt
        fraction = (np.flatnonzero(within) - starts[cell[within]] + 0.5) / dealt[cell[within]]
        step = cell[within] - len(self.values)
        if len(self.edges):
            made[within] = self.edges[step] + fraction * (self.edges[step + 1] - self.edges[step])
        if column.is_numeric:
            return on_grid(made, column)
        return np.where(np.isnan(made), -1, made).astype(np.int32)


@dataclass(frozen=True)
class Histogram:
    """The cells of a column, and how many rows are in each, more or less: float64[cells], none negative."""

    cells: Cells
    counts: np.ndarray


def cells_of(schema: Schema, steps: int) -> dict[str, Cells]:
    """The cells of every column that is learned, with at most ``steps`` steps between the bounds of a number."""
    found = {}
    for column in schema:
        missing = column.missing_rate > 0
        if column.is_numeric:
            found[column.name] = _number_cells(column, steps, missing)
        elif column.has_categories and len(column.categories) + missing > 1:
            found[column.name] = Cells(np.arange(len(column.categories), dtype=np.float64), np.empty(0), missing)
    return found


def _number_cells(column: Column, steps: int, missing: bool) -> Cells:
    assert column.minimum is not None
    assert column.maximum is not None
    low, high = column.minimum, column.maximum
    grid = 1.0 if column.kind == "integer" else grid_step(column)
    if grid and (high - low) / grid < steps:
        return Cells(np.unique(on_grid(np.arange(low, high + grid / 2, grid), column)), np.empty(0), missing)
    atoms = np.unique([atom for atom in column.atoms if low <= atom <= high])
    return Cells(atoms.astype(np.float64), np.linspace(low, high, steps + 1), missing)


def steps_for(rows: int, deviation: float) -> int:
    """Steps between the bounds of a number in a table of so many rows, for noise of so great a deviation."""
    return int(np.clip(rows / (NOISE_SHARE * max(deviation, 1e-9)), LEAST_STEPS, MOST_STEPS))


def noisy_histograms(
    arrays: Mapping[str, np.ndarray], schema: Schema, noise_multiplier: float | None, rng: np.random.Generator
) -> dict[str, Histogram]:
    """The noisy histogram of every learned column, brought to what counts can be.

    Args:
        arrays: canonical, of the real rows, within their bounds.
        noise_multiplier: ``None`` where the rows are not to be examined: then all cells are alike.
    """
    rows = len(next(iter(arrays.values())))
    columns = len(cells_of(schema, LEAST_STEPS))
    deviation = 0.0 if noise_multiplier is None else noise_multiplier * columns**0.5
    found = {}
    for name, cells in cells_of(schema, steps_for(rows, deviation)).items():
        counts = np.ones(cells.size)
        if noise_multiplier is not None:
            noisy = cells.count(arrays[name]) + rng.normal(0, deviation, cells.size)
            counts = np.maximum(_onto_simplex(noisy, rows), min(FLOOR * deviation, 0.1 * rows / cells.size))
        found[name] = Histogram(cells, counts)
    return found


def _onto_simplex(values: np.ndarray, total: float) -> np.ndarray:
    """The nearest float64[n] that is nowhere negative and sums to ``total``."""
    ordered = np.sort(values)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(values) + 1)
    return np.maximum(values - excess[np.flatnonzero(ordered > excess)[-1]], 0.0)


def stand_in(histograms: Mapping[str, Histogram], schema: Schema, rows: int) -> dict[str, np.ndarray]:
    """Canonical arrays whose columns are distributed as the histograms, and have nothing to do with each other.

    Args:
        rows: of the real table.
    """
    most_cells = max((histogram.cells.size for histogram in histograms.values()), default=1)
    size = max(int(np.clip(rows, LEAST_ROWS, MOST_ROWS)), 2 * most_cells)
    rng = np.random.default_rng(0)
    made: dict[str, np.ndarray] = {}
    for column in schema:
        if column.name in histograms:
            histogram = histograms[column.name]
            made[column.name] = histogram.cells.deal(histogram.counts, size, column)[rng.permutation(size)]
        elif column.has_categories:
            made[column.name] = np.full(size, 0 if column.categories else -1, np.int32)
        else:
            made[column.name] = np.full(size, None, dtype=object)
    return _with_gaps(made, schema, rng)


def _with_gaps(made: dict[str, np.ndarray], schema: Schema, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """``made`` with the later of two instants that a rule puts in order at some time after the earlier one.

    What lies between them is no more than public bounds and the noisy means tell: evenly up to a bound that is near, as
    the rule gives it; else half of it about as long as the means are apart, half of any order of magnitude. Differences
    of independent instants would be as often negative, and next to none short.
    """
    for gap in reduction_of(schema).derivations:
        if not isinstance(gap, Gap) or not {gap.target, gap.source} <= made.keys():
            continue
        least, most = gap.gap.minimum or 0.0, gap.gap.maximum or 0.0
        size = len(made[gap.target])
        apart = float(np.nanmean(gap.between(made)))
        step = max(grid_step(schema[gap.target]) or 1.0, 1.0)
        if apart >= (least + most) / 4 or most <= 2 * step:
            seconds = rng.uniform(least, most, size)
        else:
            any_size = np.exp(rng.uniform(np.log(step), np.log(most), size))
            seconds = least + np.where(
                rng.random(size) < 0.5, rng.exponential(max(apart - least, step), size), any_size
            )
        later = gap.after(made[gap.source], np.clip(seconds, least, most), made[gap.target])
        made[gap.target] = np.where(np.isnan(made[gap.target]), np.nan, later)
    return made


def public_part(schema: Schema, arrays: Mapping[str, np.ndarray], rows: int) -> Schema:
    """``schema`` without what it tells of single cells; the missing rates are those of the stand-in ``arrays``."""
    columns = []
    for column in schema:
        values = arrays[column.name]
        gone = np.isnan(values) if values.dtype.kind == "f" else values < 0 if values.dtype.kind == "i" else np.zeros(1)
        columns.append(replace(column, missing_rate=float(gone.mean()), notes=()))
    return Schema(tuple(columns), rows=rows, rules=schema.rules)
