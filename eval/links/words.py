"""Words and verdicts for the figures of linked tables, the same on the terminal and on the page."""

from __future__ import annotations

from ..judging.verdicts import Verdict
from ..sequences.words import detection_verdict, distance_verdict
from .facts import KeyReport, LinksReport

__all__ = ["QUESTION_NAMES", "integrity_cells", "integrity_verdict", "verdicts_of_key"]

QUESTION_NAMES = {
    "cardinality": "children of a parent",
    "parent and child": "parent's columns with child's",
    "siblings": "likeness of siblings",
}


def integrity_verdict(report: LinksReport) -> Verdict:
    """Whether every filled key of every table names one row of its parent."""
    bad = [key for key in report.keys if key.valid_percent < 100 or not key.unique]
    count = len(report.keys)
    figure = f"{count - len(bad)} of {count} keys"
    words = "all lead to one row" if not bad else "keys lead nowhere"
    return Verdict("integrity", "poor" if bad else "good", figure, "filled keys that name one row", words)


def integrity_cells(key: KeyReport) -> list[str]:
    """Whether the parent is a lookup table; valid keys, whether they are unique, missing ones, real missing ones."""
    return [
        "lookup" if key.kept else "",
        f"{key.valid_percent:g} %",
        "yes" if key.unique else "NO",
        f"{key.missing_percent:.1f} %",
        f"{key.real_missing_percent:.1f} %",
    ]


def verdicts_of_key(key: KeyReport) -> dict[str, Verdict]:
    """Question, or ``"detection"`` -> its verdict; nothing for a key that is not compared."""
    if key.questions is None:
        return {}
    found = {question: distance_verdict(QUESTION_NAMES[question], each) for question, each in key.questions.items()}
    found["detection"] = detection_verdict("detection of families", key.detection, key.detection_floor)
    return found
