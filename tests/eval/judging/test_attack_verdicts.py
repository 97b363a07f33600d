"""The verdict on attacks names the one that gets farthest: over all rows, on outliers, or by shadow models."""

from __future__ import annotations

import pytest

from eval.facts.privacy import AttackedGroup, EpsilonBound, Exposed
from eval.facts.report import (
    Attack,
    Copies,
    Estimate,
    Fidelity,
    Membership,
    Privacy,
    Report,
    Rows,
    ShadowAttack,
    Trends,
)
from eval.judging.verdicts import verdicts


def attack(low):
    return Attack(
        "distance", Estimate(low + 0.05, low, low + 0.1), Estimate(0.01, 0.0, 0.02), Estimate(0.1, 0.05, 0.15)
    )


def verdict(over_all, on_outliers, by_shadows):
    """What stands for the lower ends of the intervals of three AUCs."""
    distance = Estimate(0.1, 0.05, 0.15)
    groups = [AttackedGroup(50, 50, (attack(low),), distance, distance) for low in (on_outliers, 0.45)]
    epsilon = EpsilonBound(0.0, "distance", 1, 1, 2, 0.95)
    membership = Membership((attack(over_all),), "distance", 50, 50, 50, epsilon, "", Exposed(1.0, *groups))
    shadow = ShadowAttack(attack(by_shadows), 8, "nano", 100, 50, 50)
    privacy = Privacy(Copies(0, 0.0, 0.0, 0.0), None, "", membership=membership, shadow=shadow)
    nothing = Fidelity(None, None, None, None, None, None, None, None), Trends(None, None, None, None, None, 0, 0)
    report = Report(Rows(100, 100, 100), 2, 0, None, *nothing, None, None, privacy)
    return next(found for found in verdicts(report) if found.subject == "Attack")


@pytest.mark.parametrize(
    ("lows", "level", "words"),
    [
        ((0.45, 0.45, 0.45), "good", "AUC 0.500 by distance"),
        ((0.53, 0.51, 0.51), "fair", "AUC 0.580 by distance"),
        ((0.45, 0.52, 0.45), "fair", "AUC 0.570 on outliers"),
        ((0.51, 0.65, 0.52), "poor", "AUC 0.700 on outliers"),
        ((0.45, 0.52, 0.62), "poor", "AUC 0.670 by shadows"),
    ],
)
def test_the_attack_that_surely_gets_farthest_is_named(lows, level, words):
    found = verdict(*lows)
    assert (found.level, found.figure) == (level, words)
