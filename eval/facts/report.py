"""The typed result tree of a comparison, and its JSON.

Nothing here computes or draws. Every number is a plain Python number; what could not be measured is
``None``, never NaN, so that any JSON reader can take the file. Units stand in the names: ``_percent``
runs from 0 to 100, scores and shares from 0 to 1, times are ``_seconds``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabular.errors import RunError
from tabular.storage.rundir import write_json

from .bias import Bias, Gap, GroupRates, ProtectedColumn
from .estimates import Estimate
from .fidelity import ColumnFidelity, Fidelity, FormFacts, PairTrend, PairwiseDistance, Support, Trends
from .figures import AgainstTarget, Curves, Distribution, Histogram, Joint
from .margins import Margins
from .metrics import Metric
from .notebook import Shown
from .plain_data import build, finite, plain
from .privacy import (
    Attack,
    AttackedGroup,
    AttributeInference,
    EpsilonBound,
    EpsilonClaim,
    Exposed,
    IdentifyingCells,
    LoneCombinations,
    Membership,
    NearestRatio,
    RunAttack,
    ShadowAttack,
    SinglingOut,
)
from .rules import RuleCount, RuleFacts
from .targets import AllTargets

__all__ = [
    "FORMAT_VERSION",
    "AllTargets",
    "Attack",
    "AttackedGroup",
    "AttributeInference",
    "Bias",
    "ColumnFidelity",
    "Copies",
    "Detection",
    "DistanceToClosest",
    "EpsilonBound",
    "EpsilonClaim",
    "Estimate",
    "Exposed",
    "FeatureGain",
    "FeatureUse",
    "Fidelity",
    "FormFacts",
    "Gap",
    "GroupRates",
    "Membership",
    "Metric",
    "ModelScores",
    "NearestRatio",
    "PairTrend",
    "PairwiseDistance",
    "Privacy",
    "ProtectedColumn",
    "Report",
    "Rows",
    "RuleCount",
    "RuleFacts",
    "RunAttack",
    "ShadowAttack",
    "SinglingOut",
    "Support",
    "Trends",
    "Utility",
    "finite",
]

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Rows:
    """How many rows each table has."""

    real: int
    synthetic: int
    holdout: int | None = None


@dataclass(frozen=True)
class ModelScores:
    """What one model reached on the test rows.

    Attributes:
        metrics: for classification ``mae`` (1 - accuracy), ``accuracy``, ``precision``, ``recall``,
            ``f1``, ``auc``, ``pr_auc``, ``log_loss``, ``normalised_entropy`` and, of two classes,
            ``calibration_error`` and ``predicted_observed``; for regression ``mae``, ``rmse``, ``r2``.
        intervals: bootstrap intervals of some of them; see :mod:`eval.models.bootstrap`.
        curves: ROC and precision-recall of a classifier.
    """

    trained_on: str
    rows: int
    metrics: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, Estimate] = field(default_factory=dict)
    curves: Curves | None = None


@dataclass(frozen=True)
class FeatureUse:
    """A column's fraction of the total gain of the model trained on real, and of the one trained on synthetic."""

    name: str
    real_percent: float
    synthetic_percent: float


@dataclass(frozen=True)
class Utility:
    """Train on synthetic, test on real, beside train on real; see :mod:`eval.models.utility`.

    Attributes:
        task: ``"binary"``, ``"multiclass"`` or ``"regression"``.
        positive: the class that precision, recall, F1 and PR-AUC speak of (binary only).
        headline: the metric that sums it up: ``"auc"`` or ``"r2"``.
        tested_on: ``"holdout"``, or ``"split"`` where a fifth of the real table stood in for it.
        protocol: the settings of the models, one of :data:`eval.models.pair.PROTOCOLS`.
        differences: score trained on synthetic less score trained on real, with paired intervals.
        importance_agreement: Spearman's rank correlation of the :attr:`features`' gains in both models.
    """

    target: str
    task: str
    classes: tuple[str, ...]
    positive: str | None
    headline: str
    tested_on: str
    test_rows: int
    real: ModelScores
    synthetic: ModelScores
    protocol: str = "standard"
    differences: dict[str, Estimate] = field(default_factory=dict)
    importance_agreement: float | None = None
    features: tuple[FeatureUse, ...] = ()


@dataclass(frozen=True)
class FeatureGain:
    """A column's fraction of the total gain of the detector."""

    name: str
    gain_percent: float


@dataclass(frozen=True)
class Detection:
    """Can a classifier tell synthetic rows from real ones? See :mod:`eval.metrics.detection`.

    Attributes:
        score: 1 - abs(2 AUC - 1) of the tree classifier: 1 = cannot tell, 0 = always tells.
        auc, auc_spread: mean and standard deviation over the folds.
        logistic_score, logistic_auc: the same question put to a logistic regression, which sees only
            single columns and so is easily fooled.
        rows_each: rows of each table that took part.
        floor_score, floor_auc: the same of holdout against real rows, the noise floor, from :attr:`floor_rows_each`
            rows of each; ``None`` without holdout.
        sdmetrics_score, sdmetrics_floor: by the protocol of SDMetrics with XGBoost, as papers print it; see
            :func:`eval.metrics.detection.sdmetrics_detection`.
        sdmetrics_rows: real and synthetic rows together that it saw.
        top_features: the columns that give the synthetic rows away, greatest first.
    """

    score: float | None
    auc: float | None
    auc_spread: float | None
    logistic_score: float | None
    logistic_auc: float | None
    rows_each: int
    folds: int
    top_features: tuple[FeatureGain, ...] = ()
    floor_score: float | None = None
    floor_auc: float | None = None
    floor_rows_each: int | None = None
    sdmetrics_score: float | None = None
    sdmetrics_floor: float | None = None
    sdmetrics_rows: int | None = None


@dataclass(frozen=True)
class Copies:
    """Synthetic rows that equal a real row in every column.

    Attributes:
        synthetic_percent: fraction of synthetic rows that stand in the real table.
        holdout_percent: fraction of holdout rows that do: what honest new rows reach, the floor.
        real_repeated_percent: fraction of real rows that occur more than once in the real table.
        once: fraction of synthetic rows that equal a row which stands once in the real table.
        once_by_chance: what honest new rows of the same kind would reach there, estimated from the real table alone.
    """

    synthetic_rows: int
    synthetic_percent: float
    holdout_percent: float | None
    real_repeated_percent: float
    once: Estimate | None = None
    once_by_chance: Estimate | None = None

    @property
    def decisive(self) -> bool:
        """Whether so many rows are copies that no holdout is needed to say so."""
        once, probability = self.once, self.once_by_chance
        if once is None or probability is None:  # a report of an older version
            return False
        surely = (once.low or 0.0) > (probability.high or 0.0) + 0.02
        return surely and (once.value or 0.0) > 2 * (probability.value or 0.0) + 0.02


@dataclass(frozen=True)
class DistanceToClosest:
    """Distance to the closest record, in the space of :mod:`eval.metrics.distance`.

    Attributes:
        share_closer_to_real: of the synthetic rows, how many lie nearer to the real table than to an
            equally large holdout; ties count half; 0.5 = no copying, 1 = nothing but copies.
        share_low, share_high: Wilson's 95 % interval of that share.
        p5_synthetic, p5_holdout: 5th percentile of the distance to the closest real row.
        median_synthetic, median_holdout: the medians.
        queries: synthetic rows asked.
        reference_rows: rows of the holdout, and of each of the :attr:`real_parts` parts of the real table.
        histogram: of the distance to the closest real row.
    """

    share_closer_to_real: float | None
    share_low: float | None
    share_high: float | None
    p5_synthetic: float | None
    p5_holdout: float | None
    median_synthetic: float | None
    median_holdout: float | None
    queries: int
    reference_rows: int
    real_parts: int
    histogram: Histogram | None = None


@dataclass(frozen=True)
class Privacy:
    """Checks for copying, and attacks; see :mod:`eval.attacks.privacy`.

    Attributes:
        distance, ratio, membership: ``None`` without a holdout.
        attributes: per column that an attacker would guess.
        claim: what a differentially private run claims, beside what the attack shows.
        identifying: ``None`` where no column names persons.
        combinations: ``None`` where fewer than two columns can be compared.
        shadow: ``None`` where no shadow models were fitted.
        run: what the run gives away beside its rows; ``None`` without the run's probabilities.
    """

    copies: Copies
    distance: DistanceToClosest | None
    caveat: str
    ratio: NearestRatio | None = None
    membership: Membership | None = None
    attributes: tuple[AttributeInference, ...] = ()
    attribute_caveat: str | None = None
    singling_out: tuple[SinglingOut, ...] = ()
    singling_out_caveat: str | None = None
    claim: EpsilonClaim | None = None
    identifying: IdentifyingCells | None = None
    combinations: LoneCombinations | None = None
    shadow: ShadowAttack | None = None
    run: RunAttack | None = None


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """Everything :func:`eval.comparison.compare` found.

    Attributes:
        seconds: wall time of each part, by name.
        bias: ``None`` where no column is named as protected.
        support: ``None`` where no column has a distance.
        notes: what a reader must know: what was left out, sampled or guessed, one sentence each.
        distributions: how the cells of each column are spread, in table order.
        joints: the pairs that lie farthest above their noise floor, by cell.
        forms: of every column of identifiers, text or dates, in table order.
        left_out: the columns that no kind can hold.
        rules: of the schema, as far as they were checked.
        against_target: the target by the cells of each column, in table order.
        all_targets: every column as target; ``None`` where that was not asked for.
        metrics: those of one figure each; see :mod:`eval.metrics.listed`.
        margins: three columns at once, mutual information, rare categories and subgroups; ``None`` in an older report.

    Example:
        >>> import pandas as pd
        >>> from eval import compare
        >>> real = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> report = compare(real, real.assign(age=real["age"] // 2))
        >>> report.ok
        False
        >>> sorted(report.to_frame().columns)
        ['figure', 'level', 'reference', 'subject', 'word']
        >>> report.save("report.html")
    """

    rows: Rows
    columns: int
    seed: int
    target: str | None
    fidelity: Fidelity
    trends: Trends
    detection: Detection | None
    utility: Utility | None
    privacy: Privacy | None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    bias: Bias | None = None
    support: Support | None = None
    distributions: tuple[Distribution, ...] = ()
    joints: tuple[Joint, ...] = ()
    against_target: tuple[AgainstTarget, ...] = ()
    forms: tuple[FormFacts, ...] = ()
    left_out: tuple[str, ...] = ()
    rules: tuple[RuleFacts, ...] = ()
    margins: Margins | None = None
    all_targets: AllTargets | None = None
    metrics: tuple[Metric, ...] = ()

    @property
    def by_form_alone(self) -> list[str]:
        """The columns that have no distribution to compare."""
        return [each.name for each in self.forms if each.kind != "datetime"]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON data: dicts, lists, strings, finite numbers and ``None``."""
        return {"version": FORMAT_VERSION, **plain(self)}

    def to_json(self, path: str | Path) -> None:
        """Write the report to ``path`` as indented JSON."""
        write_json(path, self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, origin: str = "report") -> Report:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.errors.RunError` naming ``origin``."""
        if not isinstance(data, Mapping) or "fidelity" not in data:
            raise RunError(f"{origin} is not a report of this tool: it has no 'fidelity'.")
        version = data.get("version", FORMAT_VERSION)
        if not isinstance(version, int) or version > FORMAT_VERSION:
            raise RunError(f"{origin} was written by a newer version (format {version}): upgrade to read it.")
        try:
            return build(cls, data)
        except (TypeError, KeyError, ValueError) as error:
            raise RunError(f"{origin} is not a whole report ({error}); make it again.") from None
