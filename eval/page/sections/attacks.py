"""The section on attacks: who was learned from, what can be guessed of a person, who can be singled out."""

from __future__ import annotations

from collections.abc import Sequence

from ...facts.estimates import Estimate
from ...facts.report import Attack, EpsilonClaim, Exposed, Membership, Privacy, Report, RunAttack, ShadowAttack
from ...judging.wording import in_points, number, percent, points
from ..elements.charts import interval_chart
from ..elements.markup import Markup, element
from ..elements.parts import Measure, beside, measures, plot, section, sentence, table

__all__ = ["attacks_section"]

_WAYS = {
    "distance": "by distance to synthetic rows",
    "density": "by density of synthetic rows",
    "classifier": "by a classifier",
}


def attacks_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where no attack was run: each needs a holdout."""
    privacy = report.privacy
    if privacy is None or not (privacy.membership or privacy.attributes or privacy.singling_out or privacy.run):
        return None
    return section(
        "Attacks",
        anchor,
        level,
        sentence(
            "Each attack is tried on training rows and on real rows that were held out. What succeeds on both "
            "tells of the population; only what succeeds more often on training rows is leak.",
            "quiet",
        ),
        *(_membership(privacy.membership, privacy.claim, level + 1) if privacy.membership else []),
        *(_exposed(privacy.membership.exposed, level + 1) if privacy.membership and privacy.membership.exposed else []),
        *(_shadow(privacy.shadow, level + 1) if privacy.shadow else []),
        *(_run(privacy.run, level + 1) if privacy.run else []),
        *_guesses(privacy, level + 1),
    )


def _membership(membership: Membership, claim: EpsilonClaim | None, level: int) -> list[Markup]:
    best, bound = membership.best, membership.epsilon
    shown = [
        Measure(
            "AUC of the strongest attack",
            number(best.auc.value, 3),
            "0.5 is blind",
            f"{_WAYS.get(best.name, best.name)}; interval {_span(best.auc)}, which holds for all attacks together.",
            (best.auc.value or 0.0, 0.5),
        ),
        _accused(best, "for a few people the worst case"),
        Measure(
            "Epsilon, at least",
            number(bound.value),
            "0 if nothing was found" if claim is None else f"{claim.epsilon:g} is claimed at delta {claim.delta:g}",
            f"The least epsilon of differential privacy that agrees with {bound.right:,} right of {bound.guesses:,} "
            f"guesses, at {100 * bound.confidence:g} % confidence. A bound from below proves no privacy.",
        ),
    ]
    rows = [
        [
            _WAYS.get(a.name, a.name),
            number(a.auc.value, 3),
            _span(a.auc),
            percent(a.tpr_at_1.value),
            percent(a.tpr_at_10.value),
        ]
        for a in membership.attacks
    ]
    rows.append(["if blind", "0.500", "", "1.0 %", "10.0 %"])
    figures = table(
        f"{membership.members:,} learned and {membership.members:,} held-out rows; intervals hold together at 95 %",
        ["attack", ">AUC", ">95 % interval", ">found at 1 % accused", ">at 10 %"],
        rows,
    )
    image = interval_chart(
        [(a.name, a.auc) for a in membership.attacks],
        0.5,
        "AUC, dotted: blind",
        f"Membership attack: AUC {number(best.auc.value, 3)}, interval {_span(best.auc)}",
        "An interval that lies wholly above 0.5 means that training rows can be identified.",
    )
    return [
        element(f"h{level}", "Was a row learned from?"),
        sentence(membership.caveat, "caveat"),
        *([] if claim is None else [sentence(claim.words, "caveat poor" if claim.contradicted else "caveat")]),
        measures(shown),
        beside(figures, plot([element("strong", "Membership"), " · area under the ROC curve of each attack"], image)),
    ]


def _exposed(exposed: Exposed, level: int) -> list[Markup]:
    """The most isolated rows and average ones."""
    groups = ((f"most isolated {exposed.percent:g} %", exposed.isolated), ("average", exposed.average))
    rows = [
        [
            name,
            f"{group.members:,}",
            f"{group.strangers:,}",
            _WAYS.get(group.best.name, group.best.name),
            number(group.best.auc.value, 3),
            _span(group.best.auc),
            _with_span(group.distance_members),
            _with_span(group.distance_strangers),
        ]
        for name, group in groups
    ]
    headers = [
        "rows",
        ">learned",
        ">held out",
        "strongest attack",
        ">AUC",
        ">95 % interval",
        ">distance to the closest synthetic row, learned",
        ">held out",
    ]
    return [
        element(f"h{level}", "Are the most exposed people identified?"),
        sentence(
            "Who is unlike everybody else is the first to be found, and a mean over all rows hides it. A row is "
            "isolated that lies far from real rows that were held out.",
            "quiet",
        ),
        sentence(exposed.words, "caveat poor" if exposed.isolated.lead > 0 else "caveat"),
        table("Attacks on the most isolated rows beside average ones; medians of distances", headers, rows),
    ]


def _shadow(shadow: ShadowAttack, level: int) -> list[Markup]:
    attack = shadow.attack
    rows = [
        [
            f"{shadow.fits} fits of {shadow.model}",
            f"{shadow.members:,}",
            f"{shadow.strangers:,}",
            number(attack.auc.value, 3),
            _span(attack.auc),
            percent(attack.tpr_at_1.value),
            percent(attack.tpr_at_10.value),
        ]
    ]
    headers = ["shadow models", ">learned", ">held out", ">AUC", ">95 % interval", ">found at 1 % accused", ">at 10 %"]
    return [
        element(f"h{level}", "And by whoever fits the same generator?"),
        sentence(shadow.words, "caveat poor" if (attack.auc.low or 0.0) > 0.5 else "caveat"),
        table("Likelihood ratio of models that learned a row and of models that did not", headers, rows),
    ]


def _accused(attack: Attack, about: str) -> Measure:
    found = attack.tpr_at_1
    return Measure(
        "Found while accusing 1 %",
        percent(found.value),
        "1 % if blind",
        f"Fraction of training rows that it names while it wrongly accuses 1 % of the others: {about}; interval "
        f"{points(found.low)} to {points(found.high)} %.",
    )


def _with_span(estimate: Estimate) -> str:
    return f"{number(estimate.value, 3)} ({_span(estimate)})"


def _run(run: RunAttack, level: int) -> list[Markup]:
    attack = run.attack
    shown = [
        Measure(
            "AUC by the run's probability",
            number(attack.auc.value, 3),
            "0.5 is blind",
            f"{run.learned_rows:,} training rows against {run.held_out_rows:,} held-out ones; 95 % interval "
            f"{_span(attack.auc)}.",
            (attack.auc.value or 0.0, 0.5),
        ),
        _accused(attack, "by the run's probability alone"),
        Measure(
            "Bits per training row",
            number(run.learned_bits, 1),
            f"{number(run.held_out_bits, 1)} per held-out row",
            f"Of rows that the run can draw; it cannot draw {percent(run.held_out_impossible_percent / 100)} of the "
            "held-out ones.",
        ),
    ]
    return [
        element(f"h{level}", "What does a shared run give away?"),
        sentence(run.words, "caveat poor" if (attack.auc.low or 0.0) > 0.5 else "caveat"),
        sentence(run.caveat, "caveat"),
        measures(shown),
    ]


def _guesses(privacy: Privacy, level: int) -> list[Markup]:
    """Attribute inference and singling out, which are read the same way."""
    found: list[tuple[str, str, Estimate, Estimate, Estimate]] = [
        (f"{a.name} guessed", f"{a.rows:,}", a.learned, a.holdout, a.excess) for a in privacy.attributes
    ]
    found += [
        (f"singled out, {s.kind}", f"{s.predicates:,}", s.learned, s.holdout, s.excess) for s in privacy.singling_out
    ]
    if not found:
        return []
    rows = [
        [
            name,
            tried,
            percent(learned.value),
            percent(holdout.value),
            points(excess.value, signed=True),
            f"{points(excess.low, signed=True)} to {points(excess.high, signed=True)}",
        ]
        for name, tried, learned, holdout, excess in found
    ]
    figures = table(
        "Fraction of right guesses, and of predicates that fit exactly one row",
        ["attack", ">tried", ">training rows", ">held-out rows", ">excess, points", ">95 % interval"],
        rows,
    )
    image = interval_chart(
        [(name, in_points(excess)) for name, *_, excess in found],
        0.0,
        "excess in points; dotted: no leak",
        f"Excess over held-out rows: {_greatest([(row[0], row[-1]) for row in found])}",
        "An interval that lies wholly above 0 means that the synthetic table tells of the training rows.",
    )
    caveats = [words for words in (privacy.attribute_caveat, privacy.singling_out_caveat) if words]
    return [
        element(f"h{level}", "What can be guessed of a person?"),
        *(sentence(words, "caveat") for words in caveats),
        beside(
            figures, plot([element("strong", "Leak"), " · success on learned less success on held-out rows"], image)
        ),
    ]


def _greatest(found: Sequence[tuple[str, Estimate]]) -> str:
    known = [(estimate.value, name) for name, estimate in found if estimate.value is not None]
    if not known:
        return "not measured"
    value, name = max(known)
    return f"at most {points(value, signed=True)} points, {name}"


def _span(estimate: Estimate) -> str:
    return f"{number(estimate.low, 3)} to {number(estimate.high, 3)}"
