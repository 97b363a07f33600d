"""The page of linked tables, of one report or of several by name: one file that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tabular.storage.rundir import write_text

from ..judging.verdicts import Verdict
from ..page.document import Sections, beside_the_real, by_name, link
from ..page.elements.markup import Child, Markup, element
from ..page.elements.parts import beside, bullets, hidden, legend, plots, section, sentence, table
from ..page.front import card
from ..sequences.page.distances import detection_parts, figures_table, verdict_row
from ..sequences.page.drawings import bars_plot, matrix_plots, profile_plot
from .facts import KeyReport, LinksReport
from .words import QUESTION_NAMES, integrity_cells, integrity_verdict, verdicts_of_key

__all__ = ["links_page", "write_links_html"]

_ASKED = {
    "cardinality": "Do parents have as many children as real ones?",
    "parent and child": "Do columns of a child go with those of its parent as in the real tables?",
    "siblings": "Are children of one parent as alike as real ones?",
    "detection": "Can a classifier that sees a parent and aggregates of its children tell synthetic from real ones?",
}


def write_links_html(
    reports: LinksReport | Mapping[str, LinksReport], path: str | Path, *, facts: Mapping[str, str] | None = None
) -> None:
    """Write :func:`links_page` to ``path``; an old file is replaced in one step, :class:`OutputError` if it cannot."""
    write_text(path, links_page(reports, facts=facts))


def links_page(reports: LinksReport | Mapping[str, LinksReport], *, facts: Mapping[str, str] | None = None) -> str:
    """The page of one report, or of several by name, as text.

    Args:
        facts: where the tables come from, as ``eval.facts.provenance`` lists it.

    Raises:
        UsageError: if there is no report.
    """
    return beside_the_real(
        by_name(reports, LinksReport, "linked tables"),
        ("Synthetic linked tables", "{} sets of synthetic linked tables"),
        real=lambda report: f"real rows: {_sizes(report.real_rows)} ·",
        compared=_compared,
        one=_one,
        side_by_side=_side_by_side,
        facts=facts or {},
    )


def _sizes(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {name}" for name, count in rows.items())


def _compared(report: LinksReport) -> str:
    return f"real rows: {_sizes(report.real_rows)} · synthetic rows: {_sizes(report.synthetic_rows)}"


def _one(_: str, report: LinksReport, prefix: str, level: int) -> Sections:
    """Links to the sections of one report, and the sections."""
    links = [link("Verdicts", f"{prefix}verdicts"), link("Keys", f"{prefix}keys")]
    body: list[Child] = [_verdicts(report, prefix, level), _keys(report, f"{prefix}keys", level)]
    for number, key in enumerate(report.keys, 1):
        if key.pictures is not None:
            links.append(link(f"{key.pictures.parent} → {key.pictures.child}", f"{prefix}key-{number}"))
            body.append(_key(key, f"{prefix}key-{number}", level))
    if report.notes:
        notes = bullets(report.notes, "notes")
        links.append(link("Notes", f"{prefix}notes"))
        body.append(section("Notes", f"{prefix}notes", level, notes))
    return links, body


def _verdicts(report: LinksReport, prefix: str, level: int) -> Markup:
    integrity = integrity_verdict(report)
    asked = "Does every key lead to one row of its parent?"
    parts: list[Child] = [element("ul", card(integrity, f"{prefix}keys", asked), class_="cards")]
    every: list[Verdict] = [integrity]
    for number, key in enumerate(report.keys, 1):
        if verdicts := verdicts_of_key(key):
            every += verdicts.values()
            anchor = f"{prefix}key-{number}"
            cards = [card(each, f"{anchor}-{_slug(question)}", _ASKED[question]) for question, each in verdicts.items()]
            parts += [element(f"h{level + 1}", key.key), element("ul", *cards, class_="cards")]
    good = sum(verdict.level == "good" for verdict in every)
    floor = (
        "Each distance compares half of the real parents of a key with as many synthetic ones; the noise floor is that "
        "of as many other real parents. 0 = no difference."
    )
    said = sentence(f"{good} of {len(every)} verdicts are good.", "headline")
    return section("Verdicts", f"{prefix}verdicts", level, said, *parts, sentence(floor, "quiet small"))


def _keys(report: LinksReport, anchor: str, level: int) -> Markup:
    rows = [[key.key, *integrity_cells(key)] for key in report.keys]
    headers = ["key", "parent", ">valid", ">unique", ">no parent", ">no parent, real"]
    words = (
        "Valid: the filled keys of children that name a row. Unique: no two parents have the same key. A lookup table "
        "is kept as it is, so nothing else of its keys is compared."
    )
    return section("Keys", anchor, level, sentence(words, "quiet"), table("Integrity", headers, rows))


def _slug(question: str) -> str:
    return question.replace(" ", "-")


def _key(key: KeyReport, anchor: str, level: int) -> Markup:
    """One key: each question with its figures and plots."""
    drawn = key.pictures
    assert drawn is not None
    title = f"{drawn.child} of {drawn.parent}"
    found: list[Child] = [
        sentence(f"{key.key} · {key.compared_parents:,} parents on each side of every comparison", "quiet"),
        legend("real", "synthetic"),
    ]
    words = f"Percentage of the rows of {drawn.parent} by how many rows of {drawn.child} they have."
    parts: dict[str, list[Child]] = {
        "cardinality": [
            beside(profile_plot(drawn.children, "Number of children", words), _figures(key, "cardinality"))
        ],
        "parent and child": _pairs(key),
        "siblings": _siblings(key),
        "detection": [],
    }
    if key.detection is not None:
        parts["detection"] = [
            detection_parts(key.detection, key.detection_floor, key.telling or {}, "family", "families"),
            plots(
                [
                    *(profile_plot(each, each.name, "Percentage of parents.") for each in drawn.families),
                    *(bars_plot(each, each.name, "Percentage of parents.") for each in drawn.categories),
                ]
            ),
        ]
    headings = {**QUESTION_NAMES, "detection": "families told from real ones"}
    for question, inner in parts.items():
        if any(inner):
            heading = headings[question]
            name = heading[0].upper() + heading[1:]
            found.append(section(name, f"{anchor}-{_slug(question)}", level + 1, *inner))
    return section(title, anchor, level, *found)


def _pairs(key: KeyReport) -> list[Child]:
    assert key.pictures is not None
    axes = (key.pictures.parent, key.pictures.child)
    drawn = []
    for each in key.pictures.pairs:
        matrices = matrix_plots(each, axes, f"Percentage of {axes[1]} by value, given the value of {axes[0]}.")
        drawn.append(element("div", element("p", element("strong", each.name)), matrices))
    if not drawn:
        return []
    words = (
        "A row is a value of the parent, a column one of its child; numbers in equal parts of the real ones. In the "
        "difference blue is more than real, orange is less."
    )
    more = [hidden(f"{len(drawn) - 1} more pairs", *drawn[1:])] if len(drawn) > 1 else []
    return [sentence(words, "quiet"), drawn[0], *more, _figures(key, "parent and child")]


def _siblings(key: KeyReport) -> list[Child]:
    figures = _figures(key, "siblings")
    if key.pictures is None or key.pictures.siblings is None:
        return [figures]
    words = "0: no more alike than any two rows, 100: the same."
    return [beside(bars_plot(key.pictures.siblings, "Likeness", words), figures)]


def _figures(key: KeyReport, question: str) -> Markup | None:
    return figures_table(key.figures, question, QUESTION_NAMES[question])


def _side_by_side(reports: Mapping[str, LinksReport]) -> Markup:
    rows = [verdict_row([integrity_verdict(report) for report in reports.values()])]
    for keys in zip(*(report.keys for report in reports.values()), strict=True):
        every = [verdicts_of_key(key) for key in keys]
        for question in every[0]:
            found = [verdicts[question] for verdicts in every if question in verdicts]
            if len(found) == len(every):
                subject, *cells = verdict_row(found)
                rows.append([f"{keys[0].key}: {subject}", *cells])
    return section("Side by side", "side-by-side", 2, table("Verdicts", ["", *reports], rows))
