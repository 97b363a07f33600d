"""The section that sets several synthetic tables side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..facts.report import Report
from ..judging.side_by_side import SideBySide, headline_of_several, verdict_rows
from ..judging.verdicts import Verdict
from .elements.markup import Markup, element
from .elements.parts import beside, section, sentence, table
from .front import GLYPHS

__all__ = ["side_by_side_section"]


def side_by_side_section(
    reports: Mapping[str, Report], tables: Sequence[SideBySide], anchor: str, level: int, note: str = ""
) -> Markup:
    """One sentence, verdicts of every table, then their figures with the best marked.

    Args:
        note: what a reader must know before all figures.
    """
    says = [sentence(headline_of_several(reports), "headline"), sentence(note, "note") if note else None]
    wide = [_figures(each, level + 1) for each in tables if each.baseline is not None]
    squares = [_figures(each, level + 1) for each in tables if each.baseline is None]
    return section("Side by side", anchor, level, *says, _verdicts(reports), *wide, beside(*squares))


def _verdicts(reports: Mapping[str, Report]) -> Markup:
    rows = []
    for subject, lines in verdict_rows(reports).items():
        cells = ["-" if each is None else _verdict(each) for each in lines]
        rows.append([subject, *cells])
    return table("Verdicts", ["", *reports], rows)


def _verdict(verdict: Verdict) -> Markup:
    glyph = element("span", GLYPHS[verdict.level], class_=f"mark {verdict.level}", aria_hidden="true")
    return element("td", glyph, f" {verdict.figure}, {verdict.word}", class_="long")


def _figures(facts: SideBySide, level: int) -> Markup:
    best = [line.best for line in facts.lines]
    first = 1 if facts.baseline is None else 2
    rows = []
    for cells, name in zip(facts.rows(), best, strict=True):
        at = None if name is None else first + facts.names.index(name)
        rows.append([element("td", cell, class_="number best") if i == at else cell for i, cell in enumerate(cells)])
    caption = "Mean over the columns" if facts.baseline is None else " ".join(facts.notes)
    return element("div", element(f"h{level}", facts.title), table(caption, facts.headers, rows))
