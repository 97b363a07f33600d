"""A search as a page: what was found, the trials in the order of their time, and the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.page.document import document, link
from eval.page.elements.charts import points_chart
from eval.page.elements.markup import Child, Markup, element
from eval.page.elements.parts import bullets, plot, plots, section, table

from .tables import front_table, written
from .trials import Found, Trial

__all__ = ["page"]


def page(found: Found, facts: Mapping[str, str]) -> str:
    """One file that opens in any browser without a network; see :mod:`eval.page.document`.

    Args:
        facts: where the page comes from.
    """
    front = front_table(found)
    rows = [_cells(row, front.headers, best=index == front.best) for index, row in enumerate(front.rows)]
    first = section(
        "Findings",
        "findings",
        2,
        element("p", _says(found), class_="headline"),
        plots(_plots(found)),
        table("Trials that no other beats in everything, and the default", front.headers, rows),
        bullets(front.notes, "notes"),
    )
    sections = [link("Findings", "findings")], [first]
    return document(f"Tuning {found.search.model}", f"{len(found.trials)} trials", sections, facts)


def _cells(row: Sequence[str], headers: Sequence[str], *, best: bool) -> list[Child]:
    """The first names the trial, the last has its settings, which are long."""
    classes = ["number" if header.startswith(">") else "settings" for header in headers[1:]]
    marked = [f"{class_} best" if best else class_ for class_ in classes]
    return [row[0], *(element("td", cell, class_=class_) for cell, class_ in zip(row[1:], marked, strict=True))]


def _says(found: Found) -> str:
    if found.best is None:
        return "No trial could be judged."
    if found.best.is_default or not found.settings:
        return "The default settings are the best that were found."
    return f"The best settings that were found: {written(found.settings)}."


def _plots(found: Found) -> list[Markup]:
    judged = [trial for trial in found.trials if trial.scores is not None]
    if not judged:
        return []
    best = found.best.number if found.best else None
    made = [_plot("Score", "trial", judged, best, [(float(t.number), t.scores.score) for t in judged if t.scores])]
    both = [
        (trial, (trial.scores.fidelity, trial.scores.utility))
        for trial in judged
        if trial.scores is not None and trial.scores.utility is not None
    ]
    if both:
        trials, positions = zip(*both, strict=True)
        made.append(_plot("Utility", "fidelity", list(trials), best, list(positions)))
    return made


def _plot(name: str, axis: str, trials: list[Trial], best: int | None, positions: list[tuple[float, float]]) -> Markup:
    marked = next((i for i, trial in enumerate(trials) if trial.number == best), None)
    top = max(positions, key=lambda position: position[1])
    finding = f"{name} of each trial: at most {top[1]:.4f}"
    tips = [
        f"trial {trial.number}: {axis} {x:.6g}, {name.lower()} {y:.4f}"
        for trial, (x, y) in zip(trials, positions, strict=True)
    ]
    image = points_chart(positions, tips, (axis, name.lower()), marked, finding, "A point per trial; filled: the best.")
    return plot([element("strong", name), f" · by {axis}; a point per trial, filled: the one that was chosen"], image)
