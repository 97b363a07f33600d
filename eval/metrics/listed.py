"""Metrics of one figure each. One more is a file with its function, and a line in :data:`LISTED`.

The terminal, the page, the tables side by side and JSON show whatever is listed here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ..facts.metrics import Metric
from ..preparing.tables import Tables

__all__ = ["LISTED", "measure_listed"]

#: Module of this folder and function in it: (tables, seed) -> the metric, ``None`` where there is nothing to measure.
LISTED = ("missing:missing_patterns",)


def measure_listed(tables: Tables, *, seed: int) -> tuple[Metric, ...]:
    """Every metric that can be measured, in the order of :data:`LISTED`."""
    found = []
    for target in LISTED:
        module, _, name = target.partition(":")
        file = importlib.import_module(f".{module}", __package__)
        measure: Callable[[Tables, int], Metric | None] = getattr(file, name)
        if (metric := measure(tables, seed)) is not None:
            found.append(metric)
    return tuple(found)
