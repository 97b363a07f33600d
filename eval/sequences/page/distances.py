"""Distances beside their noise floors, the detection of whole units, verdicts side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...judging.verdicts import Verdict
from ...page.elements.charts import bar
from ...page.elements.markup import Markup, element
from ...page.elements.parts import Measure, beside, measures, table
from ...page.front import GLYPHS
from ..facts import Figure
from ..pictures import excess
from ..words import shown, times_the_floor

__all__ = ["detection_parts", "figures_table", "verdict_row"]

#: Figures of a question that are listed.
MAX_LISTED = 40


def figures_table(figures: Iterable[Figure], question: str, words: str) -> Markup | None:
    """Every figure of a question, farthest above the noise floor first; ``None`` where there is none.

    Args:
        words: what the distance is of.
    """
    found = sorted((f for f in figures if f.question == question), key=excess, reverse=True)
    if not found:
        return None
    top = max(0.2, *(figure.value or 0.0 for figure in found))
    rows = [
        [
            figure.name,
            bar(figure.value, figure.floor, top),
            shown(figure.value),
            shown(figure.floor),
            times_the_floor(figure),
        ]
        for figure in found[:MAX_LISTED]
    ]
    more = len(found) - len(rows)
    caption = f"Distance: {words}" + (f"; {more:,} more lie nearer to real ones" if more else "")
    return table(caption, ["", "", ">synthetic", ">noise floor", ">times"], rows)


def detection_parts(score: float, floor: float | None, telling: Mapping[str, float], unit: str, units: str) -> Markup:
    """The score of the detector, and the values of a ``unit`` that give synthetic ``units`` away."""
    top = max(telling.values(), default=1.0)
    rows = [[name, bar(gain, None, top), f"{gain:.1f}"] for name, gain in telling.items()]
    measure = Measure(
        "Detection score",
        shown(score),
        f"noise floor {shown(floor)}",
        f"1 less |2 AUC - 1| of trees that see all values of a {unit}. 1: cannot be told, 0: always told.",
        (score, floor),
    )
    headers = [f"value of a {unit}", "", ">share of gain, %"]
    return beside(measures([measure]), table(f"What gives synthetic {units} away", headers, rows))


def verdict_row(verdicts: Sequence[Verdict]) -> list[Markup | str]:
    """The row of a table: the subject, and its verdict in each of several reports."""
    cells = [
        element(
            "td",
            element("span", GLYPHS[v.level], class_=f"mark {v.level}", aria_hidden="true"),
            f" {v.figure} ({v.reference}), {v.word}",
            class_="long",
        )
        for v in verdicts
    ]
    return [verdicts[0].subject, *cells]
