"""What :mod:`eval.models.all_targets` finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AllTargets", "TargetScore"]

#: A column that the real rows hardly predict says nothing about the synthetic ones: by so much better than guessing.
PREDICTABLE = 0.05


@dataclass(frozen=True)
class TargetScore:
    """One column, predicted from all others.

    Attributes:
        metric: ``"auc"`` of classes (0.5 is guessing; of several the mean, one against the rest), ``"r2"`` of numbers.
        real, synthetic: of the model trained on real, and on synthetic rows.
        refit: of a second model trained on real rows drawn with replacement, the noise floor.
    """

    name: str
    metric: str
    real: float
    synthetic: float
    refit: float

    @property
    def guessing(self) -> float:
        """The score of a model that knows nothing."""
        return 0.5 if self.metric == "auc" else 0.0

    @property
    def kept(self) -> float | None:
        """How much of what real rows teach synthetic rows teach; ``None`` where that is next to nothing."""
        return self._of_real(self.synthetic)

    @property
    def kept_floor(self) -> float | None:
        """The same of the second real model."""
        return self._of_real(self.refit)

    def _of_real(self, score: float) -> float | None:
        learned = self.real - self.guessing
        return max(0.0, score - self.guessing) / learned if learned >= PREDICTABLE else None


@dataclass(frozen=True)
class AllTargets:
    """Every column as target; see :mod:`eval.models.all_targets`.

    Attributes:
        kept_percent, floor_percent: means of :attr:`TargetScore.kept` and of its floor, over the :attr:`predictable`
            columns; ``None`` if there are none.
        rows: that each model learned from at most.
        columns: what loses most, first.
    """

    kept_percent: float | None
    floor_percent: float | None
    predictable: int
    rows: int
    test_rows: int
    columns: tuple[TargetScore, ...] = ()

    @property
    def words(self) -> str:
        """The finding in one sentence."""
        if self.kept_percent is None:
            return "No column can be predicted from the others, from real rows or synthetic ones."
        words = (
            f"Over {self.predictable:,} columns, models trained on synthetic rows reach {self.kept_percent:.1f} % of "
            f"what real rows teach (noise floor {self.floor_percent:.1f} %)"
        )
        worst = self.columns[0]
        if worst.kept is None or worst.kept >= (worst.kept_floor or 0.0):
            return f"{words}."
        name = {"auc": "AUC", "r2": "R2"}[worst.metric]
        return f"{words}; {worst.name} loses most ({name} {worst.synthetic:.3f}, {worst.real:.3f} from real rows)."
