"""What :mod:`eval.models.bias` finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from .estimates import Estimate

__all__ = ["Bias", "Gap", "GroupRates", "ProtectedColumn"]


@dataclass(frozen=True)
class GroupRates:
    """One group of a protected column.

    Attributes:
        real_percent, synthetic_percent, holdout_percent: its fraction of the rows of each table.
        real_label_percent, synthetic_label_percent: the fraction of its rows that have the favoured label.
        selected_real_percent, selected_synthetic_percent: of its test rows, the share that the model trained on
            each table picks.
        test_rows: rows of the group that the models were tested on.
    """

    name: str
    real_percent: float
    synthetic_percent: float
    holdout_percent: float | None
    real_label_percent: float | None = None
    synthetic_label_percent: float | None = None
    selected_real_percent: float | None = None
    selected_synthetic_percent: float | None = None
    test_rows: int = 0


@dataclass(frozen=True)
class Gap:
    """One kind of gap between the groups, 0 (none) to 1.

    Attributes:
        name: ``"representation"``, ``"label rate"``, ``"demographic parity"`` or ``"equalised odds"``.
        real: the gap of the real table, or of the model trained on it; of representation: between the real
            table and the holdout (``None`` without one).
        synthetic: the same of the synthetic table, or of the model trained on it.
        widened: ``synthetic`` - ``real`` with an interval that holds for all gaps together at 95 %: that of the
            bootstrap, of models with the noise of a fit besides; of representation the gap itself, give or take
            what pairs of samples of the real shares stay below.
        flagged: synthetic widens what real has, by more than noise and by more than one point.
    """

    name: str
    real: float | None
    synthetic: float | None
    widened: Estimate
    flagged: bool


@dataclass(frozen=True)
class ProtectedColumn:
    """One protected column, its groups and its gaps."""

    name: str
    groups: tuple[GroupRates, ...]
    gaps: tuple[Gap, ...]

    @property
    def flagged(self) -> bool:
        """Whether any gap is."""
        return any(gap.flagged for gap in self.gaps)


@dataclass(frozen=True)
class Bias:
    """All protected columns.

    Attributes:
        label: the favoured label in words, such as ``"income = >50K"``; ``None`` without a target.
        tested_on: ``"holdout"`` or ``"split"``; ``None`` where no model was trained.
        selected_percent: the fraction of the test rows that each model picks.
    """

    label: str | None
    tested_on: str | None
    selected_percent: float | None
    columns: tuple[ProtectedColumn, ...]
    caveat: str
