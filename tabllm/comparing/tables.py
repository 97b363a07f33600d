"""The class report's two tables, fidelity and utility, as plain data and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eval.report import Report

from .study import Outcome

__all__ = ["Line", "SideBySide", "fidelity_table", "to_json", "to_markdown", "utility_table"]

Read = Callable[[Report], float | None]


@dataclass(frozen=True)
class Line:
    """One figure of every model.

    Attributes:
        better: ``"higher"``, ``"lower"``, or ``"half"`` (the nearer to 0.5 the better).
        baseline: the same figure of real rows, ``None`` where there is no such thing.
        values: one per model, ``None`` where it has none.
        best: the model that is best at it.
    """

    label: str
    better: str
    decimals: int
    baseline: float | None
    values: tuple[float | None, ...]
    best: str | None


@dataclass(frozen=True)
class SideBySide:
    """A table: one line per figure, one column per model, a Baseline column and a Best column."""

    title: str
    models: tuple[str, ...]
    lines: tuple[Line, ...]
    baseline: str


def fidelity_table(outcomes: Sequence[Outcome]) -> SideBySide:
    """How near the rows are to real ones, and what they cost; the baseline are real rows that were not learned."""
    done = [outcome for outcome in outcomes if outcome.report is not None]
    lines = [
        _line(done, "overall fidelity, %", "higher", 2, _overall, _overall_floor),
        _line(done, "KS or total variation, %", "lower", 2, _shape, _shape_floor),
        _line(done, "Jensen-Shannon, %", "lower", 2, _js, _js_floor),
        _line(done, "pair trends, error %", "lower", 2, _trend, _trend_floor),
        _line(done, "detection (1 = cannot tell)", "higher", 3, _detection, lambda _: 1.0),
        _line(done, "nearer to learned rows (0.5 = no copying)", "half", 3, _nearer, lambda _: 0.5),
        _timed(done, "fit, seconds", "lower", [outcome.fit_seconds for outcome in done]),
        _timed(done, "rows per second", "higher", [_rate(outcome) for outcome in done]),
    ]
    baseline = "real rows that were not learned, against those that were"
    return SideBySide("Fidelity", tuple(outcome.model for outcome in done), tuple(lines), baseline)


#: Figures of utility, in the order of the class report: label, key, what is better.
_METRICS = (
    ("MAE", "mae", "lower"),
    ("RMSE", "rmse", "lower"),
    ("R2", "r2", "higher"),
    ("accuracy", "accuracy", "higher"),
    ("precision", "precision", "higher"),
    ("recall", "recall", "higher"),
    ("F1", "f1", "higher"),
    ("AUC", "auc", "higher"),
    ("PR-AUC", "pr_auc", "higher"),
    ("log loss", "log_loss", "lower"),
)


def utility_table(outcomes: Sequence[Outcome]) -> SideBySide | None:
    """XGBoost trained on each, tested on real rows; the baseline was trained on real rows. ``None`` without target."""
    done = [outcome for outcome in outcomes if outcome.report is not None and outcome.report.utility is not None]
    if not done:
        return None
    first = done[0].report.utility if done[0].report else None
    known = first.real.metrics if first else {}
    lines = [
        _line(done, label, better, 4, _metric(key, "synthetic"), _metric(key, "real"))
        for label, key, better in _METRICS
        if key in known
    ]
    target = first.target if first else ""
    title, baseline = f"Utility: predicting {target}", "trained on the real rows"
    return SideBySide(title, tuple(outcome.model for outcome in done), tuple(lines), baseline)


def _overall(report: Report) -> float | None:
    return report.fidelity.overall_percent


def _overall_floor(report: Report) -> float | None:
    return report.fidelity.overall_floor_percent


def _shape(report: Report) -> float | None:
    return report.fidelity.shape_error_percent


def _shape_floor(report: Report) -> float | None:
    return report.fidelity.shape_floor_percent


def _js(report: Report) -> float | None:
    return report.fidelity.js_percent


def _js_floor(report: Report) -> float | None:
    return report.fidelity.js_floor_percent


def _trend(report: Report) -> float | None:
    return report.trends.error_percent


def _trend_floor(report: Report) -> float | None:
    return report.trends.floor_percent


def _detection(report: Report) -> float | None:
    return report.detection.score if report.detection else None


def _nearer(report: Report) -> float | None:
    return report.privacy.distance.share_closer_to_real if report.privacy and report.privacy.distance else None


def _metric(key: str, arm: str) -> Read:
    return lambda report: getattr(report.utility, arm).metrics.get(key) if report.utility else None


def _rate(outcome: Outcome) -> float | None:
    return outcome.rows / outcome.sample_seconds if outcome.rows and outcome.sample_seconds else None


def _line(outcomes: Sequence[Outcome], label: str, better: str, decimals: int, read: Read, base: Read) -> Line:
    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    values = tuple(read(report) for report in reports)
    baseline = base(reports[0]) if reports else None
    return Line(label, better, decimals, baseline, values, _best(outcomes, values, better))


def _timed(outcomes: Sequence[Outcome], label: str, better: str, values: Sequence[float | None]) -> Line:
    return Line(label, better, 0 if better == "higher" else 1, None, tuple(values), _best(outcomes, values, better))


def _best(outcomes: Sequence[Outcome], values: Sequence[float | None], better: str) -> str | None:
    known = [(value, outcome.model) for value, outcome in zip(values, outcomes, strict=True) if value is not None]
    if len(known) < 2:
        return None
    score = {"higher": lambda v: -v, "lower": lambda v: v, "half": lambda v: abs(v - 0.5)}[better]
    return min(known, key=lambda pair: score(pair[0]))[1]


def shown(value: float | None, decimals: int) -> str:
    """A figure as text; a dash where there is none."""
    return "-" if value is None else f"{value:,.{decimals}f}"


def to_markdown(table: SideBySide) -> str:
    """The table in Markdown, with what its baseline is under it."""
    header = ["", "Baseline", *table.models, "Best"]
    rows = [
        [line.label, shown(line.baseline, line.decimals), *(shown(v, line.decimals) for v in line.values),
         line.best or "-"]
        for line in table.lines
    ]  # fmt: skip
    ruler = ["---", *("---:" for _ in header[1:-1]), "---"]
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ruler, *rows])
    return f"### {table.title}\n\n{text}\n\nBaseline: {table.baseline}.\n"


def to_json(outcomes: Sequence[Outcome], tables: Sequence[SideBySide]) -> dict[str, Any]:
    """Everything as plain JSON data."""
    return {
        "tables": [
            {
                "title": table.title,
                "baseline": table.baseline,
                "lines": [
                    {"label": line.label, "better": line.better, "baseline": line.baseline,
                     "values": dict(zip(table.models, line.values, strict=True)), "best": line.best}
                    for line in table.lines
                ],
            }
            for table in tables
        ],
        "models": [
            {
                "model": outcome.model,
                "fit_seconds": outcome.fit_seconds,
                "sample_seconds": outcome.sample_seconds,
                "rows": outcome.rows,
                "error": outcome.error,
                "report": outcome.report.to_dict() if outcome.report else None,
            }
            for outcome in outcomes
        ],
    }  # fmt: skip
