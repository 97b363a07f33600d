"""Is the synthetic table worth training on? Scores of the two models of :mod:`eval.models.pair` on the same real rows.

The model is XGBoost; a class is called at a probability of 0.5, and ``mae`` of a classifier is 1 - accuracy.
Where 1 or 2 % of the rows are positive no row may reach 0.5: read PR-AUC and normalised entropy there. The
intervals are those of :mod:`eval.models.bootstrap`.
"""

from __future__ import annotations

import numpy as np

from tabular.errors import UsageError
from tabular.schema import Schema

from ..facts.figures import Curves
from ..facts.plain_data import finite
from ..facts.report import FeatureUse, ModelScores, Utility
from ..preparing.tables import Tables
from .bootstrap import Statistics, classification_statistics, paired_intervals, regression_statistics
from .curves import classifier_curves
from .pair import MAX_CLASSES, FittedModel, ModelPair, train_pair
from .scores import classification_scores, regression_scores

__all__ = ["TARGET_NAMES", "check_target", "guess_target", "measure_utility", "model_scores", "score_pair"]

#: Names that say "predict me", the best first.
TARGET_NAMES = (
    "target",
    "label",
    "clicked",
    "click",
    "converted",
    "conversion",
    "income",
    "class",
    "y",
    "churn",
    "churned",
)


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
    check_modelled(target, schema, to="predict", lacks="cannot be predicted")


def check_modelled(name: str, schema: Schema, *, to: str, lacks: str) -> None:
    """Raises :class:`UsageError` if ``name`` is no column, or one of texts or identifiers, which ``lacks`` says."""
    if name not in schema:
        raise UsageError(f"There is no column {name!r} to {to}; choose from {', '.join(schema.names)}.")
    if schema[name].kind in ("text", "identifier"):
        raise UsageError(
            f"Column {name!r} is of the kind {schema[name].kind!r}, which {lacks}; {to} a column of numbers or "
            "categories."
        )


def measure_utility(
    tables: Tables, target: str, *, protocol: str = "standard", seed: int = 0, threads: int | None = None
) -> tuple[Utility | None, list[str]]:
    """Train both models and score them; ``None`` where the target or the features do not allow it, and notes."""
    pair, notes = train_pair(tables, target, protocol=protocol, seed=seed, threads=threads)
    return (None if pair is None else score_pair(pair, seed=seed)), notes


def score_pair(pair: ModelPair, *, seed: int = 0) -> Utility:
    """Score both models on the test rows, with bootstrap intervals of each score and of their difference."""
    task = pair.task
    both = (pair.real, pair.synthetic)
    scores = tuple(model_scores(pair, model) for model in both)
    first, second = (_statistics(pair, model) for model in both)
    rng = np.random.default_rng(seed)
    real, synthetic, differences = paired_intervals(first, second, (scores[0], scores[1]), pair.test.rows, rng)
    return Utility(
        target=task.target,
        task=task.kind,
        classes=task.classes,
        positive=None if task.positive is None else task.classes[task.positive],
        headline=task.headline,
        tested_on=pair.tested_on,
        test_rows=pair.test.rows,
        real=ModelScores("real", pair.real.rows, scores[0], intervals=real, curves=_curves(pair, pair.real)),
        synthetic=ModelScores(
            "synthetic", pair.synthetic.rows, scores[1], intervals=synthetic, curves=_curves(pair, pair.synthetic)
        ),
        protocol=pair.protocol,
        differences=differences,
        importance_agreement=_agreement(pair.real.gains, pair.synthetic.gains),
        features=_features(pair),
    )


def model_scores(pair: ModelPair, model: FittedModel) -> dict[str, float | None]:
    """The scores of one model by name; the task's ``headline`` is the one to look at first."""
    if not pair.task.classes:
        return regression_scores(pair.truth, model.prediction)
    return classification_scores(pair.truth.astype(np.int64), model.prediction, pair.task.positive)


def _curves(pair: ModelPair, model: FittedModel) -> Curves | None:
    if not pair.task.classes:
        return None
    return classifier_curves(pair.truth.astype(np.int64), model.prediction, pair.task.positive)


def _statistics(pair: ModelPair, model: FittedModel) -> Statistics:
    if not pair.task.classes:
        return regression_statistics(pair.truth, model.prediction)
    return classification_statistics(pair.truth.astype(np.int64), model.prediction, pair.task.positive)


def _agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of the features' gains; ``None`` of fewer than 3 features or a model of none."""
    from scipy.stats import rankdata

    if len(first) < 3:
        return None
    ranks = np.stack([rankdata(first), rankdata(second)])
    return finite(np.corrcoef(ranks)[0, 1]) if (ranks.std(1) > 0).all() else None


def _features(pair: ModelPair) -> tuple[FeatureUse, ...]:
    """What both models rest on, what the real one rests on most first."""
    fractions = [100 * model.gains / max(model.gains.sum(), 1e-300) for model in (pair.real, pair.synthetic)]
    order = np.argsort(-fractions[0], kind="stable")
    return tuple(FeatureUse(pair.names[i], float(fractions[0][i]), float(fractions[1][i])) for i in order)
