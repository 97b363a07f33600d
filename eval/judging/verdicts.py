"""From figures to words: what a reader should make of each part of a report.

The thresholds are a judgement, not a statistic; each stands here once, so that every renderer says the same.
Where there is a holdout, a figure within twice the real-against-real floor is good whatever its size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..facts.report import (
    Bias,
    ColumnFidelity,
    Detection,
    Fidelity,
    FormFacts,
    PairTrend,
    Privacy,
    Report,
    RuleFacts,
    Trends,
    Utility,
)

__all__ = ["FAIR_COPIES_PERCENT", "FAIR_SHARE", "LEVELS", "Verdict", "verdicts", "worst_rule"]

#: From best to worst; ``"open"`` is what could not be measured.
LEVELS = ("good", "fair", "poor", "open")
#: Above this share nearer to real rows, or this excess of copies over a holdout's, a table leans on real rows.
FAIR_SHARE, FAIR_COPIES_PERCENT = 0.52, 0.5

#: Up to this fraction of the cells of a column that names persons may be real by accident, as common names are.
FAIR_IDENTIFYING_PERCENT = 1.0
#: By so much may combinations that only one row or person has exceed the holdout's.
FAIR_LONE_PERCENT, POOR_LONE_PERCENT = 2.0, 10.0


@dataclass(frozen=True)
class Verdict:
    """One line of the first screen.

    Attributes:
        level: one of :data:`LEVELS`.
        figure: the measured figure, with its unit.
        reference: what to hold it against: the floor, the ideal, or the real table.
        word: the verdict in two or three words.
    """

    subject: str
    level: str
    figure: str
    reference: str
    word: str


def verdicts(report: Report) -> list[Verdict]:
    """The verdicts of ``report``, in the order in which they are read."""
    return [
        _fidelity(report.fidelity, report.forms),
        _trends(report.trends),
        _detection(report.detection),
        _utility(report.utility),
        _privacy(report.privacy),
        _attack(report.privacy),
        *([_rules(report.rules)] if report.rules else []),
        *([] if report.bias is None else [_bias(report.bias)]),
    ]


def _level(value: float, good: float, fair: float) -> str:
    return "good" if value <= good else "fair" if value <= fair else "poor"


def _fidelity(fidelity: Fidelity, forms: Sequence[FormFacts]) -> Verdict:
    faults = [each for each in forms if each.fault]
    if faults:
        figure = f"{faults[0].name}: wrong form" if len(faults) == 1 else f"{len(faults)} columns of wrong form"
        return Verdict("Columns", "poor", figure, "see --details", "far off")
    error, floor = fidelity.shape_error_percent, fidelity.shape_floor_percent
    if error is None and (judged := sum(each.valid_percent is not None for each in forms)):
        figure = f"{judged} of the right form"
        return Verdict("Columns", "good", figure, "judged by form alone", "right form")
    if error is None:
        return Verdict("Columns", "open", "-", "no column to compare", "not measured")
    level = max(_level(error, max(2.0, 2 * (floor or 0.0)), 8.0), _worst(fidelity.columns), key=LEVELS.index)
    reference = "0 % is equal" if floor is None else f"noise floor {floor:.2f} %"
    return Verdict("Columns", level, f"shape error {error:.2f} %", reference, _closeness(level))


def _trends(trends: Trends) -> Verdict:
    error, floor = trends.error_percent, trends.floor_percent
    if error is None:
        return Verdict("Trends", "open", "-", "no pair to compare", "not measured")
    level = max(_level(error, max(3.0, 2 * (floor or 0.0)), 10.0), _worst(trends.pairs), key=LEVELS.index)
    reference = "0 % is equal" if floor is None else f"noise floor {floor:.2f} %"
    return Verdict("Trends", level, f"pair error {error:.2f} %", reference, _closeness(level))


def _worst(items: Iterable[ColumnFidelity | PairTrend]) -> str:
    """The level of the one column or pair that lies farthest above its floor: a mean would hide it.

    Without a floor nothing is said, because a pair of long category lists differs by noise alone.
    """
    above = [
        item.error_percent - item.floor_percent
        for item in items
        if item.error_percent is not None and item.floor_percent is not None
    ]
    return _level(max(above, default=0.0), 7.0, 30.0)


def _closeness(level: str) -> str:
    return {"good": "close", "fair": "fair", "poor": "far off"}[level]


def _detection(detection: Detection | None) -> Verdict:
    if detection is None or detection.score is None or detection.auc is None:
        return Verdict("Detection", "open", "-", "too little to learn from", "not measured")
    floor = detection.floor_score
    level = _level(1 - detection.score, max(0.2, 2 * (1 - (1.0 if floor is None else floor))), 0.6)
    word = {"good": "hard to tell", "fair": "partly distinguished", "poor": "easily distinguished"}[level]
    reference = f"AUC {detection.auc:.3f}, 0.5 is blind" if floor is None else f"noise floor {floor:.3f}"
    return Verdict("Detection", level, f"score {detection.score:.3f} of 1", reference, word)


def _utility(utility: Utility | None) -> Verdict:
    if utility is None:
        return Verdict("Utility", "open", "-", "no target", "not measured")
    name = utility.headline
    real, synthetic = utility.real.metrics.get(name), utility.synthetic.metrics.get(name)
    if real is None or synthetic is None:
        return Verdict("Utility", "open", "-", "the test rows do not vary", "not measured")
    level = _level(real - synthetic, 0.02, 0.06) if name == "auc" else _level(real - synthetic, 0.05, 0.15)
    word = {"good": "as useful", "fair": "less useful", "poor": "little use"}[level]
    label = {"auc": "AUC", "r2": "R2"}[name]
    return Verdict("Utility", level, f"{label} {synthetic:.4f}", f"trained on real {real:.4f}", word)


def _privacy(privacy: Privacy | None) -> Verdict:
    if privacy is None:
        return Verdict("Privacy", "open", "-", "", "not measured")
    if (found := _persons(privacy)) is not None and found.level == "poor":
        return found
    copies, distance = privacy.copies, privacy.distance
    if copies.decisive:
        expected = copies.once_by_chance.value if copies.once_by_chance else None
        reference = f"of unique rows {100 * (expected or 0.0):.2f} % by chance"
        return Verdict("Privacy", "poor", f"copies {copies.synthetic_percent:.2f} %", reference, "copies rows")
    if distance is None or distance.share_closer_to_real is None or distance.share_low is None:
        # Copies without a floor say little: on a narrow table honest new rows repeat real ones too.
        return Verdict("Privacy", "open", f"copies {copies.synthetic_percent:.2f} %", "needs a holdout", "not measured")
    fraction, excess = distance.share_closer_to_real, copies.synthetic_percent - (copies.holdout_percent or 0.0)
    if fraction > 0.6 or excess > 2.0:
        level = "poor"
    elif (distance.share_low > 0.5 and fraction > FAIR_SHARE) or excess > FAIR_COPIES_PERCENT:
        level = "fair"
    else:
        level = "good"
    if found is not None and level != "poor":
        return found
    word = {"good": "no copying seen", "fair": "leans on real", "poor": "copies rows"}[level]
    return Verdict("Privacy", level, f"{100 * fraction:.1f} % nearer to real", "50 % is no copying", word)


def _persons(privacy: Privacy) -> Verdict | None:
    """Where real values of persons, or combinations that one person has, come out; ``None`` where they do not."""
    if privacy.identifying is not None and (percent := privacy.identifying.worst.synthetic_percent or 0.0) > 0:
        level = _level(percent, 0.0, FAIR_IDENTIFYING_PERCENT)
        word = {"fair": "names some people", "poor": "names real people"}[level]
        figure = f"{percent:.1f} % of {privacy.identifying.worst.name} real"
        return Verdict("Privacy", level, figure, "0 % is none", word)
    if privacy.combinations is not None and (excess := privacy.combinations.excess_percent) > FAIR_LONE_PERCENT:
        level = _level(excess, 0.0, POOR_LONE_PERCENT)
        whose = "row" if privacy.combinations.people is None else "person"
        word = {"fair": "knows some rows", "poor": "knows many rows"}[level]
        figure = f"{privacy.combinations.synthetic_percent:.1f} % are one {whose}'s"
        return Verdict("Privacy", level, figure, f"holdout {privacy.combinations.holdout_percent:.1f} %", word)
    return None


def _attack(privacy: Privacy | None) -> Verdict:
    """The worst of membership (of the most isolated rows too), attribute inference and singling out, each by the sure
    end of its interval."""
    if privacy is None or privacy.membership is None:
        return Verdict("Attack", "open", "-", "needs a holdout", "not measured")
    membership = privacy.membership
    best = membership.best
    surely = max(attack.tpr_at_1.low or 0.0 for attack in membership.attacks)
    lead = max(((attack.auc.low or 0.5) - 0.5 for attack in membership.attacks), default=0.0)
    shadow = 0.0 if privacy.shadow is None else (privacy.shadow.attack.auc.low or 0.5) - 0.5
    guesses = [found.excess for found in privacy.attributes] + [found.excess for found in privacy.singling_out]
    apart = membership.exposed.isolated if membership.exposed is not None else None
    outliers = 0.0 if apart is None else apart.lead
    leak = max([lead, outliers, shadow, *(found.low or 0.0 for found in guesses)])
    if surely > 0.05 or leak > 0.1 or (privacy.claim is not None and privacy.claim.contradicted):
        level = "poor"
    elif surely > 0.02 or max(lead, outliers, shadow) > 0.0 or leak > 0.01:
        level = "fair"
    else:
        level = "good"
    if privacy.shadow is not None and shadow > max(lead, outliers, 0.0):
        auc = privacy.shadow.attack.auc.value or 0.5
        return Verdict("Attack", level, f"AUC {auc:.3f} by shadows", "0.5 is blind", "training rows leak")
    if apart is not None and outliers > max(lead, 0.0):  # what a mean over all rows hides
        auc = apart.best.auc.value or 0.5
        return Verdict("Attack", level, f"AUC {auc:.3f} on outliers", "best of 3, 0.5 is blind", "outliers leak")
    word = {"good": "nothing found", "fair": "leaks a little", "poor": "training rows leak"}[level]
    return Verdict("Attack", level, f"AUC {best.auc.value or 0.5:.3f} by {best.name}", "best of 3, 0.5 is blind", word)


def worst_rule(rules: Iterable[RuleFacts]) -> RuleFacts | None:
    """Of the rules that synthetic rows break, the one that most of them do."""
    broken = [rule for rule in rules if not rule.is_kept]
    return max(broken, key=lambda rule: rule.synthetic.percent or 0.0, default=None)


def _rules(rules: Sequence[RuleFacts]) -> Verdict:
    kept = f"{sum(rule.is_kept for rule in rules):,} of {len(rules):,} kept"
    worst = worst_rule(rules)
    if worst is None:
        broken = any(rule.synthetic.broken for rule in rules)
        return Verdict("Rules", "good", kept, "as in real rows" if broken else "in all rows", "kept")
    percent = math.floor(10 * (worst.synthetic.percent or 0.0)) / 10  # 100 % only where all rows do
    shown = f"{percent:.1f} %" if percent >= 0.1 else "< 0.1 %"
    return Verdict("Rules", "poor", kept, f"worst: {shown} break it", "broken")


def _bias(bias: Bias) -> Verdict:
    gaps = [(gap.widened.value or 0.0, gap, column) for column in bias.columns for gap in column.gaps]
    flagged = [found for found in gaps if found[1].flagged]
    widest, gap, column = max(flagged or gaps, key=lambda found: found[0])
    level = "good" if not flagged else _level(widest, 0.0, 0.05)
    word = {"good": "gaps not widened", "fair": "widens a gap", "poor": "widens gaps"}[level]
    return Verdict("Bias", level, f"gap {100 * widest:+.1f} points", f"{column.name}, {gap.name}", word)
