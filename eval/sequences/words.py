"""Words and verdicts for the figures of two logs, the same on the terminal and on the page."""

from __future__ import annotations

from ..judging.verdicts import Verdict
from ..judging.wording import percent
from .facts import Distance, SequenceReport
from .uses.facts import Attribution, Prediction, UserMembership

__all__ = [
    "QUESTION_NAMES",
    "attribution_words",
    "credit_rows",
    "detection_verdict",
    "distance_verdict",
    "membership_words",
    "shown",
    "times_the_floor",
    "verdicts_of",
]

QUESTION_NAMES = {
    "length": "number of events",
    "gaps": "time between events",
    "times": "when events are",
    "transitions": "what follows what",
    "coherence": "likeness of neighbours",
    "per user": "values of a user",
}
#: Times its noise floor up to which a distance is good, and up to which it is fair.
GOOD, FAIR = 2.0, 4.0
#: A distance that is never poor, and one that is always good, however low the noise floor lies.
SMALL, TINY = 0.05, 0.02
#: AUC of an attack on users below which it tells little.
FAIR_ATTACK = 0.6
#: Detection scores of whole users that are good, and fair.
GOOD_DETECTION, FAIR_DETECTION = 0.85, 0.6

_WORDS = {"good": "close", "fair": "some way off", "poor": "far off", "open": "not measured"}


def verdicts_of(report: SequenceReport) -> dict[str, Verdict]:
    """Question, or ``"detection"`` -> its verdict."""
    found = {
        question: distance_verdict(QUESTION_NAMES[question], distance)
        for question, distance in report.questions.items()
    }
    found["detection"] = detection_verdict("detection of users", report.detection, report.detection_floor)
    for prediction in report.predictions:
        found[prediction.task] = _prediction(prediction)
    if report.membership is not None:
        found["membership"] = _membership(report.membership)
    return found


def _prediction(found: Prediction) -> Verdict:
    reference = f"{shown(found.real)} from real users; noise floor {shown(found.floor)}"
    if found.lost is None:
        level = "open"
    elif found.lost <= max(GOOD * (found.floor or 0.0), TINY):
        level = "good"
    else:
        level = "fair" if found.lost <= max(FAIR * (found.floor or 0.0), SMALL) else "poor"
    words = {"good": "as useful", "fair": "less useful", "poor": "far less useful", "open": "not measured"}
    return Verdict(found.task, level, f"AUC {shown(found.synthetic)}", reference, words[level])


def _membership(found: UserMembership) -> Verdict:
    auc = found.best.auc
    level = "good" if (auc.low or 0.0) <= 0.5 else "fair" if (auc.value or 0.0) < FAIR_ATTACK else "poor"
    words = {"good": "not told", "fair": "told a little", "poor": "told"}
    return Verdict("membership of users", level, f"AUC {shown(auc.value)}", "0.5 is blind", words[level])


def membership_words(found: UserMembership) -> str:
    """The strongest attack in a sentence."""
    auc = found.best.auc
    return (
        f"Was a user learned from? The strongest attack on {found.users:,} learned and as many held-out users, by "
        f"{found.strongest}, has an AUC of {shown(auc.value)} ({shown(auc.low)} to {shown(auc.high)}; 0.5 is blind). "
        f"It names {percent(found.best.tpr_at_1.value)} of the learned ones while it accuses 1 % of the others."
    )


def attribution_words(found: Attribution) -> str:
    """How many channels keep their removal effect, in a sentence."""
    inside = sum(credit.inside for credit in found.credits)
    low, high = found.rate.low, found.rate.high
    return (
        f"{found.conversions:,} real and {found.synthetic_conversions:,} synthetic conversions ({found.conversion}): "
        f"{found.rate.value or 0.0:.2f} % of real paths ({low or 0.0:.2f} to {high or 0.0:.2f}) and "
        f"{found.synthetic_rate:.2f} % of synthetic ones. The removal effect of {inside} of {len(found.credits)} "
        "channels lies where other real users would have it."
    )


def credit_rows(found: Attribution) -> list[list[str]]:
    """By channel: last touch (real, synthetic), removal effect (real, its interval, synthetic), and whether inside."""
    return [
        [
            c.channel,
            f"{c.last_touch.value or 0.0:.1f}",
            f"{c.synthetic_last_touch:.1f}",
            f"{c.removal.value or 0.0:.1f}",
            f"{c.removal.low or 0.0:.1f} to {c.removal.high or 0.0:.1f}",
            f"{c.synthetic_removal:.1f}",
            "yes" if c.inside else "no",
        ]
        for c in found.credits
    ]


def distance_verdict(subject: str, distance: Distance) -> Verdict:
    """How far ``distance`` lies above its noise floor."""
    value, floor = distance.value, distance.floor
    if value is None:
        level = "open"
    elif value <= max(GOOD * (floor or 0.0), TINY):
        level = "good"
    else:
        level = "fair" if value <= max(FAIR * (floor or 0.0), SMALL) else "poor"
    return Verdict(subject, level, shown(value), f"noise floor {shown(floor)}", _WORDS[level])


def detection_verdict(subject: str, score: float | None, floor: float | None) -> Verdict:
    """Whether a classifier can tell synthetic units from real ones."""
    level = "open" if score is None else _detection_level(score, floor)
    words = {"good": "hard to tell", "fair": "can be told", "poor": "easily told", "open": "not measured"}
    reference = f"noise floor {shown(floor)}; 1 = cannot be told"
    return Verdict(subject, level, shown(score), reference, words[level])


def _detection_level(score: float, floor: float | None) -> str:
    # Few users make a noisy detector: what other real users reach is all that can be asked for.
    best = 1.0 if floor is None else floor
    return "good" if score >= min(GOOD_DETECTION, best) else "fair" if score >= FAIR_DETECTION else "poor"


def shown(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def times_the_floor(distance: Distance) -> str:
    """How many times the noise floor a distance is, or a dash."""
    return "-" if distance.value is None or not distance.floor else f"{distance.value / distance.floor:.1f}"
