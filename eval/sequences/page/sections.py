"""The sections of the page of histories: each question with its figures and plots."""

from __future__ import annotations

from collections.abc import Callable

from ...facts.estimates import Estimate
from ...judging.wording import percent
from ...page.elements.charts import interval_chart
from ...page.elements.markup import Markup, element
from ...page.elements.parts import beside, hidden, legend, plot, plots, section, sentence, table
from ..facts import Pictures, SequenceReport
from ..words import QUESTION_NAMES, attribution_words, credit_rows, membership_words, shown
from .distances import detection_parts, figures_table
from .drawings import bars_plot, matrix_plots, profile_plot

__all__ = ["SECTIONS"]


def _lengths(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    drawn = _pictures(report)
    return section(
        "Events of a user",
        anchor,
        level,
        legend("real", "synthetic"),
        beside(
            profile_plot(drawn.lengths, "Number of events", "Percentage of users; the axis grows by factors."),
            _figures(report, "length"),
        ),
    )


def _gaps(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    drawn = _pictures(report).gaps
    if drawn is None:
        return None
    words = "Percentage of events by the time since the event before of the same user, on a logarithmic axis."
    return section(
        "Time between events",
        anchor,
        level,
        sentence(
            "Burstiness compares the spread of a user's gaps with their mean: -1 where all are equal, towards 1 "
            "where short and long ones alternate. Memory of gaps is the correlation of one with the next.",
            "quiet",
        ),
        legend("real", "synthetic"),
        beside(profile_plot(drawn, "Gaps", words), _figures(report, "gaps")),
    )


def _times(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    drawn = _pictures(report)
    if drawn.calendar is None:
        return None
    parts = [profile_plot(drawn.calendar, "All events over time", "Percentage of events.")]
    if drawn.weekdays is not None:
        parts.append(bars_plot(drawn.weekdays, "Weekday", "Percentage of events."))
    hours = (
        []
        if drawn.hours is None
        else [
            element(f"h{level + 1}", "Hour of day by weekday"),
            matrix_plots(drawn.hours, ("weekday", "hour"), "Percentage of all events."),
        ]
    )
    return section(
        "When events are",
        anchor,
        level,
        legend("real", "synthetic"),
        beside(plots(parts), _figures(report, "times")),
        *hours,
    )


def _transitions(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    found = _pictures(report).transitions
    if not found:
        return None
    drawn = [
        element(
            "div",
            element(f"h{level + 1}", matrix.name),
            matrix_plots(matrix, ("before", "next"), "Percentage of the events that follow each value."),
        )
        for matrix in found
    ]
    more = [hidden(f"{len(drawn) - 1} more columns", *drawn[1:])] if len(drawn) > 1 else []
    return section(
        "What follows what",
        anchor,
        level,
        sentence(
            "A row is the value of an event, a column the value of the next one of the same user; numbers in "
            "tenths of the real ones. In the difference blue is more than real, orange is less.",
            "quiet",
        ),
        drawn[0],
        *more,
        beside(_figures(report, "transitions"), _figures(report, "coherence")),
    )


def _per_user(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    if "per user" not in report.questions:
        return None
    drawn = [profile_plot(each, each.name, "Percentage of users.") for each in _pictures(report).per_user]
    return section(
        "Values of a user",
        anchor,
        level,
        sentence(
            "Means, spreads, highest values, the change from the first to the last event, and shares of "
            "categories, one value per user. Means and spreads of gaps are those of their logarithms.",
            "quiet",
        ),
        legend("real", "synthetic"),
        plots(drawn),
        _figures(report, "per user"),
    )


def _detection(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    if report.detection is None:
        return None
    parts = detection_parts(report.detection, report.detection_floor, report.telling, "user", "users")
    return section("Whole users told from real ones", anchor, level, parts)


def _predictions(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    if not report.predictions:
        return None
    rows = [
        [p.target, f"{p.train_users:,}", f"{p.test_rows:,}", *map(shown, (p.real, p.synthetic, p.lost, p.floor))]
        for p in report.predictions
    ]
    headers = [
        "predicted",
        ">users learned",
        ">tested on",
        ">AUC from real",
        ">from synthetic",
        ">lost",
        ">noise floor",
    ]
    return section(
        "Worth learning from",
        anchor,
        level,
        sentence(
            "Trees learn from real and from as many synthetic users; both are tested on other real users. The "
            "noise floor is how far two models of real users differ.",
            "quiet",
        ),
        table("0.5 is guessing; a mean over the values, one against the rest", headers, rows),
    )


def _attribution(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    if (found := report.attribution) is None:
        return None
    image = interval_chart(
        [
            (
                c.channel,
                Estimate(
                    c.synthetic_removal - (c.removal.value or 0.0),
                    (c.removal.low or 0.0) - (c.removal.value or 0.0),
                    (c.removal.high or 0.0) - (c.removal.value or 0.0),
                ),
            )
            for c in found.credits
        ],
        0.0,
        "synthetic less real, points",
        attribution_words(found),
        "Lines: where other real users would lie.",
    )
    headers = [
        found.channel,
        ">last touch, real",
        ">synthetic",
        ">removal effect, real",
        ">other real users",
        ">synthetic",
        "inside",
    ]
    words = (
        "Last touch: the percentage of conversions whose own channel it is. Removal effect: the percentage that would "
        "be lost without it, in a Markov chain over the paths of users."
    )
    return section(
        "Conversions by channel",
        anchor,
        level,
        sentence(attribution_words(found), "headline"),
        sentence(words, "quiet"),
        beside(
            table("Per cent of conversions", headers, credit_rows(found)),
            plot([element("strong", "Removal effect"), " · dots: synthetic; lines: other real users"], image),
        ),
    )


def _membership(report: SequenceReport, anchor: str, level: int) -> Markup | None:
    if (found := report.membership) is None:
        return None
    rows = [
        [
            attack.name,
            shown(attack.auc.value),
            f"{shown(attack.auc.low)} to {shown(attack.auc.high)}",
            percent(attack.tpr_at_1.value),
            percent(attack.tpr_at_10.value),
        ]
        for attack in found.attacks
    ]
    headers = ["attack by", ">AUC", ">95 % interval", ">found at 1 % accused", ">at 10 %"]
    return section(
        "Was a user learned from?",
        anchor,
        level,
        sentence(membership_words(found), "caveat"),
        table(f"{found.users:,} learned and {found.users:,} held-out users; intervals hold together", headers, rows),
    )


def _pictures(report: SequenceReport) -> Pictures:
    assert report.pictures is not None
    return report.pictures


def _figures(report: SequenceReport, question: str) -> Markup | None:
    return figures_table(report.figures, question, QUESTION_NAMES[question])


#: Name in the navigation, name in an address, and what draws it.
SECTIONS: tuple[tuple[str, str, Callable[[SequenceReport, str, int], Markup | None]], ...] = (
    ("Lengths", "length", _lengths),
    ("Gaps", "gaps", _gaps),
    ("Times", "times", _times),
    ("Transitions", "transitions", _transitions),
    ("Users", "per-user", _per_user),
    ("Detection", "detection", _detection),
    ("Predictions", "predictions", _predictions),
    ("Channels", "attribution", _attribution),
    ("Membership", "membership", _membership),
)
