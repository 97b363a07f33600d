"""Does a predicate that fits one synthetic row fit exactly one real row? (Singling out, the first risk of WP 216)

Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023, written
afresh on arrays. Univariate predicates are read off single columns: a value that one synthetic row has,
being the only one without a value, lying at or beyond the least or the greatest synthetic number.
Multivariate ones take a synthetic row and a few columns: the same category, and a number at or beyond the row's on
the far side of the median; kept are those that fit that synthetic row alone.

How often a predicate fits exactly one row depends on how many rows there are, so learned and held-out rows are
compared in tables of equal size: the real table is dealt into parts as large as the holdout. Many predicates may
hit the same outlying row, and are then not so many trials: the intervals count n / D of them, with the design
effect D = sum h^2 / sum h over the rows, h being how often a row was hit (Kish 1965).
"""

from __future__ import annotations

import numpy as np

from ..facts.estimates import share_difference, share_estimate
from ..facts.privacy import SinglingOut
from ..models.pair import is_missing
from ..preparing.tables import Table, Tables, beside_holdout, subsample

__all__ = ["CAVEAT", "multivariate_predicates", "single_out", "univariate_matches"]

CAVEAT = (
    "Only predicates read off synthetic rows by a simple rule were tried; that they single out no more learned "
    "than held-out rows does not prove that others would not."
)

#: Predicates of each kind that are tried.
MAX_PREDICATES = 1_000
#: Columns of a multivariate predicate.
COLUMNS = 4
#: Sets of columns that are drawn; synthetic rows tried with each.
COLUMN_SETS, ROWS_PER_SET = 100, 40
#: Of the intervals, which hold for both kinds together at 95 %.
LEVEL = 0.975
#: Kinds of univariate predicates.
EQUAL, AT_MOST, AT_LEAST, IS_MISSING = range(4)
#: Rows of each table that predicates are matched with.
MAX_ROWS = 50_000


def single_out(tables: Tables, *, seed: int = 0) -> tuple[tuple[SinglingOut, ...], list[str]]:
    """Try both kinds; a kind for which the synthetic table offers no predicate is left out."""
    if tables.holdout is None or not tables.modelled:
        return (), []
    rng = np.random.default_rng(seed)
    real, holdout, parts = beside_holdout(tables, MAX_ROWS, rng)
    size = holdout.rows
    synthetic = subsample(tables.synthetic, MAX_ROWS, rng)
    dealt = np.full(real.rows, parts)  # what is left over goes to no part
    dealt[rng.permutation(real.rows)[: parts * size]] = np.repeat(np.arange(parts), size)

    others, positions = [real, holdout], [dealt, np.zeros(size, dtype=np.int64)]
    found = []
    for kind, match in (("univariate", univariate_matches), ("multivariate", _multivariate_matches)):
        in_real, in_holdout = match(tables, synthetic, others, positions, rng)
        if len(in_real):
            found.append(_result(kind, in_real, in_holdout, parts))
    notes = []
    if real.rows < tables.real.rows or synthetic.rows < tables.synthetic.rows:
        notes.append(f"Singling out was tried with at most {MAX_ROWS:,} rows of each table.")
    return tuple(found), notes


def _result(kind: str, in_real: np.ndarray, in_holdout: np.ndarray, parts: int) -> SinglingOut:
    """From the matches ``int64[predicates, parts or more, 2]`` and ``int64[predicates, 1, 2]``."""
    n = len(in_real)
    pieces = (in_real[:, :parts], in_holdout)
    alone = [piece[..., 0] == 1 for piece in pieces]
    hits = [np.unique(piece[..., 1][one], return_counts=True)[1] for piece, one in zip(pieces, alone, strict=True)]
    h = np.concatenate(hits)
    effect = float((h**2).sum() / h.sum()) if len(h) else 1.0
    learned, holdout = (share_estimate(float(one.mean()), max(1, round(one.size / effect)), LEVEL) for one in alone)
    whole = float(100 * (in_real[..., 0].sum(1) == 1).mean())
    return SinglingOut(kind, n, whole, learned, holdout, share_difference(learned, holdout))


def univariate_matches(
    tables: Tables, synthetic: Table, others: list[Table], dealt: list[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """How many rows each univariate predicate of ``synthetic`` fits.

    Args:
        dealt: ``int64[rows]`` of each other table, the part that a row belongs to.

    Returns:
        Of each other table ``int64[predicates, parts, 2]``: how many rows fit, and the sum of their positions, which
        is the position of the row where one fits.
    """
    candidates = []
    for name in tables.modelled:
        array = synthetic.arrays[name]
        lost = is_missing(synthetic, name)
        values, counts = np.unique(array[~lost], return_counts=True)
        alone = values[counts == 1]
        each = [np.full(len(alone), EQUAL)]
        if name in tables.numeric and len(values):
            alone = np.concatenate([alone, values[[0, -1]]])
            each.append(np.array([AT_MOST, AT_LEAST]))
        if lost.sum() == 1:
            alone = np.concatenate([alone, [0]])
            each.append(np.array([IS_MISSING]))
        candidates.append((name, alone, np.concatenate(each)))
    total = sum(len(values) for _, values, _ in candidates)
    kept = np.zeros(total, dtype=bool)
    kept[rng.permutation(total)[:MAX_PREDICATES]] = True
    cuts = np.cumsum([len(values) for _, values, _ in candidates])[:-1]
    matches: list[list[np.ndarray]] = [[] for _ in others]
    for (name, values, kinds), keep in zip(candidates, np.split(kept, cuts), strict=True):
        for into, table, parts in zip(matches, others, dealt, strict=True):
            into.append(_count(table, name, parts, values[keep], kinds[keep]))
    return [np.concatenate(found) for found in matches]


def _count(table: Table, name: str, dealt: np.ndarray, values: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The matches of predicates on one column, counted in the sorted column of each part."""
    found = np.zeros((len(values), int(dealt.max()) + 1, 2), dtype=np.int64)
    lost = is_missing(table, name)
    for part in range(found.shape[1]):
        position = np.flatnonzero((dealt == part) & ~lost)
        position = position[np.argsort(table.arrays[name][position], kind="stable")]
        ordered, sums = table.arrays[name][position], np.concatenate([[0], position.cumsum()])
        low, high = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
        start = np.where(kinds == AT_MOST, 0, low)
        end = np.where(kinds == AT_LEAST, len(position), high)
        gaps = np.flatnonzero((dealt == part) & lost)
        found[:, part, 0] = np.where(kinds == IS_MISSING, len(gaps), end - start)
        found[:, part, 1] = np.where(kinds == IS_MISSING, gaps.sum(), sums[end] - sums[start])
    return found


def _multivariate_matches(
    tables: Tables, synthetic: Table, others: list[Table], dealt: list[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    names = tables.modelled
    width = min(COLUMNS, len(names))
    medians = {
        n: float(np.nanmedian(a)) if not np.isnan(a := synthetic.arrays[n]).all() else 0.0 for n in tables.numeric
    }
    matches: list[list[np.ndarray]] = [[np.zeros((0, int(part.max()) + 1, 2), np.int64)] for part in dealt]
    left = MAX_PREDICATES
    for _ in range(COLUMN_SETS):
        chosen = [names[i] for i in rng.permutation(len(names))[:width]]
        rows = rng.choice(synthetic.rows, min(ROWS_PER_SET, synthetic.rows), replace=False)
        alone = multivariate_predicates(synthetic, rows, chosen, medians, synthetic).sum(1) == 1
        rows = rows[alone][:left]
        left -= len(rows)
        for into, table, parts in zip(matches, others, dealt, strict=True):
            fits = multivariate_predicates(synthetic, rows, chosen, medians, table)
            inside = [np.flatnonzero(parts == part) for part in range(int(parts.max()) + 1)]
            into.append(
                np.stack([[fits[:, part].sum(1), fits[:, part] @ part] for part in inside], axis=1).transpose(2, 1, 0)
            )
        if left == 0:
            break
    return [np.concatenate(found) for found in matches]


def multivariate_predicates(
    synthetic: Table, rows: np.ndarray, names: list[str], medians: dict[str, float], table: Table
) -> np.ndarray:
    """``bool[len(rows), table.rows]``: which rows of ``table`` fit the predicate of each synthetic row.

    Args:
        names: the columns that the predicates speak of.
        medians: of the synthetic numeric columns.
    """
    fits = np.ones((len(rows), table.rows), dtype=bool)
    for name in names:
        value, column = synthetic.arrays[name][rows][:, None], table.arrays[name][None, :]
        if name not in medians:
            fits &= column == value  # a missing category has the code -1
        elif len(rows):
            lost = np.isnan(value)
            above = value > medians[name]
            near = np.where(above, column >= value, column <= value)
            fits &= np.where(lost, np.isnan(column), near)
    return fits
