"""Which numbers are written as a given one: generators draw numbers, and columns write them on their grid.

The probability of a written number is the probability of its span. So it is a probability for every column, never a
density, and rows can be compared with each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..encoding.arrays import on_grid
from ..encoding.cells import grain_lattice, grid_step
from ..parts import Parts
from ..rules.reducing.derivations import Gap
from ..schema import Column

__all__ = ["Span", "part_spans", "span_of"]

#: The ends of the numbers that are written as one, float64[rows] each.
Span = tuple[np.ndarray, np.ndarray]

#: A column without a grid (floats of any number of digits) counts as written in steps of this fraction of its range.
FINEST = 1e-6


def span_of(values: np.ndarray, column: Column) -> Span:
    """The numbers that :func:`tabular.encoding.arrays.on_grid` turns into each of ``values``: float64[rows]."""
    step = grid_step(column)
    lattice = grain_lattice(column)
    if lattice is not None and step is not None:
        below, above = lattice.floor(values - step), lattice.ceil(values + step)
        # Numbers are rounded to steps first; a step in the middle of two values of the grain goes to the lower one.
        low = (np.floor((below + values) / 2 / step + 1e-6) + 0.5) * step
        high = (np.floor((values + above) / 2 / step + 1e-6) + 0.5) * step
    else:
        if step is None:
            step = FINEST * ((column.maximum or 0.0) - (column.minimum or 0.0) or 1.0)
        low, high = values - step / 2, values + step / 2
    with np.errstate(invalid="ignore"):
        low, high = np.minimum(low, np.nextafter(values, -np.inf)), np.maximum(high, np.nextafter(values, np.inf))
        if column.minimum is not None and column.maximum is not None:
            lowest, highest = on_grid(np.array([column.minimum, column.maximum]), column)
            low, high = np.where(values <= lowest, -np.inf, low), np.where(values >= highest, np.inf, high)
    return low, high


def part_spans(split: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], parts: Parts) -> dict[str, Span]:
    """The span of each number of each numeric part.

    Args:
        split: canonical arrays of the parts.
        arrays: of the columns, by which a part that stands in a column's place is written.
    """
    gaps = {found.gap.name: found for found in parts.reduced.derivations if isinstance(found, Gap)}
    spans = {}
    for name, values in split.items():
        if name in gaps:
            gap = gaps[name]
            low, high = span_of(arrays[gap.target], parts.reduced.whole[gap.target])
            spans[name] = low - arrays[gap.source], high - arrays[gap.source]
        elif name != parts.filler and parts.schema[name].is_numeric:
            spans[name] = span_of(values, parts.schema[name])
    return spans
