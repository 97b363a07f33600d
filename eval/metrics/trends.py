"""Pairs of columns: does the synthetic table keep what goes with what?

Two numeric columns: ``CorrelationSimilarity`` of SDMetrics, error = |r - s| / 2 with Pearson's r and s over
the rows where both are present. Any other pair: ``ContingencySimilarity``, error = total variation distance
of the two joint tables, missing cells being a value of their own, numbers cut into 10 bins of equal width.

Where this differs from SDMetrics 0.32 on purpose:

- The bins of a numeric column are cut from the REAL table and used for both. SDMetrics cuts each table by
  its own range, so that one stray synthetic value moves every bin (``edges="each"`` gives its figures).
- Every pair counts in the mean. The quality report of 0.32 drops pairs with |r| <= 0.5 or V <= 0.3; that
  mean, with our bins, is ``strong_error_percent``.
- A synthetic column that has become constant counts as r = 0; SDMetrics drops the pair and forgives it.
- All rows are read up to :data:`MAX_CELLS`; SDMetrics draws 50,000 rows afresh, unseeded, for each pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..facts.report import PairTrend, Trends, finite
from ..preparing.tables import Table, Tables, subsample

__all__ = ["MAX_CELLS", "correlations", "cramers_v", "measure_pairs", "pair_trends"]

#: Rows times pairs that are read at most; beyond that, rows are drawn (about half a minute of one core).
MAX_CELLS = 400_000_000

#: Pairs that are measured at most: those of 316 columns. Of more, so many are drawn, each as likely as the others.
MAX_PAIRS = 50_000

#: The thresholds above which the quality report of SDMetrics 0.32 counts a pair.
STRONG_CORRELATION, STRONG_ASSOCIATION = 0.5, 0.3

#: Joint tables up to this many cells are counted densely.
MAX_DENSE_CELLS = 4_000_000


def pair_trends(tables: Tables, *, bins: int = 10, rng: np.random.Generator | None = None) -> tuple[Trends, list[str]]:
    """Measure every pair of numeric and token columns.

    Args:
        bins: bins of a numeric column that is paired with a token column.
        rng: draws the rows of a table that is too large to be read whole, and the pairs of one with too many columns.

    Returns:
        The trends and notes on what was sampled.
    """
    names = tables.modelled
    possible = len(names) * (len(names) - 1) // 2
    limit = max(10_000, MAX_CELLS // max(min(possible, MAX_PAIRS), 1))
    rng = rng or np.random.default_rng(0)
    whole = [tables.real, tables.synthetic] + ([] if tables.holdout is None else [tables.holdout])
    used = [subsample(table, limit, rng) for table in whole]
    notes = []
    if any(a is not b for a, b in zip(whole, used, strict=True)):
        notes.append(f"Pair trends were measured on {limit:,} rows drawn from each larger table.")
    chosen = None if possible <= MAX_PAIRS else _drawn_pairs(names, rng)
    if chosen is not None:
        notes.append(f"Pair trends were measured on {len(chosen):,} pairs of columns drawn from {possible:,}.")
    pairs = measure_pairs(tables, used, chosen, bins=bins)
    sdmetrics = pairs
    if tables.numeric:
        sdmetrics = [p for p in measure_pairs(tables, used[:2], chosen, bins=bins, edges="each") if _in_sdmetrics(p)]
    return _summarise(pairs, sdmetrics, used[0].rows), notes


def _drawn_pairs(names: Sequence[str], rng: np.random.Generator) -> list[tuple[str, str]]:
    """:data:`MAX_PAIRS` different pairs of ``names``, of which there are more, in the order of ``combinations``."""
    count = len(names)
    starts = np.concatenate([[0], np.cumsum(np.arange(count - 1, 0, -1))])  # number of the first pair of each name
    numbers = np.sort(rng.choice(starts[-1], MAX_PAIRS, replace=False))
    first = np.searchsorted(starts, numbers, side="right") - 1
    second = numbers - starts[first] + first + 1
    return [(names[i], names[j]) for i, j in zip(first, second, strict=True)]


def measure_pairs(
    tables: Tables,
    used: list[Table],
    chosen: Sequence[tuple[str, str]] | None = None,
    *,
    bins: int = 10,
    edges: str = "real",
) -> list[PairTrend]:
    """Pairs of columns of ``used``: the real table, the synthetic one, and maybe the holdout.

    Args:
        chosen: the pairs to measure; all if absent.
        edges: ``"real"``, or ``"each"`` to cut each table by its own range as SDMetrics does.
    """
    names = tables.modelled
    position = {name: i for i, name in enumerate(tables.numeric)}
    r = [correlations(np.column_stack([t.arrays[n] for n in tables.numeric])) for t in used] if position else []
    codes: dict[str, list[np.ndarray]] = {}
    sizes: dict[str, int] = {}
    for name in names if tables.tokens else ():
        if name in position:
            codes[name], sizes[name] = _digitise([t.arrays[name] for t in used], bins, edges)
        else:
            # Missing becomes 0, a value of its own.
            codes[name], sizes[name] = [t.arrays[name] + 1 for t in used], tables.cardinality[name] + 1

    measured = []
    for first, second in combinations(names, 2) if chosen is None else chosen:
        if first in position and second in position:
            measured.append(_correlation(first, second, [m[position[first], position[second]] for m in r]))
        else:
            measured.append(_contingency(first, second, codes, sizes))
    return measured


def correlations(matrix: np.ndarray) -> np.ndarray:
    """Pearson's r of all pairs of columns, each over the rows where both are present.

    One masked matrix product in place of d(d-1)/2 loops: sums over pairwise present rows are products
    of the zero-filled values with the mask.

    Args:
        matrix: ``float64[rows, d]``; NaN is missing.

    Returns:
        ``float64[d, d]``; NaN where a column is constant over the rows of the pair.
    """
    present = ~np.isnan(matrix)
    mask = present.astype(np.float64)
    count = np.maximum(mask.sum(0), 1)
    x = np.where(present, matrix, 0.0)
    # Centre and scale first: datetimes are of order 1e9 and their squares would cancel to nothing.
    x = np.where(present, x - x.sum(0) / count, 0.0)
    scale = np.sqrt((x**2).sum(0) / count)
    x = x / np.where(scale > 0, scale, 1.0)
    n = np.maximum(mask.T @ mask, 1.0)
    sums = x.T @ mask  # sums[i, j] = sum of x_i over the rows where j is present
    squares = (x**2).T @ mask
    covariance = (x.T @ x) / n - (sums / n) * (sums.T / n)
    variance = squares / n - (sums / n) ** 2
    spread = np.where(variance > 1e-12, variance, np.nan)
    return np.clip(covariance / np.sqrt(spread * spread.T), -1.0, 1.0)


def _correlation(first: str, second: str, r: list[float]) -> PairTrend:
    real, others = r[0], r[1:]
    # Defined in real but not in synthetic: the column collapsed, and with it the relation.
    errors = [abs(real - (0.0 if np.isnan(other) else other)) / 2 for other in others]
    return PairTrend(
        first,
        second,
        "correlation",
        error_percent=finite(100 * errors[0]),
        floor_percent=finite(100 * errors[1]) if len(errors) > 1 else None,
        real_strength=finite(real),
        synthetic_strength=finite(others[0]),
    )


def _contingency(first: str, second: str, codes: dict[str, list[np.ndarray]], sizes: dict[str, int]) -> PairTrend:
    shape = (sizes[first], sizes[second])
    joined = [a.astype(np.int64) * shape[1] + b for a, b in zip(codes[first], codes[second], strict=True)]
    if shape[0] * shape[1] <= MAX_DENSE_CELLS:
        fractions = [np.bincount(j, minlength=shape[0] * shape[1]) / len(j) for j in joined]
        strengths = [cramers_v(s.reshape(shape)) for s in fractions[:2]]
    else:
        # Two long lists of categories: number only the cells that occur. Cramér's V would need the
        # dense table; at this many cells its small-sample bias makes it meaningless anyway.
        inverse = np.unique(np.concatenate(joined), return_inverse=True)[1].reshape(-1)
        parts = np.split(inverse, np.cumsum([len(j) for j in joined])[:-1])
        fractions = [np.bincount(part, minlength=inverse.max() + 1) / len(part) for part in parts]
        strengths = [None, None]
    errors = [100 * np.abs(fractions[0] - other).sum() / 2 for other in fractions[1:]]
    return PairTrend(
        first,
        second,
        "contingency",
        error_percent=finite(errors[0]),
        floor_percent=finite(errors[1]) if len(errors) > 1 else None,
        real_strength=strengths[0],
        synthetic_strength=strengths[1],
    )


def cramers_v(joint: np.ndarray) -> float | None:
    """Cramér's V, 0 to 1, of a joint table of shares; ``None`` if a side has one value only."""
    rows, columns = joint.sum(1), joint.sum(0)
    joint = joint[rows > 0][:, columns > 0]
    if min(joint.shape) < 2:
        return None
    expected = np.outer(joint.sum(1), joint.sum(0))
    phi2 = float(((joint - expected) ** 2 / expected).sum())
    return finite(np.sqrt(min(phi2 / (min(joint.shape) - 1), 1.0)))


def _digitise(arrays: list[np.ndarray], bins: int, edges: str) -> tuple[list[np.ndarray], int]:
    """Codes of the bins of one numeric column in each table, and how many there are."""
    if edges == "each":
        # As SDMetrics: the maximum and the missing cells share the bin beyond the last edge.
        return [np.digitize(a, _width_edges(a, bins)) for a in arrays], bins + 2
    inner = _width_edges(arrays[0], bins)[1:-1]
    return [np.where(np.isnan(a), 0, np.digitize(a, inner) + 1) for a in arrays], bins + 1


def _width_edges(array: np.ndarray, bins: int) -> np.ndarray:
    present = array[~np.isnan(array)]
    low, high = (present.min(), present.max()) if len(present) else (0.0, 1.0)
    if low == high:  # as numpy's histogram does
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _in_sdmetrics(pair: PairTrend) -> bool:
    """Whether SDMetrics scores the pair at all: it drops one whose synthetic correlation is undefined."""
    return pair.metric == "contingency" or pair.synthetic_strength is not None


def _summarise(pairs: list[PairTrend], sdmetrics: list[PairTrend], rows_used: int) -> Trends:
    strong = [p for p in pairs if p.error_percent is not None and _is_strong(p)]
    return Trends(
        error_percent=_mean([p.error_percent for p in pairs]),
        floor_percent=_mean([p.floor_percent for p in pairs]),
        sdmetrics_error_percent=_mean([p.error_percent for p in sdmetrics]),
        strong_error_percent=_mean([p.error_percent for p in strong]),
        strong_floor_percent=_mean([p.floor_percent for p in strong]),
        strong_pairs=len(strong),
        rows_used=rows_used,
        pairs=tuple(pairs),
    )


def _is_strong(pair: PairTrend) -> bool:
    threshold = STRONG_CORRELATION if pair.metric == "correlation" else STRONG_ASSOCIATION
    return pair.real_strength is not None and abs(pair.real_strength) > threshold


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return finite(np.mean(known)) if known else None
