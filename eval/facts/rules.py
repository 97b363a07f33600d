"""What :mod:`eval.metrics.rules` finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RuleCount", "RuleFacts"]

#: A rule that real rows break is no worse broken by synthetic ones up to so many times as often.
AS_REAL = 2.0


@dataclass(frozen=True)
class RuleCount:
    """How one table keeps a rule.

    Attributes:
        rows: those that the rule says something of.
        broken: how many of them break it.
        percent: the same as a fraction of them; ``None`` where there are none.
        example: the cells of the first row that breaks it; only of the synthetic table.
    """

    rows: int
    broken: int
    percent: float | None
    example: str | None = None


@dataclass(frozen=True)
class RuleFacts:
    """A rule between columns in each table.

    Attributes:
        text: as :mod:`tabular.rules.language.grammar` reads it.
        forced: the real rows may break it: it is a wish for the synthetic ones.
    """

    text: str
    real: RuleCount
    synthetic: RuleCount
    holdout: RuleCount | None = None
    forced: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether no synthetic row breaks it, or hardly more do than of the real rows."""
        if not self.synthetic.broken or self.forced:
            return not self.synthetic.broken
        real = max(table.percent or 0.0 for table in (self.real, self.holdout) if table is not None)
        return (self.synthetic.percent or 0.0) <= AS_REAL * real
