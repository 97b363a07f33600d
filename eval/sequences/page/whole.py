"""The page of one report of histories, or of several by name: one file that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tabular.errors import UsageError
from tabular.storage.rundir import write_text

from ...page.elements.markup import Child, Markup, element
from ...page.elements.parts import section, sentence, table
from ...page.front import card
from ...page.html import document, folded, link
from ...page.origin import origin_section
from ..facts import SequenceReport
from ..words import verdicts_of
from .distances import verdict_row
from .sections import SECTIONS

__all__ = ["sequence_page", "write_sequence_html"]

_ASKED = {
    "length": "Do users have as many events as real ones?",
    "gaps": "Is the time between two events of a user as in the real log, and are users as bursty?",
    "times": "Do events come when real ones do: over the months, the week and the day?",
    "transitions": "Does the same follow each value of an event as in the real log?",
    "coherence": "Are two events that follow each other as alike as real ones?",
    "per user": "Do the values of a user come to the same: means, spreads, changes, shares?",
    "detection": "Can a classifier that sees all values of a user tell synthetic users from real ones?",
    "next event": "Does a model that learned from synthetic users predict the next event of real ones as well?",
    "churn": "Does a model that learned from synthetic users know as well who will be active in the last quarter?",
    "membership": "Can an attacker tell which users were learned from?",
}
_ANCHORS = {
    "coherence": "transitions",
    "per user": "per-user",
    "next event": "predictions",
    "churn": "predictions",
}


def write_sequence_html(
    reports: SequenceReport | Mapping[str, SequenceReport], path: str | Path, *, facts: Mapping[str, str] | None = None
) -> None:
    """Write the page to ``path``; an old file is replaced in one step.

    Args:
        facts: where the logs come from, as ``eval.facts.provenance`` lists it.

    Raises:
        UsageError: if there is no report.
        OutputError: if the file cannot be written.
    """
    write_text(path, sequence_page(reports, facts=facts))


def sequence_page(
    reports: SequenceReport | Mapping[str, SequenceReport], *, facts: Mapping[str, str] | None = None
) -> str:
    """The page as text; see :func:`write_sequence_html`."""
    if isinstance(reports, SequenceReport):
        reports = {"": reports}
    if not reports:
        raise UsageError("There is no report to make a page of; compare a log first.")
    first = next(iter(reports.values()))
    if len(reports) == 1:
        title = "Synthetic histories"
        links, body = _one(first, "", 2)
        about = _compared(first)
    else:
        title = f"Histories of {len(reports)} synthetic logs"
        links, body = _several(reports)
        about = f"{first.real.users:,} real users with {first.real.events:,} events against {', '.join(reports)}"
    if (origin := origin_section(facts or {}, "origin", 2)) is not None:
        links, body = [*links, link("Origin", "origin")], [*body, origin]
    return document(f"{title} beside the real ones", about, links, body)


def _compared(report: SequenceReport) -> str:
    return (
        f"{report.real.users:,} real users with {report.real.events:,} events · {report.synthetic.users:,} synthetic "
        f"users with {report.synthetic.events:,} · by {report.by}, in order of {report.time}"
    )


def _one(report: SequenceReport, prefix: str, level: int) -> tuple[list[Markup], list[Child]]:
    """Links to the sections of one report, and the sections."""
    verdicts = verdicts_of(report)
    cards = [
        card(verdict, f"{prefix}{_ANCHORS.get(question, question)}", _ASKED[question])
        for question, verdict in verdicts.items()
    ]
    good = sum(verdict.level == "good" for verdict in verdicts.values())
    said = f"{good} of {len(verdicts)} verdicts are good."
    floor = (
        f"Each distance compares {report.compared_users:,} real users with as many synthetic ones; the noise floor is "
        "that of as many other real users. 0 = no difference."
    )
    links = [link("Verdicts", f"{prefix}verdicts")]
    body: list[Child] = [
        section(
            "Verdicts",
            f"{prefix}verdicts",
            level,
            sentence(said, "headline"),
            element("ul", *cards, class_="cards"),
            sentence(floor, "quiet small"),
        )
    ]
    for name, anchor, draw in SECTIONS:
        drawn = draw(report, f"{prefix}{anchor}", level)
        if drawn is not None:
            links.append(link(name, f"{prefix}{anchor}"))
            body.append(drawn)
    if report.notes:
        notes = element("ul", *(element("li", note) for note in report.notes), class_="notes")
        links.append(link("Notes", f"{prefix}notes"))
        body.append(section("Notes", f"{prefix}notes", level, notes))
    return links, body


def _several(reports: Mapping[str, SequenceReport]) -> tuple[list[Markup], list[Child]]:
    """The verdicts side by side, then each log's own sections, folded."""
    every = [verdicts_of(report) for report in reports.values()]
    rows = []
    for question in _ASKED:
        found = [verdicts[question] for verdicts in every if question in verdicts]
        if len(found) == len(every):
            rows.append(verdict_row(found))
    links = [link("Side by side", "side-by-side")]
    body: list[Child] = [section("Side by side", "side-by-side", 2, table("Verdicts", ["", *reports], rows))]
    for number, (name, report) in enumerate(reports.items(), 1):
        anchor = f"table-{number}"
        inner, sections = _one(report, f"{anchor}-", 3)
        links.append(link(name, anchor))
        body.append(folded(name, anchor, _compared(report), inner, sections))
    return links, body
