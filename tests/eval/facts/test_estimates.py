"""Intervals of known cases."""

from __future__ import annotations

import pytest

from eval.facts.estimates import Estimate, clopper_pearson, share_difference, share_estimate, wilson_interval


def test_wilsons_interval_of_a_known_case():
    # 5 of 10: centre .5, half width 1.96 * sqrt(.025 + .0096) / 1.384 = .2634
    assert wilson_interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1)


def test_the_exact_interval_of_no_hit_and_of_all():
    # No hit in n: (1 - high)^n = .025
    assert clopper_pearson(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == (pytest.approx(0.025**0.1), 1.0)


def test_the_exact_interval_of_a_published_case():
    assert clopper_pearson(4, 20) == pytest.approx((0.0573, 0.4366), abs=1e-4)  # as R's binom.test(4, 20)


def test_the_difference_of_two_shares_of_a_published_case():
    # Newcombe 1998, table II, case (a): 56/70 - 48/80 = .2, method 10: .0524 to .3339
    found = share_difference(share_estimate(56 / 70, 70), share_estimate(48 / 80, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_an_unknown_share_has_no_difference():
    assert share_difference(Estimate(None), share_estimate(0.5, 10)) == Estimate(None)
