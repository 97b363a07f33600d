"""A report of sequences on the terminal: a line per question, and the figures of each if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular.terminal import escape, plain

from ..screen.tables import print_table
from .facts import SequenceReport
from .pictures import excess
from .words import QUESTION_NAMES, attribution_words, credit_rows, membership_words, shown, times_the_floor

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["render_sequences"]


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
        [QUESTION_NAMES[question], *map(shown, (found.value, found.floor)), times_the_floor(found)]
        for question, found in report.questions.items()
    ]
    print_table(console, ["distance", ">synthetic", ">noise floor", ">times"], rows)
    console.print()
    console.print(
        f"Detection of whole users: {shown(report.detection)} (noise floor {shown(report.detection_floor)}; 1 = a "
        "classifier cannot tell them from real ones)."
    )
    if report.telling and report.detection is not None and report.detection < 0.95:
        named = ", ".join(f"{escape(plain(name))} {gain:.0f} %" for name, gain in list(report.telling.items())[:5])
        console.print(f"They are told by {named}.")
    _uses(report, console)
    for note in report.notes:
        console.print(escape(plain(note)))
    if details:
        for question in report.questions:
            found = sorted((f for f in report.figures if f.question == question), key=excess, reverse=True)
            console.print()
            lines = [
                [escape(plain(f.name)), *map(shown, (f.value, f.floor)), times_the_floor(f)] for f in found[:limit]
            ]
            print_table(console, [QUESTION_NAMES[question], ">synthetic", ">noise floor", ">times"], lines)


def _uses(report: SequenceReport, console: Console) -> None:
    """What models learn from the histories, conversions by channel, and the attack on users."""
    if report.predictions:
        console.print()
        rows = [
            [escape(plain(p.target)), *map(shown, (p.real, p.synthetic, p.lost, p.floor))] for p in report.predictions
        ]
        headers = ["AUC of predicting", ">learned from real", ">from synthetic", ">lost", ">noise floor"]
        print_table(console, headers, rows)
    if (found := report.attribution) is not None:
        console.print()
        headers = [
            f"% by {escape(plain(found.channel))}",
            ">last touch",
            ">synthetic",
            ">removal effect",
            ">interval",
            ">synthetic",
            "inside",
        ]
        print_table(console, headers, [list(map(escape, cells)) for cells in credit_rows(found)])
        console.print(escape(plain(attribution_words(found))))
    if report.membership is not None:
        console.print()
        console.print(membership_words(report.membership))
