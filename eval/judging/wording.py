"""How figures, metrics and cells are written, once for every renderer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..facts.estimates import Estimate

__all__ = ["METRICS", "Metric", "cell_text", "in_points", "interval", "number", "percent", "points", "score"]


@dataclass(frozen=True)
class Metric:
    """A score of a utility model: how it is written, and whether ``"higher"``, ``"lower"`` or ``"one"`` is best."""

    label: str
    better: str


#: The scores of a utility model, in the order in which they are read.
METRICS = {
    "mae": Metric("MAE", "lower"),
    "rmse": Metric("RMSE", "lower"),
    "r2": Metric("R2", "higher"),
    "accuracy": Metric("accuracy", "higher"),
    "precision": Metric("precision", "higher"),
    "recall": Metric("recall", "higher"),
    "f1": Metric("F1", "higher"),
    "auc": Metric("AUC", "higher"),
    "pr_auc": Metric("PR-AUC", "higher"),
    "log_loss": Metric("log loss", "lower"),
    "normalised_entropy": Metric("normalised entropy", "lower"),
    "calibration_error": Metric("calibration error", "lower"),
    "predicted_observed": Metric("predicted / observed", "one"),
}

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def number(value: float | None, decimals: int = 2) -> str:
    """A figure with its thousands marked; a dash where there is none."""
    return "-" if value is None else f"{value:,.{decimals}f}"


def interval(estimate: Estimate) -> str:
    """``0.91 to 0.93``; a dash where the interval is not known."""
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{score(estimate.low)} to {score(estimate.high)}"


def percent(fraction: float | None) -> str:
    """A fraction of 0 to 1 as ``52.1 %``."""
    return "-" if fraction is None else f"{100 * fraction:.1f} %"


def points(fraction: float | None, *, signed: bool = False) -> str:
    """A share, or a difference of shares, in percentage points."""
    if fraction is None:
        return "-"
    rounded = round(100 * fraction, 1) + 0.0  # no -0.0
    return f"{rounded:+.1f}" if signed else f"{rounded:.1f}"


def in_points(fraction: Estimate) -> Estimate:
    """A share with its interval in percentage points."""
    return Estimate(
        *(None if value is None else 100 * value for value in (fraction.value, fraction.low, fraction.high))
    )


def score(value: float | None) -> str:
    """Four decimals for a score, thousands marks for an error in the unit of the target."""
    if value is None:
        return "-"
    value = round(value, 4) + 0.0  # no -0.0000
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.5g}" if abs(value) < 1e4 else f"{value:,.0f}"


def cell_text(value: float, kind: str) -> str:
    """A number of a column of ``kind``, an instant as its date and time."""
    if kind == "datetime":
        try:
            instant = _EPOCH + timedelta(seconds=round(value))
        except OverflowError:  # beyond the year 9999
            return f"{value:.6g} s"
        return f"{instant:%Y-%m-%d}" if round(value) % 86400 == 0 else f"{instant:%Y-%m-%d %H:%M:%S}"
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if 0.001 <= abs(value) < 1e4 else f"{value:.5g}"
