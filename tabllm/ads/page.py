"""What was found of CTR models as a page: a sentence for each synthetic past, intervals as plots, and every table."""

from __future__ import annotations

from collections.abc import Mapping

from eval.judging.wording import METRICS
from eval.page.document import document, link
from eval.page.elements.charts import interval_chart
from eval.page.elements.markup import Markup, element
from eval.page.elements.parts import bullets, plot, plots, section, sentence, table

from .facts import CtrReport
from .tables import DIFFERENCES, ctr_tables, headline, verdict

__all__ = ["page"]


def page(report: CtrReport, failed: Mapping[str, str], facts: Mapping[str, str]) -> str:
    """One file that opens in any browser without a network; see :mod:`eval.page.document`.

    Args:
        failed: why a generator made nothing, by name.
        facts: where the page comes from.
    """
    said = [verdict(model) for model in report.synthetic] + [f"{name} failed: {why}" for name, why in failed.items()]
    found = section(
        "Findings",
        "findings",
        2,
        bullets(said, "findings headline") if said else None,
        plots([_plot(report, name) for name in DIFFERENCES]),
        bullets(report.notes, "notes"),
    )
    figures = section(
        "Figures",
        "figures",
        2,
        *(
            element("div", table(each.title, each.headers, each.rows), sentence(each.note, "quiet small"))
            for each in ctr_tables(report)
        ),
    )
    sections = [link("Findings", "findings"), link("Figures", "figures")], [found, figures]
    return document(f"CTR models of {report.click}", headline(report), sections, facts)


def _plot(report: CtrReport, name: str) -> Markup:
    rows = [(model.name, model.differences[name]) for model in report.models if name in model.differences]
    label = METRICS[name].label
    words = f"difference of {label} to the model of the real past"
    image = interval_chart(rows, 0.0, "difference to the real past", f"{label}: {words}", "Intervals of 95 %.")
    return plot([element("strong", label), f" · {words}, with intervals of 95 %"], image)
