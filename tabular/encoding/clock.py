"""Times of day of a column of instants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..grain.text import DAY, Grain
from ..schema import Column
from .cells import grain_lattice, grid_step

__all__ = ["time_of_day"]


def time_of_day(column: Column, grain: Grain, one_day: bool = False) -> Column | None:
    """The time of day as a column of its own, of the same name; ``None`` where every instant is at the same.

    Args:
        column: of instants.
        grain: its grain.
        one_day: whether all are of one day, so that its bounds are bounds of the time.
    """
    finest = grid_step(column) or 1.0
    if (grain.step is not None and grain.step >= DAY) or finest >= DAY:
        return None
    first, last = grain.hours if grain.hours is not None else (0.0, DAY - 10.0 ** -(column.decimals or 0))
    if one_day:
        assert column.minimum is not None
        assert column.maximum is not None
        first, last = max(first, column.minimum % DAY), min(last, column.maximum % DAY)
    step = Grain(grain.step if grain.step is not None else finest, grain.offsets).to_text(instants=True)
    made = Column(
        column.name,
        "datetime",
        "float64",
        column.missing_rate,
        minimum=first,
        maximum=last,
        decimals=column.decimals,
        format=None,
        grain=step,
    )
    lattice = grain_lattice(made)
    if lattice is None:
        return made
    ends = np.array([first]), np.array([last])
    return replace(made, minimum=float(lattice.ceil(ends[0])[0]), maximum=float(lattice.floor(ends[1])[0]))
