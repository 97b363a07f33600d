"""Can a classifier tell the synthetic rows from the real ones? (a classifier two-sample test)

Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017. The judge is a gradient-boosted
tree model: it sees joint distributions, so it is the hardest test of this report. The logistic regression
beside it sees single columns alone and is fooled by a table whose columns are independent; it stands here
because many papers print it (``LogisticDetection`` of SDMetrics). So does the score of
:func:`sdmetrics_detection`, whose trees are fewer and whose folds part a synthetic row from its real twin.
"""

from __future__ import annotations

import numpy as np

from ..facts.report import Detection, FeatureGain, finite
from ..preparing.features import TreeModel, feature_matrix
from ..preparing.fingerprints import row_fingerprints
from ..preparing.tables import Table, Tables, subsample

__all__ = [
    "FOLDS",
    "MAX_ROWS",
    "MAX_ROWS_LOGISTIC",
    "detect",
    "detection_score",
    "sdmetrics_detection",
    "twin_folds",
]

FOLDS = 5
#: Rows of each table that the tree model sees.
MAX_ROWS = 50_000
#: Rows of each table that the logistic regression sees.
MAX_ROWS_LOGISTIC = 20_000
#: A category beyond this many most frequent ones has no indicator of its own in the logistic regression.
MAX_INDICATORS = 50
#: Folds and trees of SDMetrics' protocol, where XGBoost is as it comes.
SDMETRICS_FOLDS, SDMETRICS_TREES = 3, 100
#: How many columns are named as giving the synthetic table away.
MAX_FEATURES = 10


def detection_score(auc: float) -> float:
    """1 - abs(2 AUC - 1): 1 if the classifier cannot tell, 0 if it always tells."""
    return 1 - abs(2 * auc - 1)


def detect(tables: Tables, *, seed: int = 0, threads: int | None = None) -> tuple[Detection | None, list[str]]:
    """Train and test the detectors over :data:`FOLDS` folds of equally many real and synthetic rows.

    Returns:
        The result, ``None`` if no column can be read, and notes on what was sampled.
    """
    names = tables.modelled
    if not names:
        return None, ["Detection was not measured: no column can be read by a classifier."]
    rng = np.random.default_rng(seed)
    rows = min(tables.real.rows, tables.synthetic.rows, MAX_ROWS)
    real, synthetic = subsample(tables.real, rows, rng), subsample(tables.synthetic, rows, rng)
    notes = []
    if rows == MAX_ROWS and max(tables.real.rows, tables.synthetic.rows) > rows:
        notes.append(f"Detection saw {rows:,} rows drawn from each table.")

    x, types = _stack(real, synthetic, tables)
    y = np.repeat([0.0, 1.0], rows)
    folds = twin_folds(_stack_fingerprints(real, synthetic, names), y, FOLDS, rng)
    aucs, gains = _tree_aucs(x, y, folds, types, seed=seed, threads=threads)
    auc = float(np.mean(aucs)) if aucs else None

    rows_logistic = min(rows, MAX_ROWS_LOGISTIC)
    keep = np.concatenate([part + np.arange(rows)[rng.permutation(rows)[:rows_logistic]] for part in (0, rows)])
    logistic = _logistic_auc(x[keep], y[keep], folds[keep], types)
    if rows_logistic < rows:
        notes.append(f"The logistic detector saw {rows_logistic:,} rows of each table.")
    floor, floor_rows = _floor(tables, seed=seed, threads=threads)
    sdmetrics, seen = sdmetrics_detection(tables, tables.synthetic, seed=seed, threads=threads)
    sdmetrics_floor = None
    if tables.holdout is not None:
        sdmetrics_floor, _ = sdmetrics_detection(tables, tables.holdout, seed=seed, threads=threads)
    top = np.argsort(-gains, kind="stable")[:MAX_FEATURES]
    return Detection(
        score=None if auc is None else detection_score(auc),
        auc=auc,
        auc_spread=finite(np.std(aucs)) if aucs else None,
        logistic_score=None if logistic is None else detection_score(logistic),
        logistic_auc=logistic,
        rows_each=rows,
        folds=FOLDS,
        top_features=tuple(FeatureGain(names[i], float(100 * gains[i] / gains.sum())) for i in top if gains[i] > 0),
        floor_score=None if floor is None else detection_score(floor),
        floor_auc=floor,
        floor_rows_each=floor_rows,
        sdmetrics_score=sdmetrics,
        sdmetrics_floor=sdmetrics_floor,
        sdmetrics_rows=seen,
    ), notes


def sdmetrics_detection(
    tables: Tables, other: Table, *, seed: int = 0, threads: int | None = None
) -> tuple[float | None, int]:
    """How hard rows of ``other`` are to tell from real ones, by the detection class of SDMetrics with XGBoost.

    As in arXiv 2603.23016 (tabpc): XGBoost with its defaults, three stratified folds of all rows, missing numbers at
    the mean of the real column, a score of 1 less the mean of max(0, 2 AUC - 1). The indicator columns of a category
    are not written out: splits of one category against the rest (``max_cat_to_onehot``) are those that they allow.

    Returns:
        1 where it cannot tell, 0 where it always tells, ``None`` where no fold has rows of both; and the rows that it
        saw, at most :data:`MAX_ROWS` of each table.
    """
    from sklearn.model_selection import StratifiedKFold

    rng = np.random.default_rng([seed, 0])
    both = subsample(tables.real, MAX_ROWS, rng), subsample(other, MAX_ROWS, rng)
    x, types = _stack(both[0], both[1], tables)
    for i, kind in enumerate(types):
        missing = np.isnan(x[:, i])
        if missing.any():
            known = x[: both[0].rows, i][~missing[: both[0].rows]]
            filler = (
                tables.cardinality[tables.modelled[i]] if kind == "c" else float(known.mean()) if len(known) else 0.0
            )
            x[missing, i] = filler
    y = np.repeat([1.0, 0.0], [table.rows for table in both])
    if min(table.rows for table in both) < SDMETRICS_FOLDS:
        return None, len(y)
    found = []
    for train, test in StratifiedKFold(SDMETRICS_FOLDS, shuffle=True, random_state=seed).split(x, y):
        model = TreeModel(
            "binary:logistic", types, seed=seed, threads=threads, rounds=SDMETRICS_TREES, max_cat_to_onehot=2**30
        ).fit(x[train], y[train])
        found.append(_auc(y[test], model.predict(x[test])) or 0.5)
    return float(1 - np.mean([max(0.0, 2 * auc - 1) for auc in found])), len(y)


def _floor(tables: Tables, *, seed: int, threads: int | None) -> tuple[float | None, int | None]:
    """The AUC that parts holdout rows from as many real ones, and how many there are: what is left to chance."""
    if tables.holdout is None:
        return None, None
    rng = np.random.default_rng(seed)
    rows = min(tables.real.rows, tables.holdout.rows, MAX_ROWS)
    real, holdout = subsample(tables.real, rows, rng), subsample(tables.holdout, rows, rng)
    x, types = _stack(real, holdout, tables)
    y = np.repeat([0.0, 1.0], rows)
    folds = twin_folds(_stack_fingerprints(real, holdout, tables.modelled), y, FOLDS, rng)
    aucs, _ = _tree_aucs(x, y, folds, types, seed=seed, threads=threads)
    return (float(np.mean(aucs)) if aucs else None), rows


def _tree_aucs(
    x: np.ndarray, y: np.ndarray, folds: np.ndarray, types: list[str], *, seed: int, threads: int | None
) -> tuple[list[float], np.ndarray]:
    """The tree model's AUC on each fold that can be scored, and the sum of its gains: ``float64[columns]``."""
    aucs, gains = [], np.zeros(x.shape[1])
    for fold in range(FOLDS):
        test = folds == fold
        model = TreeModel("binary:logistic", types, seed=seed, threads=threads).fit(x[~test], y[~test])
        auc = _auc(y[test], model.predict(x[test]))
        if auc is not None:
            aucs.append(auc)
            gains += model.gains()
    return aucs, gains


def twin_folds(fingerprints: np.ndarray, y: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Deal rows to folds so that a synthetic row and its real twin never stand on both sides of a split.

    With random folds the model has learned "this exact row is real" when it meets the synthetic copy, and
    is wrong: on two identical tables the AUC falls far below 0.5. So the k-th occurrence of a row in the
    real table goes with its k-th occurrence in the synthetic one. (Keeping ALL equal rows together would
    blind the test on tables with few distinct rows.)

    Args:
        fingerprints: ``uint64[rows]``, equal for equal rows.
        y: ``float64[rows]``, 0 for real, 1 for synthetic.

    Returns:
        ``int64[rows]``, the fold of each row; classes are equally frequent in each, but for rounding.
    """
    _, row = np.unique(fingerprints, return_inverse=True)
    row = row.reshape(-1)
    order = np.lexsort((y, row))
    start = np.ones(len(order), dtype=bool)
    start[1:] = (np.diff(row[order]) != 0) | (np.diff(y[order]) != 0)
    run = np.maximum.accumulate(np.where(start, np.arange(len(order)), 0))
    occurrence = np.empty(len(order), dtype=np.int64)
    occurrence[order] = np.arange(len(order)) - run  # how many equal rows of the same table came before

    key = row * (occurrence.max() + 1) + occurrence
    _, group, size = np.unique(key, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    synthetic = np.zeros(len(size), dtype=np.int64)
    np.maximum.at(synthetic, group, y.astype(np.int64))
    kind = np.where(size == 2, 2, synthetic)  # real alone, synthetic alone, twins
    fold = np.empty(len(size), dtype=np.int64)
    for each in range(3):
        members = np.flatnonzero(kind == each)
        fold[rng.permutation(members)] = np.arange(len(members)) % folds  # so each fold stays balanced
    return fold[group]


def _stack(real: Table, synthetic: Table, tables: Tables) -> tuple[np.ndarray, list[str]]:
    a, types = feature_matrix(real, tables.modelled, tables)
    b, _ = feature_matrix(synthetic, tables.modelled, tables)
    return np.concatenate([a, b]), types


def _stack_fingerprints(real: Table, synthetic: Table, names: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([row_fingerprints(real, names), row_fingerprints(synthetic, names)])


def _auc(y: np.ndarray, score: np.ndarray) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, score)) if 0 < y.sum() < len(y) else None


def _logistic_auc(x: np.ndarray, y: np.ndarray, folds: np.ndarray, types: list[str]) -> float | None:
    """Mean AUC over the folds of a logistic regression on standardised numbers and category indicators.

    ``LogisticDetection`` of SDMetrics scales by the interquartile range instead, which leaves a column such
    as capital-gain unscaled (its range is 0) and the fit unfinished after 100 steps.
    """
    from sklearn.linear_model import LogisticRegression

    design = _design(x, types)
    aucs = []
    for fold in range(FOLDS):
        test = folds == fold
        if not 0 < y[~test].sum() < (~test).sum():
            continue
        model = LogisticRegression(max_iter=200, tol=1e-3).fit(design[~test], y[~test])
        auc = _auc(y[test], model.predict_proba(design[test])[:, 1])
        if auc is not None:
            aucs.append(auc)
    return float(np.mean(aucs)) if aucs else None


def _design(x: np.ndarray, types: list[str]) -> np.ndarray:
    """``float64[rows, features]``: numbers standardised with missing at the mean, indicators of categories."""
    parts = [np.zeros((len(x), 1))]  # a table of empty columns would have no feature at all
    for i, kind in enumerate(types):
        column = x[:, i].astype(np.float64)
        missing = np.isnan(column)
        if missing.any() and not missing.all():
            parts.append(missing[:, None].astype(np.float64))
        if kind == "c":
            values, counts = np.unique(column[~missing], return_counts=True)
            common = values[np.argsort(-counts, kind="stable")[:MAX_INDICATORS]]
            parts.append((column[:, None] == common).astype(np.float64))
        elif not missing.all():
            centred = np.where(missing, 0.0, column - np.mean(column[~missing]))
            spread = centred.std()
            parts.append((centred / (spread if spread > 0 else 1.0))[:, None])
    return np.concatenate(parts, axis=1)
