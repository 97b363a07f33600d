"""What a trial's rows are worth: facts of the evaluation, and the scores that are made of them.

**Fidelity** is the mean of 1 - shape error, 1 - trend error and the detection score, each against the validation
rows, so that rows learned by heart gain nothing. **Utility** is the headline score (AUC or R2) of a model that
learned from the synthetic rows over that of one that learned from the real rows, both tested on the validation rows
and counted from what knows nothing reaches (0.5 or 0); 1 at most. **Privacy** is 1 where synthetic rows lie no nearer
to learned than to validation rows, 0 where all do; copies beyond those that validation rows hold are taken off it.

One number is sought: the weighted mean of fidelity and utility (no search can prune by several). Privacy is no part
of it, because a generator that learned nothing is the most private one. It is a guard instead: what the evaluation's
own verdict would call leaning on real rows is not taken, however good it is, where that is more than chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from eval.attacks.privacy import count_copies, measure_distance
from eval.facts.report import DistanceToClosest
from eval.judging.verdicts import FAIR_COPIES_PERCENT, FAIR_SHARE
from eval.metrics.detection import detect
from eval.metrics.fidelity import column_fidelity
from eval.metrics.trends import pair_trends
from eval.models.pair import FittedModel, train_pair
from eval.models.utility import model_scores
from eval.preparing.tables import load_tables
from tabular.schema import Schema

__all__ = ["Facts", "Judge", "Scores", "score_of"]

#: What a model that knows nothing reaches.
BLIND = {"auc": 0.5, "r2": 0.0}


@dataclass(frozen=True)
class Facts:
    """What the evaluation measured of one sample; ``None`` is what could not be.

    Attributes:
        detection: 1 where the rows cannot be distinguished from the validation rows.
        headline: the name of the utility score, ``auc`` or ``r2``.
        synthetic, real: that score of the models that learned from synthetic and from real rows.
        copies_percent, validation_copies_percent: synthetic rows, and validation rows, that were learned.
        nearer, nearer_low: fraction of the rows that lie nearer to learned than to validation rows, and its lower
            bound.
    """

    shape_error_percent: float | None
    trend_error_percent: float | None
    detection: float | None
    headline: str | None
    synthetic: float | None
    real: float | None
    copies_percent: float
    validation_copies_percent: float | None
    nearer: float | None
    nearer_low: float | None


@dataclass(frozen=True)
class Scores:
    """What the facts come to.

    Attributes:
        score: what the search maximises, 0 to 1.
        fidelity, utility, privacy: 0 to 1, more is better; ``None`` where there is no target, or no distance.
        leak: the guard; the rows are taken where it is not above 0.
    """

    score: float
    fidelity: float
    utility: float | None
    privacy: float | None
    leak: float

    @property
    def guarded(self) -> bool:
        """Whether the guard lets the rows pass."""
        return self.leak <= 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


class Judge:
    """Measures samples of one table, always against the same rows.

    Args:
        train: the rows that generators learn.
        validation: real rows that they do not.
        target: the column to predict, if any.
        utility_weight: of utility in the score, 0 to 1.
    """

    def __init__(
        self,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        schema: Schema,
        *,
        target: str | None,
        utility_weight: float,
        seed: int,
    ) -> None:
        self.train, self.validation, self.schema = train, validation, schema
        self.target, self.utility_weight, self.seed = target, utility_weight, seed
        self._real: FittedModel | None = None

    def measure(self, made: pd.DataFrame) -> Facts:
        """The facts of a sample."""
        # Fidelity is asked of the validation rows: here they are the real ones.
        fresh = load_tables(self.validation, made, None, self.schema)
        learned = load_tables(self.train, made, self.validation, self.schema)
        detection, _ = detect(fresh, seed=self.seed)
        headline, synthetic, real = self._utility(learned)
        copies = count_copies(learned)
        distance, _, _ = measure_distance(learned, self.seed)
        return Facts(
            column_fidelity(fresh).shape_error_percent,
            pair_trends(fresh)[0].error_percent,
            None if detection is None else detection.score,
            headline,
            synthetic,
            real,
            copies.synthetic_percent,
            copies.holdout_percent,
            None if distance is None else distance.share_closer_to_real,
            _surely_nearer(distance),
        )

    def _utility(self, tables: Any) -> tuple[str | None, float | None, float | None]:
        if self.target is None:
            return None, None, None
        pair, _ = train_pair(tables, self.target, seed=self.seed, real=self._real)
        if pair is None:
            return None, None, None
        self._real = pair.real  # of the same rows in every trial
        name = pair.task.headline
        return name, model_scores(pair, pair.synthetic)[name], model_scores(pair, pair.real)[name]

    def score(self, facts: Sequence[Facts]) -> Scores:
        """The scores of the samples of one trial: means over them, the guard by the worst."""
        each = [score_of(one, self.utility_weight) for one in facts]
        return Scores(
            fmean(one.score for one in each),
            fmean(one.fidelity for one in each),
            _mean([one.utility for one in each]),
            _mean([one.privacy for one in each]),
            max(one.leak for one in each),
        )


def score_of(facts: Facts, utility_weight: float) -> Scores:
    """The scores of one sample."""
    shape, trend = facts.shape_error_percent, facts.trend_error_percent
    parts = [
        None if shape is None else 1 - shape / 100,
        None if trend is None else 1 - trend / 100,
        facts.detection,
    ]
    fidelity = _mean(parts) or 0.0
    utility = None
    if facts.headline is not None and facts.real is not None and facts.synthetic is not None:
        blind = BLIND[facts.headline]
        # Where real rows teach nothing either, there is nothing to lose.
        gain = facts.real - blind
        utility = min(max((facts.synthetic - blind) / gain, 0.0), 1.0) if gain > 0 else None
    score = fidelity if utility is None else (1 - utility_weight) * fidelity + utility_weight * utility
    excess = facts.copies_percent - (facts.validation_copies_percent or 0.0)
    leak = (excess - FAIR_COPIES_PERCENT) / 100
    privacy = None
    if facts.nearer is not None and facts.nearer_low is not None:
        leak = max(leak, min(facts.nearer - FAIR_SHARE, facts.nearer_low - 0.5))
        privacy = min(max(1 - 2 * max(facts.nearer - 0.5, 0.0) - max(excess, 0.0) / 100, 0.0), 1.0)
    return Scores(score, fidelity, utility, privacy, leak)


def _surely_nearer(distance: DistanceToClosest | None) -> float | None:
    """The lower bound of the fraction of rows that lie nearer to training rows.

    The report's own bound takes the rows that distances are measured to as given. Here they are a sample too: among
    200 validation rows even an untrained generator's rows lay nearer to learned ones "for sure".
    """
    if distance is None or distance.share_closer_to_real is None:
        return None
    error = 0.5 * math.sqrt(1 / distance.queries + 1 / (2 * distance.reference_rows))
    return distance.share_closer_to_real - 1.96 * error


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
