"""The first screen of a report: its verdicts, and where to look first."""

from __future__ import annotations

from ..facts.report import Report
from ..judging.findings import advice, by_excess, excess, lost_relations
from ..judging.verdicts import Verdict, verdicts
from ..judging.wording import number
from .elements.markup import Markup, element
from .elements.parts import bullets

__all__ = ["GLYPHS", "card", "findings", "verdict_cards", "what_was_compared"]

#: The glyph says what the colour says, for eyes that see no difference.
GLYPHS = {"good": "✓", "fair": "~", "poor": "✗", "open": "?"}

_QUESTIONS = {
    "Columns": "Does each column by itself hold the same values as often as in the real table?",
    "Trends": "Do pairs of columns keep what goes with what?",
    "Detection": "Can a classifier tell synthetic rows from real ones?",
    "Utility": "Does a model that learned from synthetic rows do as well on real ones?",
    "Rules": "Do synthetic rows keep what holds between the columns of every real row?",
    "Bias": "Does the synthetic table widen the gaps between groups?",
    "Attack": "Can an attacker tell who was learned from, or more of them than of others?",
    "Privacy": "Do synthetic rows lie nearer to the rows that were learned than to rows that were not?",
}
#: Where the section of each verdict stands.
_ANCHORS = {
    "Columns": "columns",
    "Trends": "pairs",
    "Detection": "detection",
    "Utility": "utility",
    "Privacy": "privacy",
    "Attack": "attacks",
    "Rules": "rules",
    "Bias": "bias",
}


def what_was_compared(report: Report) -> str:
    """The sizes of the tables in one line."""
    rows = report.rows
    holdout = "no holdout" if rows.holdout is None else f"{rows.holdout:,} holdout rows"
    target = "" if report.target is None else f" · target {report.target}"
    return f"{rows.real:,} real rows · {rows.synthetic:,} synthetic rows · {holdout} · {report.columns} columns{target}"


def verdict_cards(report: Report, prefix: str = "") -> Markup:
    """One card per verdict, which leads to its section; ``prefix`` is that of the sections' addresses."""
    return element("ul", *(_card(report, verdict, prefix) for verdict in verdicts(report)), class_="cards")


def _card(report: Report, verdict: Verdict, prefix: str) -> Markup:
    anchor = _ANCHORS[verdict.subject] if verdict.level != "open" else "notes"
    return card(verdict, f"{prefix}{anchor}", _QUESTIONS.get(verdict.subject), advice(report, verdict))


def card(verdict: Verdict, anchor: str, question: str | None, words: str | None = None) -> Markup:
    """A verdict with a link to ``anchor``, the ``question`` that it answers, and ``words`` of advice."""
    word = element(
        "span", element("span", GLYPHS[verdict.level], aria_hidden="true"), f" {verdict.word}", class_="word"
    )
    return element(
        "li",
        element("p", element("a", verdict.subject, href=f"#{anchor}", class_="subject"), word, class_="top"),
        element("p", verdict.figure, class_="value"),
        element("p", verdict.reference, class_="reference") if verdict.reference else None,
        element("p", question, class_="question") if question else None,
        element("p", f"→ {words}", class_="advice") if words else None,
        class_=f"card {verdict.level}",
    )


def findings(report: Report) -> Markup | None:
    """The single column, pair and giveaway that are worst."""
    said = []
    if columns := by_excess(report.fidelity.columns):
        worst = columns[0]
        said.append(
            "No column lies above its noise floor."
            if excess(worst) <= 0
            else f"The column farthest off is {worst.name}: {_beside(worst.error_percent, worst.floor_percent)}."
        )
    if pairs := by_excess(report.trends.pairs):
        pair = pairs[0]
        both = f"{pair.first} with {pair.second}"
        said.append(
            "No pair lies above its noise floor."
            if excess(pair) <= 0
            else f"The pair farthest off is {both}: {_beside(pair.error_percent, pair.floor_percent)}."
        )
    if lost := lost_relations(report):
        named = [
            f"{p.first} with {p.second} ({number(p.real_strength)} to {number(p.synthetic_strength or 0.0)})"
            for p in lost[:3]
        ]
        more = f" and {len(lost) - 3:,} more" if len(lost) > 3 else ""
        said.append(f"Lost relations: {', '.join(named)}{more}.")
    if report.detection is not None and report.detection.top_features:
        first = report.detection.top_features[0]
        said.append(
            f"What gives synthetic rows away most is {first.name}: {first.gain_percent:.0f} % of the detector's gain."
        )
    return bullets(said, "findings") if said else None


def _beside(error: float | None, floor: float | None) -> str:
    return f"error {number(error)} %" + ("" if floor is None else f", noise floor {floor:.2f} %")
