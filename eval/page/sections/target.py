"""The section that sets each column against the target: does the same value still tell the same?"""

from __future__ import annotations

from ...facts.figures import AgainstTarget
from ...facts.report import Report
from ...judging.wording import number
from ..elements.charts import means_chart
from ..elements.markup import Markup, element
from ..elements.parts import hidden, legend, plot, plots, section, sentence, table

__all__ = ["target_section"]

#: Columns that are drawn.
MAX_PLOTS = 30
#: Columns that are drawn before a reader asks for more.
SHOWN = 6


def target_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` without a target."""
    if not report.against_target:
        return None
    widest = sorted(report.against_target, key=lambda each: -_gap(each))
    drawn = [_plot(each) for each in widest[:MAX_PLOTS]]
    more = len(drawn) - SHOWN
    measure = report.against_target[0].measure
    words = (
        f"The {measure}, by the values of each other column, the widest gap first. Cells with fewer than 20 real rows "
        "are "
        "left out; numbers by the lower end of their cell."
    )
    return section(
        f"Each column against {report.against_target[0].target}",
        anchor,
        level,
        sentence(words, "quiet"),
        legend("real_mean", "synthetic_mean"),
        plots(drawn[:SHOWN]),
        hidden(f"{more} more column{'s' * (more > 1)}", plots(drawn[SHOWN:])) if more > 0 else None,
    )


def _gap(facts: AgainstTarget) -> float:
    return max(
        (abs(s - r) for r, s in zip(facts.real, facts.synthetic, strict=True) if r is not None and s is not None),
        default=0.0,
    )


def _plot(facts: AgainstTarget) -> Markup:
    finding = f"{facts.axis.name}: {facts.measure}, widest gap {number(_gap(facts), 3)}"
    image = means_chart(
        facts.axis.labels,
        {"real": facts.real, "synthetic": facts.synthetic},
        finding,
        "The lines should lie on each other.",
    )
    rows = [
        [label, number(real, 4), number(made, 4)]
        for label, real, made in zip(facts.axis.labels, facts.real, facts.synthetic, strict=True)
    ]
    words = f" · widest gap {number(_gap(facts), 3)}"
    figures = table(f"{facts.axis.name}: {facts.measure}", ["value", ">real", ">synthetic"], rows)
    return plot([element("strong", facts.axis.name), words], image, figures)
