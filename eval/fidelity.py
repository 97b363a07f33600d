"""Single columns: Kolmogorov-Smirnov, total variation, Jensen-Shannon, missing rates.

The column-shape error is that of SDMetrics 0.32 (``KSComplement``, ``TVComplement``; both over the cells
that are not missing). It differs on purpose in one case: a column that is wholly missing in one table
alone is an error of 100 %, where SDMetrics leaves the column out of the mean.

Column shape alone proves little: a table of independent columns reaches the best shape of all. Read it
beside :mod:`eval.trends` and :mod:`eval.detection`.
"""

from __future__ import annotations

import numpy as np

from .report import ColumnFidelity, Fidelity, finite
from .tables import Table, Tables

__all__ = ["column_counts", "column_fidelity", "js_distance", "ks_statistic", "total_variation"]

#: Quantile bins of a numeric column for the Jensen-Shannon distance, cut from the real column.
JS_BINS = 20


def ks_statistic(first: np.ndarray, second: np.ndarray) -> float | None:
    """The two-sample Kolmogorov-Smirnov statistic D = max |F1 - F2| over the present cells.

    Args:
        first, second: ``float64[n]``, ``float64[m]``; NaN is missing.

    Returns:
        0 to 1; 1 if one alone is empty; ``None`` if both are.
    """
    first, second = np.sort(first[~np.isnan(first)]), np.sort(second[~np.isnan(second)])
    if not len(first) or not len(second):
        return None if len(first) == len(second) else 1.0
    # Both step functions are constant between the values of either, so their values suffice.
    points = np.concatenate([first, second])
    f1 = np.searchsorted(first, points, side="right") / len(first)
    f2 = np.searchsorted(second, points, side="right") / len(second)
    return float(np.abs(f1 - f2).max())


def total_variation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Total variation distance, half the sum of |p - q|, of two count vectors of equal length.

    Returns:
        0 to 1; 1 if one alone is empty; ``None`` if both are.
    """
    n, m = first.sum(), second.sum()
    if not n or not m:
        return None if n == m else 1.0
    return float(np.abs(first / n - second / m).sum() / 2)


def js_distance(first: np.ndarray, second: np.ndarray) -> float | None:
    """Jensen-Shannon distance: the square root of the base-2 divergence (Endres and Schindelin 2003).

    Args:
        first, second: counts over the same bins.

    Returns:
        0 to 1; ``None`` if a table is empty.
    """
    n, m = first.sum(), second.sum()
    if not n or not m:
        return None
    p, q = first / n, second / m
    middle = (p + q) / 2
    divergence = 0.0
    for part in (p, q):
        held = part > 0
        divergence += float((part[held] * np.log2(part[held] / middle[held])).sum()) / 2
    # Equal distributions come out at about -1e-17.
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def column_fidelity(tables: Tables) -> Fidelity:
    """Measure every numeric and token column of ``tables``."""
    columns = tuple(_measure(tables, name) for name in tables.modelled)
    shape, floor = _mean(columns, "error_percent"), _mean(columns, "floor_percent")
    js, js_floor = _mean(columns, "js_percent"), _mean(columns, "js_floor_percent")
    gaps = [abs(c.missing_real_percent - c.missing_synthetic_percent) for c in columns]
    return Fidelity(
        shape_error_percent=shape,
        shape_floor_percent=floor,
        ks_percent=_mean([c for c in columns if c.metric == "KS"], "error_percent"),
        js_percent=js,
        js_floor_percent=js_floor,
        overall_percent=_overall(shape, js),
        overall_floor_percent=_overall(floor, js_floor),
        missing_error_percent=finite(np.mean(gaps)) if gaps else None,
        columns=columns,
    )


def _measure(tables: Tables, name: str) -> ColumnFidelity:
    real, synthetic = tables.real, tables.synthetic
    others = [synthetic] if tables.holdout is None else [synthetic, tables.holdout]
    counts = column_counts(tables, name)
    if name in tables.numeric:
        metric, unseen = "KS", 0.0
        errors = [ks_statistic(real.arrays[name], other.arrays[name]) for other in others]
    else:
        metric = "TV"
        errors = [total_variation(counts[0][1:], other[1:]) for other in counts[1:]]
        # What only the synthetic table has, whether or not the schema lists it.
        unseen = float(counts[1][1:][counts[0][1:] == 0].sum() / synthetic.rows)
    # A missing cell is one more bin for Jensen-Shannon, so that a lost or invented gap shows.
    distances = [js_distance(counts[0], other) for other in counts[1:]]
    return ColumnFidelity(
        name=name,
        kind=tables.schema[name].kind,
        metric=metric,
        error_percent=_percent(errors[0]),
        floor_percent=_percent(errors[1]) if len(errors) > 1 else None,
        js_percent=_percent(distances[0]),
        js_floor_percent=_percent(distances[1]) if len(distances) > 1 else None,
        missing_real_percent=float(100 * counts[0][0] / real.rows),
        missing_synthetic_percent=float(100 * counts[1][0] / synthetic.rows),
        unseen_percent=100 * unseen,
    )


def column_counts(tables: Tables, name: str) -> list[np.ndarray]:
    """Of the real, the synthetic and, if there is one, the holdout table: counts of missing cells, then of each bin
    (cut from the real column) or code.
    """
    whole = [tables.real, tables.synthetic] + ([] if tables.holdout is None else [tables.holdout])
    if name not in tables.numeric:
        return [_token_counts(table, name, tables.cardinality[name]) for table in whole]
    present = tables.real.arrays[name][~np.isnan(tables.real.arrays[name])]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, JS_BINS + 1)[1:-1])) if len(present) else present
    return [_numeric_counts(table.arrays[name], edges) for table in whole]


def _numeric_counts(array: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts of missing cells and then of the bins ``(edge[i-1], edge[i]]``."""
    missing = np.isnan(array)
    bins = np.searchsorted(edges, array[~missing], side="left")
    return np.concatenate([[missing.sum()], np.bincount(bins, minlength=len(edges) + 1)])


def _token_counts(table: Table, name: str, cardinality: int) -> np.ndarray:
    """Counts of missing cells and then of each code."""
    return np.bincount(table.arrays[name] + 1, minlength=cardinality + 1)


def _percent(value: float | None) -> float | None:
    return None if value is None else finite(100 * value)


def _mean(columns: list[ColumnFidelity] | tuple[ColumnFidelity, ...], attribute: str) -> float | None:
    values = [value for c in columns if (value := getattr(c, attribute)) is not None]
    return finite(np.mean(values)) if values else None


def _overall(shape: float | None, js: float | None) -> float | None:
    return None if shape is None or js is None else 100 - (shape + js) / 2
