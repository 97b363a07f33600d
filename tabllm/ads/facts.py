"""What is found of CTR models, as plain data; other files draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eval.facts.estimates import Estimate

__all__ = ["CtrReport", "Ranking", "ScoredModel"]


@dataclass(frozen=True)
class Ranking:
    """Whether two models put the ads in the same order, by the mean probability that each gives to an ad's test rows.

    Attributes:
        correlation: Spearman's, its interval by drawing the ads again.
        shared: how many ads are among the ``top`` best of both.
    """

    ads: int
    correlation: Estimate
    top: int
    shared: int


@dataclass(frozen=True)
class ScoredModel:
    """One source of click probabilities, tested on the same rows as all others.

    Attributes:
        role: ``"ceiling"`` (the true probabilities of a simulated log), ``"real"``, ``"resampled"`` (the real past
            drawn again: how far two models of one past differ by chance) or ``"synthetic"``.
        rows, clicks: that it learned from; ``None`` of the ceiling.
        metrics: names as in :data:`eval.judging.wording.METRICS`.
        differences: to the real training set, over the same resamples of the test rows; empty for the real training set
            itself.
        ranking: against the real training set, ``true_ranking`` against the true probabilities; ``None`` where there is
            no such thing.
        fit_seconds: of the generator, where this call has fitted it.
    """

    name: str
    role: str
    rows: int | None
    clicks: int | None
    metrics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    ranking: Ranking | None = None
    true_ranking: Ranking | None = None
    fit_seconds: float | None = None


@dataclass(frozen=True)
class CtrReport:
    """All of it.

    Attributes:
        click, positive: the column that is predicted, and its value that is a click.
        time: the column that parts past from test rows, ``None`` if they were parted by ``seed``; the test begins at
            ``test_from``.
        ad: the column whose values are ranked, if any.
        ceiling_auc: of the true probabilities over all draws of the clicks, where the true probabilities are known.
    """

    click: str
    positive: str
    time: str | None
    test_from: str | None
    ad: str | None
    seed: int
    past_rows: int
    past_clicks: int
    test_rows: int
    test_clicks: int
    models: tuple[ScoredModel, ...]
    ceiling_auc: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def synthetic(self) -> tuple[ScoredModel, ...]:
        """The training sets that learned from synthetic rows."""
        return tuple(model for model in self.models if model.role == "synthetic")
