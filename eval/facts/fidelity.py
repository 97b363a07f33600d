"""What the files of :mod:`eval.metrics` find of columns, rows and pairs of tables, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ColumnFidelity", "Fidelity", "FormFacts", "PairTrend", "PairwiseDistance", "Support", "Trends"]


@dataclass(frozen=True)
class ColumnFidelity:
    """How far one synthetic column lies from the real one; see :mod:`eval.metrics.fidelity`.

    Attributes:
        metric: ``"KS"`` for numbers and instants, ``"TV"`` for values from a closed list.
        error_percent: the KS statistic or the total variation distance.
        floor_percent: the same between real and holdout, the noise floor; ``None`` without holdout.
        js_percent: Jensen-Shannon DISTANCE, base 2.
        unseen_percent: synthetic cells whose value the real column never has.
        wasserstein: Wasserstein's distance W1 in standard deviations of the real column; ``None`` for categories.
        coverage_percent: how much of the real range, or how many of the real categories, the column reaches.
    """

    name: str
    kind: str
    metric: str
    error_percent: float | None
    floor_percent: float | None
    js_percent: float | None
    js_floor_percent: float | None
    missing_real_percent: float
    missing_synthetic_percent: float
    unseen_percent: float
    wasserstein: float | None = None
    wasserstein_floor: float | None = None
    coverage_percent: float | None = None
    coverage_floor_percent: float | None = None
    missing_holdout_percent: float | None = None


@dataclass(frozen=True)
class Fidelity:
    """Single columns: means over :attr:`columns`, each beside its real-against-real floor.

    Attributes:
        shape_error_percent: mean over columns of 1 - (KSComplement or TVComplement).
        ks_percent: the same mean over the numeric columns alone; ``None`` if there are none.
        js_percent: mean Jensen-Shannon distance over all columns.
        overall_percent: 100 - (shape error + JS) / 2.
        missing_error_percent: mean absolute difference of the missing rates.
        wasserstein, coverage_percent: means over the columns that have them.
    """

    shape_error_percent: float | None
    shape_floor_percent: float | None
    ks_percent: float | None
    js_percent: float | None
    js_floor_percent: float | None
    overall_percent: float | None
    overall_floor_percent: float | None
    missing_error_percent: float | None
    columns: tuple[ColumnFidelity, ...] = ()
    wasserstein: float | None = None
    wasserstein_floor: float | None = None
    coverage_percent: float | None = None
    coverage_floor_percent: float | None = None


@dataclass(frozen=True)
class FormFacts:
    """The form of a column of identifiers, text or dates; see :mod:`eval.metrics.forms`.

    Attributes:
        valid_percent: filled synthetic cells that are written as real ones are; ``None`` if there are none.
        valid_floor_percent: the same of the holdout.
        unique_real_percent, unique_synthetic_percent: different values per filled cell.
        top_real_percent, top_synthetic_percent: filled cells that hold the most frequent value.
    """

    name: str
    kind: str
    valid_percent: float | None
    valid_floor_percent: float | None
    unique_real_percent: float | None
    unique_synthetic_percent: float | None
    top_real_percent: float | None
    top_synthetic_percent: float | None

    @property
    def fault(self) -> str | None:
        """What is wrong with the synthetic column, as the end of a sentence; ``None`` where its form is right."""
        if self.valid_percent is None:
            return None if self.unique_real_percent is None else "has no value at all"
        if self.valid_percent < 0.9 * (100.0 if self.valid_floor_percent is None else self.valid_floor_percent):
            return f"has {100 - self.valid_percent:.0f} % of its values in no form that real ones have"
        real, made = self.top_real_percent or 0.0, self.top_synthetic_percent or 0.0
        if made > 2 * real + 10:
            return f"holds one value in {made:.0f} % of its cells (real {real:.0f} %)"
        unique = self.unique_real_percent == 100 and self.unique_synthetic_percent != 100
        if self.kind == "identifier" and unique:
            return "repeats values, which the real one never does"
        return None


@dataclass(frozen=True)
class PairwiseDistance:
    """Two synthetic tables against each other; see :mod:`eval.metrics.pairwise`."""

    first: str
    second: str
    ks_percent: float | None
    js_percent: float | None


@dataclass(frozen=True)
class Support:
    """Whole rows; see :mod:`eval.metrics.support`. Each figure stands beside that of the holdout.

    Attributes:
        alpha_precision, beta_recall: integrated over all levels; 1 is perfect.
        authenticity: the fraction of synthetic rows that do not crowd a real row.
        rows: of each table that took part.
        levels: alpha and beta of the curves.
        precision, recall: P(alpha) and R(beta).
    """

    alpha_precision: float
    alpha_precision_floor: float | None
    beta_recall: float
    beta_recall_floor: float | None
    authenticity: float
    authenticity_floor: float | None
    rows: int
    levels: tuple[float, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    precision_floor: tuple[float, ...] = ()
    recall_floor: tuple[float, ...] = ()


@dataclass(frozen=True)
class PairTrend:
    """How far the relation of two columns is off; see :mod:`eval.metrics.trends`.

    Attributes:
        metric: ``"correlation"`` (two numeric columns) or ``"contingency"`` (any other pair).
        real_strength, synthetic_strength: Pearson's r for a correlation, else Cramér's V.
    """

    first: str
    second: str
    metric: str
    error_percent: float | None
    floor_percent: float | None
    real_strength: float | None
    synthetic_strength: float | None


@dataclass(frozen=True)
class Trends:
    """All pairs of columns; of very many, as many as :data:`eval.metrics.trends.MAX_PAIRS` draws.

    Attributes:
        error_percent: mean over these pairs.
        sdmetrics_error_percent: the same with the bins of SDMetrics 0.32, as papers print it.
        strong_error_percent: mean over the :attr:`strong_pairs` pairs with |r| > 0.5 or V > 0.3 in the
            real table, the only ones that the quality report of SDMetrics 0.32 counts.
        rows_used: rows of the real table that were read (fewer than all on very large tables).
    """

    error_percent: float | None
    floor_percent: float | None
    sdmetrics_error_percent: float | None
    strong_error_percent: float | None
    strong_floor_percent: float | None
    strong_pairs: int
    rows_used: int
    pairs: tuple[PairTrend, ...] = ()
