"""Is the synthetic table worth training on? Scores of the two models of :mod:`eval.models.arms` on the same real rows.

The model is XGBoost; a class is called at a chance of 0.5, and ``mae`` of a classifier is 1 - accuracy.
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
from .arms import MAX_CLASSES, Arm, Arms, train_arms
from .bootstrap import Statistics, classification_statistics, paired_intervals, regression_statistics
from .curves import classifier_curves
from .scores import classification_scores, regression_scores

__all__ = ["TARGET_NAMES", "arm_scores", "check_target", "guess_target", "measure_utility", "score_arms"]

#: Names that say "predict me", the best first.
TARGET_NAMES = (
    "target", "label", "clicked", "click", "converted", "conversion", "income", "class", "y", "churn", "churned",
)  # fmt: skip


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


def measure_utility(
    tables: Tables, target: str, *, protocol: str = "standard", seed: int = 0, threads: int | None = None
) -> tuple[Utility | None, list[str]]:
    """Train both models and score them; ``None`` where the target or the features do not allow it, and notes."""
    arms, notes = train_arms(tables, target, protocol=protocol, seed=seed, threads=threads)
    return (None if arms is None else score_arms(arms, seed=seed)), notes


def score_arms(arms: Arms, *, seed: int = 0) -> Utility:
    """Score both models on the test rows, with bootstrap intervals of each score and of their difference."""
    task = arms.task
    both = (arms.real, arms.synthetic)
    scores = tuple(arm_scores(arms, arm) for arm in both)
    first, second = (_statistics(arms, arm) for arm in both)
    rng = np.random.default_rng(seed)
    real, synthetic, differences = paired_intervals(first, second, (scores[0], scores[1]), arms.test.rows, rng)
    return Utility(
        target=task.target,
        task=task.kind,
        classes=task.classes,
        positive=None if task.positive is None else task.classes[task.positive],
        headline=task.headline,
        tested_on=arms.tested_on,
        test_rows=arms.test.rows,
        real=ModelScores("real", arms.real.rows, scores[0], intervals=real, curves=_curves(arms, arms.real)),
        synthetic=ModelScores(
            "synthetic", arms.synthetic.rows, scores[1], intervals=synthetic, curves=_curves(arms, arms.synthetic)
        ),
        protocol=arms.protocol,
        differences=differences,
        importance_agreement=_agreement(arms.real.gains, arms.synthetic.gains),
        features=_features(arms),
    )


def arm_scores(arms: Arms, arm: Arm) -> dict[str, float | None]:
    """The scores of one model by name; the task's ``headline`` is the one to look at first."""
    if not arms.task.classes:
        return regression_scores(arms.truth, arm.prediction)
    return classification_scores(arms.truth.astype(np.int64), arm.prediction, arms.task.positive)


def _curves(arms: Arms, arm: Arm) -> Curves | None:
    if not arms.task.classes:
        return None
    return classifier_curves(arms.truth.astype(np.int64), arm.prediction, arms.task.positive)


def _statistics(arms: Arms, arm: Arm) -> Statistics:
    if not arms.task.classes:
        return regression_statistics(arms.truth, arm.prediction)
    return classification_statistics(arms.truth.astype(np.int64), arm.prediction, arms.task.positive)


def _agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of the features' gains; ``None`` of fewer than 3 features or a model of none."""
    from scipy.stats import rankdata

    if len(first) < 3:
        return None
    ranks = np.stack([rankdata(first), rankdata(second)])
    return finite(np.corrcoef(ranks)[0, 1]) if (ranks.std(1) > 0).all() else None


def _features(arms: Arms) -> tuple[FeatureUse, ...]:
    """What both models rest on, what the real one rests on most first."""
    shares = [100 * arm.gains / max(arm.gains.sum(), 1e-300) for arm in (arms.real, arms.synthetic)]
    order = np.argsort(-shares[0], kind="stable")
    return tuple(FeatureUse(arms.names[i], float(shares[0][i]), float(shares[1][i])) for i in order)
