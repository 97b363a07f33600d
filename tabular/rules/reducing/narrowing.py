"""Conditions on columns that follow from others, as conditions on these: a model is requested what it has learned."""

from __future__ import annotations

import numpy as np

from ...encoding.cells import grid_step
from ...schema import Column
from ...where.conditions import Allowed
from ..language.instants import is_local
from .derivations import Computed, Derivation, Gap, LookedUp, Mapped

__all__ = ["narrowed"]

DAY = 86400.0
#: Days that are tried, and intervals of them that a condition may have; rows are tried beyond.
MOST_DAYS, MOST_INTERVALS = 100_000, 100


def narrowed(derivation: Derivation, condition: Allowed) -> Allowed | None:
    """What the one column that decides may be where the other keeps ``condition``; ``None`` where rows are to be tried.

    A country asks for its cities, the name of a month for the days of such months.
    """
    if condition.missing or isinstance(derivation, Gap) or len(derivation.sources) != 1:
        return None
    if isinstance(derivation, LookedUp):
        return derivation.narrowed(condition)
    return _days(derivation, condition, derivation.schema[derivation.sources[0]])


def _days(derivation: Computed | Mapped, condition: Allowed, column: Column) -> Allowed | None:
    """The days on which what is read off an instant keeps the condition."""
    if column.kind != "datetime" or not is_local(column) or column.minimum is None or column.maximum is None:
        return None
    days = np.arange(column.minimum // DAY, column.maximum // DAY + 1) * DAY
    if len(days) > MOST_DAYS:
        return None
    # What depends on the time of day, too, is not said by days.
    made, *others = (derivation.join({column.name: days + time}) for time in (0.0, DAY / 2, DAY - 1))
    if not all(np.array_equal(made, other, equal_nan=made.dtype.kind == "f") for other in others):
        return None
    kept = condition.contains(made)
    edges = np.diff(np.concatenate([[0], kept.astype(np.int64), [0]]))
    first, last = days[edges[:-1] > 0], days[edges[1:] < 0] + DAY - (grid_step(column) or 1.0)
    if len(first) > MOST_INTERVALS:
        return None
    spans = zip(np.maximum(first, column.minimum).tolist(), np.minimum(last, column.maximum).tolist(), strict=True)
    return Allowed(column.name, None, tuple(spans), missing=False)
