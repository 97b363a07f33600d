"""Is the synthetic table worth training on? Train on synthetic, test on real (TSTR), beside train on real.

Esteban, Hyland and Rätsch 2017 (arXiv 1706.02633). The model is XGBoost; the same settings learn from the
real and from the synthetic table, and both are tested on the same real rows. ``mae`` of a classifier is
1 - accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabular.errors import UsageError
from tabular.schema import Schema

from .curves import classifier_curves
from .features import TreeModel, feature_matrix
from .figures import Curves
from .report import ModelScores, Utility
from .scores import classification_scores, regression_scores
from .tables import Table, Tables, subsample

__all__ = ["MAX_CLASSES", "TARGET_NAMES", "check_target", "guess_target", "measure_utility"]

MAX_CLASSES = 20
#: Rows of each table that the models learn from and are tested on.
MAX_ROWS = 200_000
#: Names that say "predict me", the best first.
TARGET_NAMES = (
    "target", "label", "clicked", "click", "converted", "conversion", "income", "class", "y", "churn", "churned",
)  # fmt: skip
#: With 300 trees: of the rates 0.3, 0.1 and 0.05 the last served the real Adult best (AUC 0.928).
_OPTIONS = {"learning_rate": 0.05, "max_depth": 6}


def guess_target(schema: Schema) -> str | None:
    """The column that a reader would predict: a telling name with few classes, else a last column with two."""
    by_name = {column.name.lower(): column for column in schema}
    for name in TARGET_NAMES:
        column = by_name.get(name)
        if column is not None and column.has_categories and 2 <= len(column.categories) <= MAX_CLASSES:
            return column.name
    last = schema.columns[-1] if len(schema) else None
    return last.name if last is not None and last.has_categories and len(last.categories) == 2 else None


def check_target(target: str, schema: Schema) -> None:
    """Raises :class:`UsageError` if ``target`` is no column, or no column that can be predicted."""
    if target not in schema:
        raise UsageError(f"There is no column {target!r} to predict; choose one of {', '.join(schema.names)}.")
    if schema[target].kind in ("text", "identifier"):
        raise UsageError(
            f"Column {target!r} is of the kind {schema[target].kind!r}, which cannot be predicted; "
            "choose a column of numbers or categories."
        )


@dataclass(frozen=True)
class _Task:
    """What is predicted: ``labels`` gives ``float64[rows]``, NaN where a row has none or one unknown to real."""

    target: str
    classes: tuple[str, ...]  # empty for a regression
    codes: np.ndarray  # the code, or number, of each class

    def labels(self, table: Table) -> np.ndarray:
        array = table.arrays[self.target].astype(np.float64)
        if not self.classes:
            return array
        place = np.minimum(np.searchsorted(self.codes, array), len(self.codes) - 1)
        return np.where(self.codes[place] == array, place, np.nan)


def measure_utility(
    tables: Tables, target: str, *, seed: int = 0, threads: int | None = None
) -> tuple[Utility | None, list[str]]:
    """Train twice and test on the holdout, or on a fifth of the real table.

    Returns:
        The result, ``None`` where the target or the features do not allow one, and notes.
    """
    notes = []
    rng = np.random.default_rng(seed)
    names = tuple(name for name in tables.modelled if name != target)
    if not names:
        return None, [f"Utility was not measured: no column beside {target!r} to predict it from."]
    train, test, tested_on = tables.real, tables.holdout, "holdout"
    if test is None:
        order, cut, tested_on = rng.permutation(train.rows), train.rows // 5, "split"
        train, test = tables.real.take(np.sort(order[cut:])), tables.real.take(np.sort(order[:cut]))
        notes.append(
            "Utility was tested on a fifth of the real table, which the generator may have learned from: "
            "give a holdout for an honest figure."
        )
    task = _task(tables, target)
    if task is None:
        return None, [f"Utility was not measured: the real column {target!r} has a single value."]
    if len(task.classes) > MAX_CLASSES:
        return None, [f"Utility was not measured: {target!r} has {len(task.classes)} classes, over {MAX_CLASSES}."]

    synthetic, lost = _labelled(tables.synthetic, task, rng)
    train, _ = _labelled(train, task, rng)
    test, _ = _labelled(test, task, rng)
    unknown = lost - int(_missing(tables.synthetic, target).sum())
    if unknown > 0 and task.classes:
        notes.append(f"{unknown:,} synthetic rows have a {target!r} that the real table never has; utility skips them.")
    if not (train.rows and test.rows and synthetic.rows):
        return None, [f"Utility was not measured: a table has no value in {target!r}."]
    if max(tables.real.rows, tables.synthetic.rows) > MAX_ROWS:
        notes.append(f"Utility models learned from at most {MAX_ROWS:,} rows of each table.")
    if task.classes and len(np.unique(task.labels(synthetic))) < len(np.unique(task.labels(train))):
        notes.append(f"The synthetic table lacks a class of {target!r} that the real one has.")

    positive = _rarer(task.labels(tables.real)) if len(task.classes) == 2 else None
    scores = [_scores(model, test, task, names, tables, positive, seed, threads) for model in (train, synthetic)]
    return Utility(
        target=target,
        task="regression" if not task.classes else "binary" if positive is not None else "multiclass",
        classes=task.classes,
        positive=None if positive is None else task.classes[positive],
        headline="auc" if task.classes else "r2",
        tested_on=tested_on,
        test_rows=test.rows,
        real=ModelScores("real", train.rows, *scores[0]),
        synthetic=ModelScores("synthetic", synthetic.rows, *scores[1]),
    ), notes


def _task(tables: Tables, target: str) -> _Task | None:
    array = tables.real.arrays[target]
    present = np.unique(array[~_missing(tables.real, target)])
    if len(present) < 2:
        return None
    if target in tables.tokens:
        names = tables.schema[target].categories
        return _Task(target, tuple(str(names[code]) for code in present), present)
    if len(present) == 2:  # 0 and 1 that were read as numbers
        return _Task(target, tuple(f"{value:g}" for value in present), present)
    return _Task(target, (), present[:0])


def _missing(table: Table, name: str) -> np.ndarray:
    array = table.arrays[name]
    return np.isnan(array) if array.dtype.kind == "f" else array < 0


def _labelled(table: Table, task: _Task, rng: np.random.Generator) -> tuple[Table, int]:
    """The rows with a known label, at most :data:`MAX_ROWS`, and how many had none."""
    known = np.flatnonzero(~np.isnan(task.labels(table)))
    return subsample(table.take(known), MAX_ROWS, rng), table.rows - len(known)


def _rarer(labels: np.ndarray) -> int:
    """The rarer of classes 0 and 1, the one such a table is usually made for (a click); 1 if equal."""
    return int(np.nanmean(labels) <= 0.5)


def _scores(
    table: Table,
    test: Table,
    task: _Task,
    names: tuple[str, ...],
    tables: Tables,
    positive: int | None,
    seed: int,
    threads: int | None,
) -> tuple[dict[str, float | None], Curves | None]:
    """Train on ``table`` and score on ``test``."""
    x, types = feature_matrix(table, names, tables)
    x_test, _ = feature_matrix(test, names, tables)
    y, y_test = task.labels(table), task.labels(test)
    if not task.classes:
        model = TreeModel("reg:squarederror", types, seed=seed, threads=threads, **_OPTIONS).fit(x, y)
        return regression_scores(y_test, model.predict(x_test)), None
    seen = np.unique(y)
    if len(seen) == 1:  # nothing to learn: it can only repeat the one class
        probability = np.zeros((test.rows, len(task.classes)))
        probability[:, int(seen[0])] = 1.0
    elif positive is not None:
        model = TreeModel("binary:logistic", types, seed=seed, threads=threads, **_OPTIONS).fit(x, y)
        second = model.predict(x_test)
        probability = np.column_stack([1 - second, second])
    else:
        options = {**_OPTIONS, "num_class": len(task.classes)}
        model = TreeModel("multi:softprob", types, seed=seed, threads=threads, **options).fit(x, y)
        probability = model.predict(x_test)
    truth = y_test.astype(np.int64)
    return classification_scores(truth, probability, positive), classifier_curves(truth, probability, positive)
