"""The class report's two tables of a study: those of the evaluation, and what each generator cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eval.facts.report import Report
from eval.judging import side_by_side
from eval.judging.side_by_side import SideBySide, line_of, tables_as_json

from .study import Outcome

__all__ = ["fidelity_table", "reports_of", "to_json", "utility_table"]


def reports_of(outcomes: Sequence[Outcome]) -> dict[str, Report]:
    """The reports of the generators that could be judged, by name."""
    return {outcome.model: outcome.report for outcome in outcomes if outcome.report is not None}


def fidelity_table(outcomes: Sequence[Outcome]) -> SideBySide:
    """How near the rows are to real ones, and what they cost."""
    table = side_by_side.fidelity_table(reports_of(outcomes))
    done = [outcome for outcome in outcomes if outcome.report is not None]
    out = table.barred
    cost = (
        line_of("fit, seconds", "lower", 1, {outcome.model: outcome.fit_seconds for outcome in done}, barred=out),
        line_of("rows per second", "higher", 0, {outcome.model: _rate(outcome) for outcome in done}, barred=out),
    )
    return replace(table, lines=table.lines + cost)


def utility_table(outcomes: Sequence[Outcome]) -> SideBySide | None:
    """What models learn from the rows; ``None`` without target."""
    return side_by_side.utility_table(reports_of(outcomes))


def to_json(outcomes: Sequence[Outcome], tables: Sequence[SideBySide]) -> dict[str, Any]:
    """Everything as plain JSON data."""
    return {
        "tables": tables_as_json(tables),
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
    }


def _rate(outcome: Outcome) -> float | None:
    return outcome.rows / outcome.sample_seconds if outcome.rows and outcome.sample_seconds else None
