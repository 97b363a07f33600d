"""The section on whole rows: do synthetic rows lie where real ones do, and do they reach everywhere?"""

from __future__ import annotations

from ...facts.report import Report, Support
from ...judging.wording import number
from ..elements.charts import line_chart
from ..elements.markup import Markup, element
from ..elements.parts import Measure, legend, measures, plot, plots, section, sentence, table

__all__ = ["rows_section"]


def rows_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where it was not measured."""
    support = report.support
    if support is None:
        return None
    about = (
        f"Alpha-precision and beta-recall over {support.rows:,} rows of each table. The holdout, not 1, is what to "
        "hold them against: real rows stray from 1 too."
    )
    return section(
        "Whole rows",
        anchor,
        level,
        sentence(about, "quiet"),
        measures(_measures(support)),
        legend("synthetic", *(["holdout"] if support.precision_floor else [])),
        plots(
            [
                _curve(
                    "Precision",
                    "P(alpha)",
                    "fraction alpha of the real rows",
                    support.precision,
                    support.precision_floor,
                    "Synthetic rows within the ball that holds the fraction alpha of real rows. Under the dotted line "
                    "they stray outward, above it they crowd at the centre.",
                    support,
                ),
                _curve(
                    "Recall",
                    "R(beta)",
                    "fraction beta of the synthetic rows",
                    support.recall,
                    support.recall_floor,
                    "Real rows that have a neighbour among the fraction beta of synthetic rows that is nearest to "
                    "their centre. A curve that ends low leaves real rows out.",
                    support,
                ),
            ]
        ),
    )


def _measures(support: Support) -> list[Measure]:
    def measure(name: str, value: float, floor: float | None, meaning: str) -> Measure:
        beside = "no holdout to hold it against" if floor is None else f"holdout {floor:.3f}"
        return Measure(name, f"{value:.3f}", beside, meaning, (max(value, 0.0), floor))

    return [
        measure(
            "Alpha-precision",
            support.alpha_precision,
            support.alpha_precision_floor,
            "Do synthetic rows lie where real ones do? 1 is perfect.",
        ),
        measure(
            "Beta-recall",
            support.beta_recall,
            support.beta_recall_floor,
            "Do synthetic rows reach everywhere that real ones do? Good if near the holdout's.",
        ),
        measure(
            "Authenticity",
            support.authenticity,
            support.authenticity_floor,
            "Fraction of synthetic rows that do not crowd a real row more than another real row does.",
        ),
    ]


def _curve(
    title: str, label: str, axis: str, curve: tuple[float, ...], floor: tuple[float, ...], words: str, support: Support
) -> Markup:
    lines = {"synthetic": (support.levels, curve)} | ({"holdout": (support.levels, floor)} if floor else {})
    end = f"{label} reaches {number(curve[-1], 3)}" + (f", of holdout rows {number(floor[-1], 3)}" if floor else "")
    image = line_chart(lines, (axis, label), ((0, 0), (1, 1)), f"{title}: {end}", words)
    rows = [[f"{x:.2f}", *(f"{y[i]:.3f}" for _, y in lines.values())] for i, x in enumerate(support.levels)]
    headers = [axis, *(f">{role}" for role in lines)]
    return plot([element("strong", title), f" · {words}"], image, table(f"{title}: {label}", headers, rows))
