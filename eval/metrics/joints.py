"""The joint distribution of the worst pairs, and each column against the target, as fractions of few cells.

Facts for :mod:`eval.page` alone: the errors of :mod:`eval.metrics.trends` have cuts of their own. Cells hold fractions
of many rows, never a row.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..facts.figures import AgainstTarget, Axis, Joint
from ..facts.report import Trends
from ..judging.findings import by_excess
from ..judging.wording import cell_text
from ..preparing.tables import Table, Tables
from .distributions import MAX_CATEGORIES, TAIL, grain, shortened

__all__ = ["against_target", "joints"]

#: Pairs that are drawn.
MAX_JOINTS = 4
#: Cells along an axis of numbers.
BINS = 10
#: A cell of a curve with fewer real rows than this says nothing.
MIN_ROWS = 20
#: Characters of ``2026-01-31``.
_DATE = 10


def joints(tables: Tables, trends: Trends) -> tuple[Joint, ...]:
    """The pairs that lie farthest above their noise floor, as fractions of the rows by cell."""
    made = []
    for pair in by_excess(trends.pairs)[:MAX_JOINTS]:
        first, second = (_axis(tables, name) for name in (pair.first, pair.second))
        fractions = [
            _percent(_cells(tables, table, first), _cells(tables, table, second), len(first.labels), len(second.labels))
            for table in (tables.real, tables.synthetic)
        ]
        made.append(Joint(first, second, *fractions))
    return tuple(made)


def against_target(tables: Tables, target: str | None) -> tuple[AgainstTarget, ...]:
    """For every other column the mean of the target in each of its cells; of classes the fraction of the rarest one."""
    if target is None or target not in tables.modelled:
        return ()
    if target in tables.tokens and not tables.known[target]:  # no cell of it is filled
        return ()
    made = []
    values, words = zip(*(_outcome(tables, table, target) for table in (tables.real, tables.synthetic)), strict=True)
    for name in tables.modelled:
        if name == target:
            continue
        axis = _axis(tables, name)
        means, counts = [], []
        for table, value in zip((tables.real, tables.synthetic), values, strict=True):
            cell = _cells(tables, table, axis)
            known = ~np.isnan(value)
            count = np.bincount(cell[known], minlength=len(axis.labels))
            total = np.bincount(cell[known], weights=value[known], minlength=len(axis.labels))
            means.append([float(t / c) if c >= MIN_ROWS else None for t, c in zip(total, count, strict=True)])
            counts.append(count)
        kept = [i for i, count in enumerate(counts[0]) if count >= MIN_ROWS]
        if len(kept) > 1:
            labels = tuple(axis.labels[i] for i in kept)
            real, synthetic = (tuple(mean[i] for i in kept) for mean in means)
            made.append(AgainstTarget(replace(axis, labels=labels), target, words[0], real, synthetic))
    return tuple(made)


def _outcome(tables: Tables, table: Table, target: str) -> tuple[np.ndarray, str]:
    """(``float64[rows]`` whose mean is drawn, what that mean is)."""
    array = table.arrays[target]
    if target in tables.numeric:
        return array, f"mean of {target}"
    counts = np.bincount(tables.real.arrays[target] + 1, minlength=tables.known[target] + 1)[
        1 : tables.known[target] + 1
    ]
    rarest = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
    label = tables.schema[target].categories[rarest]
    return np.where(array < 0, np.nan, array == rarest), f"fraction of {target} = {label}"


def _axis(tables: Tables, name: str) -> Axis:
    column = tables.schema[name]
    if name in tables.tokens:
        known = tables.known[name]
        counts = np.bincount(tables.real.arrays[name] + 1, minlength=known + 1)[1 : known + 1]
        if known > MAX_CATEGORIES:
            order = np.sort(np.argsort(-counts, kind="stable")[:MAX_CATEGORIES])
        else:
            order = np.arange(known)
        labels = [shortened(str(column.categories[code])) for code in order]
        return Axis(name, (*labels, "other", "missing"), codes=tuple(order.tolist()))
    array = tables.real.arrays[name]
    present = array[~np.isnan(array)]
    if not len(present):
        return Axis(name, ("any", "missing"))
    low, high = (float(each) for each in np.quantile(present, [TAIL, 1 - TAIL]))
    step = grain(present)
    width = max((high - low) / BINS, step)
    width = step * np.ceil(width / step - 1e-9) if step else width
    inner = low - step / 2 + width * np.arange(1, max(int(np.ceil((high - low + step) / (width or 1))), 1))
    # A cell is named by its lower end, which is a value where there is a grain.
    edges = [low, *(inner + step / 2)]
    labels = [cell_text(float(edge), column.kind) for edge in edges]
    if column.kind == "datetime" and len({label[:_DATE] for label in labels}) == len(labels):
        labels = [label[:_DATE] for label in labels]  # the day says it, and is not cut where an axis is narrow
    return Axis(name, (*labels, "missing"), edges=tuple(inner.tolist()))


def _cells(tables: Tables, table: Table, axis: Axis) -> np.ndarray:
    """``int64[rows]``: the label of ``axis`` that each row has; the last is missing."""
    array, last = table.arrays[axis.name], len(axis.labels) - 1
    if axis.name in tables.tokens:
        position = np.full(max(tables.cardinality[axis.name], 1), last - 1)
        position[list(axis.codes)] = np.arange(len(axis.codes))
        return np.where(array < 0, last, position[np.maximum(array, 0)])
    return np.where(np.isnan(array), last, np.searchsorted(axis.edges, array, side="right"))


def _percent(first: np.ndarray, second: np.ndarray, rows: int, columns: int) -> tuple[tuple[float, ...], ...]:
    counts = np.bincount(first * columns + second, minlength=rows * columns).reshape(rows, columns)
    fractions = np.round(100 * counts / max(len(first), 1), 3)
    return tuple(tuple(row) for row in fractions.tolist())
