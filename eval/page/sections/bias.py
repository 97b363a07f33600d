"""The section on bias: the groups of each protected column, and where synthetic widens the gaps between them."""

from __future__ import annotations

from ...facts.report import Bias, Gap, GroupRates, ProtectedColumn, Report
from ...judging.wording import in_points, number, points
from ..elements.charts import interval_chart, rows_chart
from ..elements.markup import Markup, element
from ..elements.parts import beside, legend, plot, plots, section, sentence, table
from ..front import GLYPHS

__all__ = ["bias_section"]

_MEANINGS = {
    "representation": "how far a group's fraction of the rows lies from its fraction in the real table (under real: "
    "that of the holdout)",
    "label rate": "between the groups with the largest and the smallest fraction of the label",
    "demographic parity": "the same of the rows that a model picks",
    "equalised odds": "the larger of the gaps of a model's true positive and false positive rates",
}


def bias_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where no column is protected."""
    bias = report.bias
    if bias is None:
        return None
    about = "Groups are compared in the real and in the synthetic table"
    if bias.label is not None:
        about += f", by their fraction of {bias.label}, and by what a model that learned from each table picks"
    return section(
        "Bias: gaps between groups",
        anchor,
        level,
        sentence(
            f"{about}. A gap is flagged where synthetic widens it by more than noise and more than one point.", "quiet"
        ),
        element(
            "ul",
            *(element("li", element("strong", name), f": {words}") for name, words in _MEANINGS.items()),
            class_="notes small",
        ),
        sentence(bias.caveat, "caveat"),
        *(part for column in bias.columns for part in _column(column, bias, level + 1)),
    )


def _column(column: ProtectedColumn, bias: Bias, level: int) -> list[Markup]:
    rows = [
        [
            gap.name,
            points(gap.real),
            points(gap.synthetic),
            points(gap.widened.value, signed=True),
            f"{points(gap.widened.low, signed=True)} to {points(gap.widened.high, signed=True)}",
            _flag(gap),
        ]
        for gap in column.gaps
    ]
    headers = ["gap, percentage points", ">real", ">synthetic", ">wider by", ">95 % interval", "verdict"]
    flagged = [gap.name for gap in column.gaps if gap.flagged]
    finding = f"Gaps of {column.name}: " + (f"wider in {', '.join(flagged)}" if flagged else "none is flagged")
    image = interval_chart(
        [(gap.name, in_points(gap.widened)) for gap in column.gaps],
        0.0,
        "wider by, points; dotted: as real",
        finding,
        "An interval wholly above 0 means that the synthetic table widens the gap.",
    )
    return [
        element(f"h{level}", column.name),
        beside(
            table(f"Gaps between the groups of {column.name}", headers, rows),
            plot([element("strong", "Wider than real?"), f" · {finding}"], image),
        ),
        legend(
            "real",
            "synthetic",
            *(["holdout"] if column.groups and column.groups[0].holdout_percent is not None else []),
        ),
        plots([_groups(column, *rates) for rates in _rates(column, bias)]),
    ]


def _rates(column: ProtectedColumn, bias: Bias) -> list[tuple[str, list[float], list[float], list[float] | None]]:
    """What is drawn of the groups: a title, and the fraction of each group by table."""
    groups = column.groups
    holdout = [group.holdout_percent or 0.0 for group in groups]
    drawn: list[tuple[str, list[float], list[float], list[float] | None]] = [
        (
            "Fraction of the rows",
            [g.real_percent for g in groups],
            [g.synthetic_percent for g in groups],
            holdout if any(group.holdout_percent is not None for group in groups) else None,
        )
    ]
    for title, real, synthetic in (
        (f"Fraction with {bias.label}", "real_label_percent", "synthetic_label_percent"),
        ("Fraction picked by the model", "selected_real_percent", "selected_synthetic_percent"),
    ):
        if any(getattr(group, real) is not None for group in groups):
            drawn.append((title, _known(groups, real), _known(groups, synthetic), None))
    return drawn


def _known(groups: tuple[GroupRates, ...], name: str) -> list[float]:
    return [getattr(group, name) or 0.0 for group in groups]


def _groups(
    column: ProtectedColumn, title: str, real: list[float], synthetic: list[float], holdout: list[float] | None
) -> Markup:
    names = [group.name for group in column.groups]
    gaps = [abs(a - b) for a, b in zip(real, synthetic, strict=True)]
    at = gaps.index(max(gaps))
    finding = f"{column.name}, {title.lower()}: widest difference {gaps[at]:.1f} points, {names[at]}"
    image = rows_chart(
        names,
        {"real": real, "synthetic": synthetic, "holdout": holdout},
        finding,
        f"Real {real[at]:.1f} %, synthetic {synthetic[at]:.1f} %.",
    )
    rows = [[name, number(a, 1), number(b, 1)] for name, a, b in zip(names, real, synthetic, strict=True)]
    return plot([element("strong", title)], image, table(f"{title}, %", ["group", ">real", ">synthetic"], rows))


def _flag(gap: Gap) -> Markup:
    level, word = ("poor", "wider") if gap.flagged else ("good", "as real")
    glyph = element("span", GLYPHS[level], class_=f"mark {level}", aria_hidden="true")
    return element("td", glyph, f" {word}")
