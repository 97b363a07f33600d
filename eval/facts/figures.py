"""The facts behind the plots of a report: shares per bar, points per curve, never a row of a table.

Nothing here computes or draws: :mod:`eval.metrics.distributions` and :mod:`eval.models.curves` fill these in, and
:mod:`eval.page` draws them. All is bounded whatever the table: so many bars a column, so many points a
curve. The maps of associations need nothing of their own: their cells are the pairs of the report.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AgainstTarget", "Axis", "Curves", "Distribution", "Histogram", "Joint"]


@dataclass(frozen=True)
class Distribution:
    """How the cells of one column are spread, in per cent of all rows of each table.

    Bars come in this order: the bins between neighbouring :attr:`edges`, then one bar per entry of
    :attr:`labels`. The fractions of a table sum to 100.

    Attributes:
        edges: of the bins of a numeric column, cut from the real one; instants in seconds since 1970.
            The first and last bin hold all that lies beyond them.
        labels: categories, the most frequent first; of a numeric column the single values that carry
            much of its mass, which stand in no bin. Then "other values", "not in the real table" and
            "missing" where there are such.
        values: how many of the labels, from the first on, are values of the column.
        folded: categories that went into "other values".
        holdout_percent: ``None`` without a holdout.
    """

    name: str
    kind: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    values: int
    folded: int
    real_percent: tuple[float, ...]
    synthetic_percent: tuple[float, ...]
    holdout_percent: tuple[float, ...] | None


@dataclass(frozen=True)
class Axis:
    """The cells that a column is cut into.

    Attributes:
        labels: of the cells; of numbers their lower ends. The last one is "missing", of categories the one before it
            "other", though neither need occur.
        edges: between the cells of a number; the first and the last cell are open.
        codes: the categories that have a cell of their own.
    """

    name: str
    labels: tuple[str, ...]
    edges: tuple[float, ...] = ()
    codes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Joint:
    """Fractions of the rows in per cent by cell, ``[first][second]``; they sum to 100."""

    first: Axis
    second: Axis
    real_percent: tuple[tuple[float, ...], ...]
    synthetic_percent: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class AgainstTarget:
    """The target by the cells of one column; ``None`` where a table has too few rows in a cell.

    Attributes:
        axis: those of its cells that have real rows enough.
        measure: what is drawn, such as ``fraction of clicked = 1``.
    """

    axis: Axis
    target: str
    measure: str
    real: tuple[float | None, ...]
    synthetic: tuple[float | None, ...]


@dataclass(frozen=True)
class Curves:
    """The curves of one classifier: two over fixed grids, and its calibration.

    Attributes:
        false_positive_rate, true_positive_rate: ROC (Fawcett 2006), from (0, 0) to (1, 1).
        recall, precision: at each recall the precision of the strictest threshold that reaches it.
        positive_share: fraction of the positive class among the test rows, the precision of guessing.
        predicted, observed: mean predicted chance and fraction of positive rows in each bin of the calibration
            error (:mod:`eval.models.scores`); empty with more than two classes.

    With more than two classes each rate is the mean over the classes, one against the rest.
    """

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    positive_share: float
    predicted: tuple[float, ...] = ()
    observed: tuple[float, ...] = ()


@dataclass(frozen=True)
class Histogram:
    """Fractions of synthetic and of holdout rows between neighbouring ``edges``; the last bin holds all beyond it."""

    edges: tuple[float, ...]
    synthetic_percent: tuple[float, ...]
    holdout_percent: tuple[float, ...]
