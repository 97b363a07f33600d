"""The section that sets several synthetic tables side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..report import Report
from ..side_by_side import SideBySide, verdict_rows
from ..verdicts import Verdict
from ..wording import number
from .front import GLYPHS
from .markup import Markup, element
from .parts import beside, section, table

__all__ = ["side_by_side_section"]


def side_by_side_section(
    reports: Mapping[str, Report], tables: Sequence[SideBySide], anchor: str, level: int
) -> Markup:
    """Verdicts of every table, then their figures with the best marked."""
    return section(
        "Side by side", anchor, level, _verdicts(reports), beside(*(_figures(each, level + 1) for each in tables))
    )


def _verdicts(reports: Mapping[str, Report]) -> Markup:
    rows = []
    for subject, lines in verdict_rows(reports).items():
        cells = ["-" if each is None else _verdict(each) for each in lines]
        rows.append([subject, *cells])
    return table("Verdicts", ["", *reports], rows)


def _verdict(verdict: Verdict) -> Markup:
    glyph = element("span", GLYPHS[verdict.level], class_=f"mark {verdict.level}", aria_hidden="true")
    return element("td", glyph, f" {verdict.figure}, {verdict.word}")


def _figures(facts: SideBySide, level: int) -> Markup:
    rows = []
    for line in facts.lines:
        cells = [
            element("td", number(value, line.decimals), class_="number best" if name == line.best else "number")
            for name, value in zip(facts.names, line.values, strict=True)
        ]
        rows.append([line.label, number(line.baseline, line.decimals), *cells, line.best or "-"])
    headers = ["", ">Baseline", *(f">{name}" for name in facts.names), "Best"]
    return element("div", element(f"h{level}", facts.title), table(f"Baseline: {facts.baseline}", headers, rows))
