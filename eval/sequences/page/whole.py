"""The page of one report of histories, or of several by name: one file that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tabular.storage.rundir import write_text

from ...page.document import Sections, beside_the_real, by_name, link
from ...page.elements.markup import Child, Markup, element
from ...page.elements.parts import bullets, section, sentence, table
from ...page.front import card
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
    """Write :func:`sequence_page` to ``path``; an old file is replaced in one step, or OutputError raised."""
    write_text(path, sequence_page(reports, facts=facts))


def sequence_page(
    reports: SequenceReport | Mapping[str, SequenceReport], *, facts: Mapping[str, str] | None = None
) -> str:
    """The page of one report of histories, or of several by name, as text.

    Args:
        facts: where the logs come from, as ``eval.facts.provenance`` lists it.

    Raises:
        UsageError: if there is no report.
    """
    return beside_the_real(
        by_name(reports, SequenceReport, "a log"),
        ("Synthetic histories", "Histories of {} synthetic logs"),
        real=_real,
        compared=_compared,
        one=_one,
        side_by_side=_side_by_side,
        facts=facts or {},
    )


def _real(report: SequenceReport) -> str:
    return f"{report.real.users:,} real users with {report.real.events:,} events"


def _compared(report: SequenceReport) -> str:
    made = f"{report.synthetic.users:,} synthetic users with {report.synthetic.events:,}"
    return f"{_real(report)} · {made} · by {report.by}, in order of {report.time}"


def _one(_: str, report: SequenceReport, prefix: str, level: int) -> Sections:
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
        notes = bullets(report.notes, "notes")
        links.append(link("Notes", f"{prefix}notes"))
        body.append(section("Notes", f"{prefix}notes", level, notes))
    return links, body


def _side_by_side(reports: Mapping[str, SequenceReport]) -> Markup:
    every = [verdicts_of(report) for report in reports.values()]
    rows = []
    for question in _ASKED:
        found = [verdicts[question] for verdicts in every if question in verdicts]
        if len(found) == len(every):
            rows.append(verdict_row(found))
    return section("Side by side", "side-by-side", 2, table("Verdicts", ["", *reports], rows))
