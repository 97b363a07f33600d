"""A report of sequences on the terminal: a line per question, and the figures of each if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular.terminal import escape, plain

from ..screen.tables import print_table
from .facts import Figure, SequenceReport

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["render_sequences"]

_ASKED = {
    "length": "number of events",
    "gaps": "time between events",
    "times": "when events are",
    "transitions": "what follows what",
    "coherence": "likeness of neighbours",
    "per user": "values of a user",
}


def render_sequences(report: SequenceReport, console: Console, *, details: bool = False, limit: int = 10) -> None:
    """Print ``report`` on ``console``.

    Args:
        details: whether every question is followed by its figures, those farthest above the noise floor first.
        limit: figures of each question at most.
    """
    console.print(
        f"{report.real.users:,} real users with {report.real.events:,} events, {report.synthetic.users:,} synthetic "
        f"users with {report.synthetic.events:,}; {report.compared_users:,} of each are compared, and as many other "
        "real users for the noise floor."
    )
    console.print()
    rows = [
        [_ASKED[question], *map(_shown, (found.value, found.floor)), _times(found.value, found.floor)]
        for question, found in report.questions.items()
    ]
    print_table(console, ["distance", ">synthetic", ">noise floor", ">times"], rows)
    console.print()
    console.print(
        f"Detection of whole users: {_shown(report.detection)} (noise floor {_shown(report.detection_floor)}; 1 = a "
        "classifier cannot tell them from real ones)."
    )
    if report.telling and report.detection is not None and report.detection < 0.95:
        named = ", ".join(f"{escape(plain(name))} {gain:.0f} %" for name, gain in list(report.telling.items())[:5])
        console.print(f"They are told by {named}.")
    for note in report.notes:
        console.print(escape(plain(note)))
    if details:
        for question in report.questions:
            found = sorted((f for f in report.figures if f.question == question), key=_excess, reverse=True)
            console.print()
            lines = [
                [escape(plain(f.name)), *map(_shown, (f.value, f.floor)), _times(f.value, f.floor)]
                for f in found[:limit]
            ]
            print_table(console, [_ASKED[question], ">synthetic", ">noise floor", ">times"], lines)


def _excess(figure: Figure) -> float:
    return (figure.value or 0.0) - (figure.floor or 0.0)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _times(value: float | None, floor: float | None) -> str:
    return "-" if value is None or not floor else f"{value / floor:.1f}"
