"""The study as a page: what it found, the differences from real rows alone as plots, and every table."""

from __future__ import annotations

from collections.abc import Mapping

from eval.page.document import document, link
from eval.page.elements.charts import interval_chart
from eval.page.elements.markup import Markup, element
from eval.page.elements.parts import bullets, plot, plots, section, sentence, table

from .findings import SCORE_WORDS, findings, verdict
from .sheets import NOTE, Sheet, sheets, what_was_used
from .study import Study

__all__ = ["PLOTTED", "page"]

#: Scores whose difference from real rows alone is drawn.
PLOTTED = ("pr_auc", "best_f1", "corrected_log_loss")


def page(study: Study, facts: Mapping[str, str]) -> str:
    """One file that opens in any browser without a network; see :mod:`eval.page.document`.

    Args:
        facts: where the page comes from.
    """
    failed = [f"{outcome.recipe.label} failed: {outcome.error}" for outcome in study.outcomes if outcome.error]
    found = section(
        "Findings",
        "findings",
        2,
        element("p", element("strong", verdict(study))),
        bullets([*failed, *findings(study)], "findings"),
        plots([_plot(study, name) for name in PLOTTED if _has(study, name)]),
        sentence(NOTE, "quiet"),
    )
    figures = section("Figures", "figures", 2, *(_table(sheet) for sheet in sheets(study)))
    sections = [link("Findings", "findings"), link("Figures", "figures")], [found, figures]
    title = f"Do synthetic rows of {study.named} help?"
    return document(title, what_was_used(study), sections, facts)


def _plot(study: Study, name: str) -> Markup:
    rows = [
        (outcome.recipe.label, outcome.scores.differences[name])
        for outcome in study.outcomes
        if outcome.scores is not None and name in outcome.scores.differences
    ]
    words = SCORE_WORDS[name]
    above = [label for label, apart in rows if apart.low is not None and apart.low > 0]
    below = [label for label, apart in rows if apart.high is not None and apart.high < 0]
    said = [f"above 0: {', '.join(above)}"] * bool(above) + [f"below 0: {', '.join(below)}"] * bool(below)
    finding = f"{words}: " + ("; ".join(said) or "no interval leaves 0 out")
    image = interval_chart(rows, 0.0, "difference from real rows alone", finding, "Each with its interval of 95 %.")
    return plot([element("strong", words), f" · {'; '.join(said) or 'no interval leaves 0 out'}"], image)


def _has(study: Study, name: str) -> bool:
    return any(outcome.scores is not None and name in outcome.scores.differences for outcome in study.outcomes)


def _table(sheet: Sheet) -> Markup:
    rows = []
    for first, *cells in sheet.rows:
        marked = [
            element("td", cell.written, class_="number best") if cell.mark == "better" else cell.written
            for cell in cells
        ]
        rows.append([first.text, *marked])
    return table(sheet.title, sheet.headers, rows)
