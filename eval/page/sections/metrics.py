"""The section on metrics of one figure each."""

from __future__ import annotations

from ...facts.report import Report
from ...judging.wording import number
from ..elements.markup import Markup
from ..elements.parts import Measure, measures, section

__all__ = ["metrics_section"]


def metrics_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where none was measured."""
    if not report.metrics:
        return None
    shown = [
        Measure(
            each.label[:1].upper() + each.label[1:],
            number(each.value, each.decimals),
            "no holdout to hold it against" if each.floor is None else f"holdout {number(each.floor, each.decimals)}",
            each.meaning,
        )
        for each in report.metrics
    ]
    return section("More figures", anchor, level, measures(shown))
