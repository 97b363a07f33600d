"""Two models of one target, one trained on the real table and one on the synthetic, and what both say of real rows.

Esteban, Hyland and Rätsch 2017 (arXiv 1706.02633): train on synthetic, test on real (TSTR), beside train on
real. Utility scores these predictions, bias examines them group by group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tabular.errors import UsageError

from ..preparing.features import TreeModel, feature_matrix
from ..preparing.tables import Table, Tables, subsample

__all__ = [
    "MAX_CLASSES",
    "MAX_ROWS",
    "PROTOCOLS",
    "FittedModel",
    "ModelPair",
    "Task",
    "check_protocol",
    "fit_predict",
    "is_missing",
    "train_pair",
]

MAX_CLASSES = 20
#: Rows of each table that the models learn from and are tested on.
MAX_ROWS = 200_000
#: Rows that a refit learns from.
MAX_REFIT_ROWS = 50_000
#: Settings of XGBoost by name. "standard": with 300 trees, of the rates 0.3, 0.1 and 0.05 the last served the
#: real Adult best (AUC 0.928). "report": the library's defaults, as a class report used them: 100 trees of
#: depth 6 at the rate 0.3.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "standard": {"learning_rate": 0.05, "max_depth": 6},
    "report": {"rounds": 100},
}


def check_protocol(protocol: str) -> None:
    """Raises :class:`UsageError` if there is no ``protocol``."""
    if protocol not in PROTOCOLS:
        raise UsageError(f"There is no protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}.")


@dataclass(frozen=True)
class Task:
    """What is predicted.

    Attributes:
        classes: their names; empty for a regression.
        codes: the code, or number, of each class.
        positive: of two classes the rarer one, the one such a table is usually made for (a click).
    """

    target: str
    classes: tuple[str, ...]
    codes: np.ndarray
    positive: int | None = None

    @property
    def kind(self) -> str:
        """``"binary"``, ``"multiclass"`` or ``"regression"``."""
        return "regression" if not self.classes else "multiclass" if self.positive is None else "binary"

    @property
    def headline(self) -> str:
        """The score to look at first."""
        return "auc" if self.classes else "r2"

    def labels(self, table: Table) -> np.ndarray:
        """``float64[rows]``, NaN where a row has no label or one that the real table does not know."""
        array = table.arrays[self.target].astype(np.float64)
        if not self.classes:
            return array
        position = np.minimum(np.searchsorted(self.codes, array), len(self.codes) - 1)
        return np.where(self.codes[position] == array, position, np.nan)


@dataclass(frozen=True)
class FittedModel:
    """One model.

    Attributes:
        rows: that it learned from.
        prediction: of the test rows: ``float64[rows]`` (regression) or ``float64[rows, classes]``.
        gains: ``float64[features]``, total gain of the splits on each; zeros of a model that learned nothing.
    """

    trained_on: str
    rows: int
    prediction: np.ndarray = field(repr=False)
    gains: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class ModelPair:
    """Both models.

    Attributes:
        names: the features.
        test: the rows both were tested on, all with a known label.
        truth: ``float64[test rows]``, the label of each.
        tested_on: ``"holdout"`` or ``"split"``.
        refits: predictions of models trained on resamples of the real rows: how far two fits differ by chance.
    """

    task: Task
    protocol: str
    names: tuple[str, ...]
    test: Table
    truth: np.ndarray = field(repr=False)
    tested_on: str
    real: FittedModel
    synthetic: FittedModel
    refits: tuple[np.ndarray, ...] = field(default=(), repr=False)


def train_pair(
    tables: Tables,
    target: str,
    *,
    protocol: str = "standard",
    refits: int = 0,
    seed: int = 0,
    threads: int | None = None,
    real: FittedModel | None = None,
) -> tuple[ModelPair | None, list[str]]:
    """Train twice with the same settings; test on the holdout, or on a fifth of the real table.

    Args:
        real: the model of the real table, where an earlier call with the same real rows, holdout and settings made
            it already.
        refits: further models, each trained on at most :data:`MAX_REFIT_ROWS` real rows drawn with replacement.

    Returns:
        The models, ``None`` where the target or the features do not allow any, and notes.
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
    unknown = lost - int(is_missing(tables.synthetic, target).sum())
    if unknown > 0 and task.classes:
        notes.append(f"{unknown:,} synthetic rows have a {target!r} that the real table never has; utility skips them.")
    if not (train.rows and test.rows and synthetic.rows):
        return None, [f"Utility was not measured: a table has no value in {target!r}."]
    if max(tables.real.rows, tables.synthetic.rows) > MAX_ROWS:
        notes.append(f"Utility models learned from at most {MAX_ROWS:,} rows of each table.")
    if task.classes and len(np.unique(task.labels(synthetic))) < len(np.unique(task.labels(train))):
        notes.append(f"The synthetic table lacks a class of {target!r} that the real one has.")

    x_test, types = feature_matrix(test, names, tables)
    options = PROTOCOLS[protocol]
    both = []
    for label, table in (("real", train), ("synthetic", synthetic)):
        if label == "real" and real is not None:
            both.append(real)
            continue
        x, _ = feature_matrix(table, names, tables)
        prediction, gains = fit_predict(task, x, task.labels(table), x_test, types, options, seed, threads)
        both.append(FittedModel(label, table.rows, prediction, gains))
    again = []
    for _ in range(refits):
        drawn = train.take(rng.integers(train.rows, size=min(train.rows, MAX_REFIT_ROWS)))
        x, _ = feature_matrix(drawn, names, tables)
        again.append(fit_predict(task, x, task.labels(drawn), x_test, types, options, seed, threads)[0])
    return ModelPair(task, protocol, names, test, task.labels(test), tested_on, both[0], both[1], tuple(again)), notes


def _task(tables: Tables, target: str) -> Task | None:
    array = tables.real.arrays[target]
    present = np.unique(array[~is_missing(tables.real, target)])
    if len(present) < 2:
        return None
    if target in tables.tokens:
        names = tables.schema[target].categories
        task = Task(target, tuple(str(names[code]) for code in present), present)
    elif len(present) == 2:  # 0 and 1 that were read as numbers
        task = Task(target, tuple(f"{value:g}" for value in present), present)
    else:
        return Task(target, (), present[:0])
    if len(present) > 2:
        return task
    return Task(target, task.classes, present, positive=int(np.nanmean(task.labels(tables.real)) <= 0.5))


def is_missing(table: Table, name: str) -> np.ndarray:
    """``bool[rows]``: the cells of the column ``name`` that are missing."""
    array = table.arrays[name]
    return np.isnan(array) if array.dtype.kind == "f" else array < 0


def _labelled(table: Table, task: Task, rng: np.random.Generator) -> tuple[Table, int]:
    """The rows with a known label, at most :data:`MAX_ROWS`, and how many had none."""
    known = np.flatnonzero(~np.isnan(task.labels(table)))
    return subsample(table.take(known), MAX_ROWS, rng), table.rows - len(known)


def fit_predict(
    task: Task,
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    types: list[str],
    options: Mapping[str, Any],
    seed: int,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Learn ``y`` from ``x``; return what it says of ``x_test`` (see :class:`FittedModel`), and the gains.

    Args:
        options: of the trees, such as one of :data:`PROTOCOLS`.
    """
    given = dict(options)
    seen = np.unique(y)
    if task.classes and len(seen) == 1:  # nothing to learn: it can only repeat the one class
        probability = np.zeros((len(x_test), len(task.classes)))
        probability[:, int(seen[0])] = 1.0
        return probability, np.zeros(len(types))
    objective = {"regression": "reg:squarederror", "binary": "binary:logistic", "multiclass": "multi:softprob"}
    if task.kind == "multiclass":
        given["num_class"] = len(task.classes)
    model = TreeModel(objective[task.kind], types, seed=seed, threads=threads, **given).fit(x, y)
    prediction = model.predict(x_test)
    if task.kind == "binary":
        prediction = np.column_stack([1 - prediction, prediction])
    return prediction, model.gains()
