"""Single columns: Kolmogorov-Smirnov, total variation, Jensen-Shannon, Wasserstein, coverage, missing rates.

The column-shape error is that of SDMetrics 0.32 (``KSComplement``, ``TVComplement``; both over the cells
that are not missing). It differs on purpose in one case: a column that is wholly missing in one table
alone is an error of 100 %, where SDMetrics leaves the column out of the mean.

Column shape alone proves little: a table of independent columns reaches the best shape of all. Read it
beside :mod:`eval.metrics.trends` and :mod:`eval.metrics.detection`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..facts.report import ColumnFidelity, Fidelity, finite
from ..preparing.tables import Tables

__all__ = [
    "Bins",
    "column_fidelity",
    "count_values",
    "coverage",
    "js_distance",
    "ks_and_wasserstein",
    "ks_statistic",
    "real_bins",
    "total_variation",
]

#: Bins of a numeric column for the Jensen-Shannon distance (base 2), cut at quantiles of the REAL column and used
#: for every table.
JS_BINS = 20


def ks_statistic(first: np.ndarray, second: np.ndarray) -> float | None:
    """The two-sample Kolmogorov-Smirnov statistic D = max |F1 - F2| over the present cells.

    Args:
        first, second: ``float64[n]``, ``float64[m]``; NaN is missing.

    Returns:
        0 to 1; 1 if one alone is empty; ``None`` if both are.
    """
    return ks_and_wasserstein(first, second)[0]


def ks_and_wasserstein(first: np.ndarray, second: np.ndarray) -> tuple[float | None, float | None]:
    """The KS statistic, and Wasserstein's distance W1, the area between the two distribution functions.

    Both from one walk along the sorted values. W1 is in units of the standard deviation of ``first``, so that
    columns can be compared: a shift of the whole column by one deviation is 1. (The range would let one
    outlier make every distance small.)

    Args:
        first, second: ``float64[n]``, ``float64[m]``; NaN is missing.

    Returns:
        KS as in :func:`ks_statistic`; W1, ``None`` if either is empty, or if ``first`` is constant and
        ``second`` is not the same constant.
    """
    first, second = np.sort(first[~np.isnan(first)]), np.sort(second[~np.isnan(second)])
    if not len(first) or not len(second):
        return (None if len(first) == len(second) else 1.0), None
    # Both step functions are constant between the values of either, so their values suffice.
    points = np.concatenate([first, second])
    points.sort(kind="stable")  # two sorted runs are merged in linear time
    f1 = np.searchsorted(first, points, side="right") / len(first)
    f2 = np.searchsorted(second, points, side="right") / len(second)
    gaps = np.abs(f1 - f2)
    unit = float(first.std())
    area = float((gaps[:-1] * np.diff(points)).sum())
    wasserstein = area / unit if unit > 0 else 0.0 if area == 0 else None
    return float(gaps.max()), wasserstein


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
        wasserstein=_mean(columns, "wasserstein"),
        wasserstein_floor=_mean(columns, "wasserstein_floor"),
        coverage_percent=_mean(columns, "coverage_percent"),
        coverage_floor_percent=_mean(columns, "coverage_floor_percent"),
    )


def coverage(first: np.ndarray, second: np.ndarray) -> float | None:
    """How much of the range of ``first`` the range of ``second`` covers, 0 to 1 (``RangeCoverage`` of SDMetrics).

    Args:
        first, second: ``float64[n]``, ``float64[m]``; NaN is missing.

    Returns:
        ``None`` if ``first`` is empty; of a constant, whether ``second`` reaches it.
    """
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    if not len(first):
        return None
    if not len(second):
        return 0.0
    low, high = float(first.min()), float(first.max())
    if low == high:
        return float(second.min() <= low <= second.max())
    lost = max(float(second.min()) - low, 0.0) + max(high - float(second.max()), 0.0)
    return max(0.0, 1 - lost / (high - low))


@dataclass(frozen=True)
class Bins:
    """How the cells of one column are counted: missing first, then the bins of a number or the codes.

    Attributes:
        edges: inner edges of a numeric column, quantiles of the real one; ``None`` for codes.
        codes: number of codes.
    """

    edges: np.ndarray | None
    codes: int = 0


def real_bins(tables: Tables, name: str) -> Bins:
    """The bins of the column ``name``, cut from the real table."""
    if name in tables.tokens:
        return Bins(None, tables.cardinality[name])
    array = tables.real.arrays[name]
    present = array[~np.isnan(array)]
    inner = np.linspace(0, 1, JS_BINS + 1)[1:-1]
    return Bins(np.unique(np.quantile(present, inner)) if len(present) else present)


def count_values(array: np.ndarray, bins: Bins) -> np.ndarray:
    """Counts of missing cells and then of each bin ``(edge[i-1], edge[i]]``, or of each code."""
    if bins.edges is None:
        return np.bincount(array + 1, minlength=bins.codes + 1)
    missing = np.isnan(array)
    position = np.searchsorted(bins.edges, array[~missing], side="left")
    return np.concatenate([[missing.sum()], np.bincount(position, minlength=len(bins.edges) + 1)])


def _measure(tables: Tables, name: str) -> ColumnFidelity:
    real, synthetic = tables.real, tables.synthetic
    others = [synthetic] if tables.holdout is None else [synthetic, tables.holdout]
    bins = real_bins(tables, name)
    counts = [count_values(table.arrays[name], bins) for table in (real, *others)]
    distances: list[float | None] = [None] * len(others)
    unseen = 0.0
    if name in tables.numeric:
        metric = "KS"
        both = [ks_and_wasserstein(real.arrays[name], other.arrays[name]) for other in others]
        errors, distances = [ks for ks, _ in both], [w1 for _, w1 in both]
        covered = [coverage(real.arrays[name], other.arrays[name]) for other in others]
    else:
        metric = "TV"
        errors = [total_variation(counts[0][1:], other[1:]) for other in counts[1:]]
        known = counts[0][1:] > 0
        covered = [float((other[1:][known] > 0).mean()) if known.any() else None for other in counts[1:]]
        # What only the synthetic table has, whether or not the schema lists it.
        unseen = float(counts[1][1:][~known].sum() / synthetic.rows)
    # A missing cell is one more bin for Jensen-Shannon, so that a lost or invented gap shows.
    js = [js_distance(counts[0], other) for other in counts[1:]]
    floor = len(others) > 1
    return ColumnFidelity(
        name=name,
        kind=tables.schema[name].kind,
        metric=metric,
        error_percent=_percent(errors[0]),
        floor_percent=_percent(errors[1]) if floor else None,
        js_percent=_percent(js[0]),
        js_floor_percent=_percent(js[1]) if floor else None,
        missing_real_percent=float(100 * counts[0][0] / real.rows),
        missing_synthetic_percent=float(100 * counts[1][0] / synthetic.rows),
        unseen_percent=100 * unseen,
        wasserstein=finite(distances[0]),
        wasserstein_floor=finite(distances[1]) if floor else None,
        coverage_percent=_percent(covered[0]),
        coverage_floor_percent=_percent(covered[1]) if floor else None,
        missing_holdout_percent=float(100 * counts[2][0] / others[1].rows) if floor else None,
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else finite(100 * value)


def _mean(columns: list[ColumnFidelity] | tuple[ColumnFidelity, ...], attribute: str) -> float | None:
    values = [value for c in columns if (value := getattr(c, attribute)) is not None]
    return finite(np.mean(values)) if values else None


def _overall(shape: float | None, js: float | None) -> float | None:
    return None if shape is None or js is None else 100 - (shape + js) / 2
