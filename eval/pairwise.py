"""How far synthetic tables lie from each other, column by column: does one generator make what another makes?

The measures are those of :mod:`eval.fidelity`, and Jensen-Shannon's bins are cut from the real table for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from tabular.schema import Schema

from .fidelity import column_counts, js_distance, ks_statistic, total_variation
from .side_by_side import Line, SideBySide
from .tables import Tables, load_tables

__all__ = ["pairwise_tables"]


def pairwise_tables(
    real: pd.DataFrame, synthetic: Mapping[str, pd.DataFrame], schema: Schema
) -> tuple[SideBySide, SideBySide]:
    """Two squares, KS or total variation and Jensen-Shannon: one line and one column per synthetic table."""
    named = real.set_axis(list(schema.names), axis=1)
    frames = {name: table.set_axis([str(c) for c in table.columns], axis=1) for name, table in synthetic.items()}
    shapes: dict[frozenset[str], float | None] = {}
    distances: dict[frozenset[str], float | None] = {}
    for first, second in combinations(frames, 2):
        both = frozenset((first, second))
        # The second stands in the place of the holdout, so that all three share their codes and bins.
        shapes[both], distances[both] = _means(load_tables(named, frames[first], frames[second], schema))
    names = tuple(frames)
    return _square("KS or total variation", names, shapes), _square("Jensen-Shannon", names, distances)


def _means(tables: Tables) -> tuple[float | None, float | None]:
    """Mean KS or total variation, and mean Jensen-Shannon, of the synthetic table and the one beside it, per cent."""
    shapes, distances = [], []
    for name in tables.modelled:
        _, first, second = column_counts(tables, name)
        if name in tables.numeric and tables.holdout is not None:
            shapes.append(ks_statistic(tables.synthetic.arrays[name], tables.holdout.arrays[name]))
        else:
            shapes.append(total_variation(first[1:], second[1:]))
        distances.append(js_distance(first, second))
    return _mean_percent(shapes), _mean_percent(distances)


def _mean_percent(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(100 * np.mean(known)) if known else None


def _square(title: str, names: tuple[str, ...], known: dict[frozenset[str], float | None]) -> SideBySide:
    lines = [
        Line(name, "lower", 2, None, tuple(known.get(frozenset((name, other))) for other in names), None)
        for name in names
    ]
    return SideBySide(f"From each other: {title}, %", names, tuple(lines))
