"""Every column as target: what do synthetic rows teach about each column, beside what real rows teach?

One target can be kept well by luck, or because the generator was tuned for it. Here each column in turn is predicted
from all others by small gradient-boosted trees, trained on synthetic rows and on as many real ones, and tested on the
same real rows. The noise floor is a second model of real rows, drawn with replacement. Columns with many categories are
folded to the most frequent ones and "any other"; numbers are regressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..facts.targets import AllTargets, TargetScore
from ..preparing.features import feature_matrix
from ..preparing.tables import Table, Tables, subsample
from .pair import Task, fit_predict
from .scores import classification_scores, regression_scores

__all__ = ["measure_all_targets"]

#: Rows that a model learns from, and is tested on.
MAX_ROWS = 5_000
#: Columns that are predicted; of more, so many are drawn.
MAX_COLUMNS = 30
#: Classes with a name of their own; the rest is one more.
MAX_CLASSES = 5
TREES: dict[str, Any] = {"rounds": 40, "max_depth": 4}


def measure_all_targets(
    tables: Tables, *, seed: int = 0, threads: int | None = None
) -> tuple[AllTargets | None, list[str]]:
    """Three small models a column; ``None`` of fewer than two columns, and notes on what was drawn."""
    names, notes = tables.modelled, []
    rng = np.random.default_rng([seed, 7])
    if len(names) < 2:
        return None, []
    if len(names) > MAX_COLUMNS:
        names = tuple(names[position] for position in np.sort(rng.choice(len(names), MAX_COLUMNS, replace=False)))
        notes.append(f"As targets {MAX_COLUMNS} columns were drawn of {len(tables.modelled):,}.")
    real, test = tables.real, tables.holdout
    if test is None:
        order, cut = rng.permutation(real.rows), max(1, real.rows // 5)
        real, test = tables.real.take(np.sort(order[cut:])), tables.real.take(np.sort(order[:cut]))
    rows = min(MAX_ROWS, real.rows, tables.synthetic.rows)
    train = [subsample(real, rows, rng), subsample(tables.synthetic, rows, rng)]
    test = subsample(test, MAX_ROWS, rng)
    again = train[0].take(rng.integers(rows, size=rows))
    found = [score for name in names if (score := _score(tables, name, [*train, again], test, seed, threads))]
    known = [(each.kept, each.kept_floor or 0.0) for each in found if each.kept is not None]
    kept, floor = (100 * np.mean(known, axis=0)).tolist() if known else (None, None)
    worst = sorted(found, key=lambda each: (each.kept is None, (each.kept or 0.0) - (each.kept_floor or 0.0)))
    return AllTargets(kept, floor, len(known), rows, test.rows, tuple(worst)), notes


@dataclass(frozen=True)
class _Target:
    """A column as classes ``0, 1, ...``, the most frequent first, or as a number where it has no ``codes``."""

    task: Task
    numeric: bool

    @classmethod
    def of(cls, tables: Tables, name: str, real: Table) -> _Target | None:
        array = real.arrays[name]
        present = array[~np.isnan(array)] if name in tables.numeric else array[array >= 0]
        values, counts = np.unique(present, return_counts=True)
        if len(values) < 2:
            return None
        if name in tables.numeric and len(values) > 2:
            return cls(Task(name, (), values[:0]), True)
        codes = values[np.argsort(-counts, kind="stable")][:MAX_CLASSES]
        classes = tuple(str(code) for code in codes) + (("any other",) if len(values) > MAX_CLASSES else ())
        return cls(Task(name, classes, codes, positive=1 if len(classes) == 2 else None), name in tables.numeric)

    def labels(self, table: Table) -> np.ndarray:
        """``float64[rows]``, NaN where there is none."""
        array = table.arrays[self.task.target].astype(np.float64)
        if not self.task.classes:
            return array
        missing = np.isnan(array) if self.numeric else array < 0
        order = np.argsort(self.task.codes)
        position = np.minimum(np.searchsorted(self.task.codes, array, sorter=order), len(order) - 1)
        label = order[position].astype(np.float64)
        other = float(len(order)) if len(self.task.classes) > len(order) else np.nan
        return np.where(missing, np.nan, np.where(self.task.codes[order[position]] == array, label, other))


def _score(
    tables: Tables, name: str, train: list[Table], test: Table, seed: int, threads: int | None
) -> TargetScore | None:
    target = _Target.of(tables, name, train[0])
    if target is None:
        return None
    features = tuple(other for other in tables.modelled if other != name)
    x_test, types = feature_matrix(test, features, tables)
    truth = target.labels(test)
    x_test, truth = x_test[~np.isnan(truth)], truth[~np.isnan(truth)]
    scores = []
    for table in train:
        x, _ = feature_matrix(table, features, tables)
        y = target.labels(table)
        known = ~np.isnan(y)
        if not known.any() or not len(truth):
            return None
        guess, _ = fit_predict(target.task, x[known], y[known], x_test, types, TREES, seed, threads)
        if target.task.classes:
            scores.append(classification_scores(truth.astype(np.int64), guess, target.task.positive)["auc"])
        else:
            scores.append(regression_scores(truth, guess)["r2"])
    if any(score is None for score in scores):
        return None
    return TargetScore(name, target.task.headline, *(float(score) for score in scores if score is not None))
