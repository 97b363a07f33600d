"""Copied rows are found; honest new rows are not accused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.attacks import privacy as privacy_module
from eval.attacks.privacy import count_copies, distance_ratio, equal_size_share, measure_privacy
from eval.judging.verdicts import _privacy
from eval.metrics.distance import Encoder, closest_squared


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 10)


def test_memorised_rows_are_found(people, tables):
    real, holdout = people(1000, 0), people(1000, 2)
    synthetic = pd.concat([real.head(300), people(700, 1)], ignore_index=True)
    privacy, _ = measure_privacy(tables(real, synthetic, holdout))
    assert privacy.copies.synthetic_rows == 300
    assert privacy.copies.synthetic_percent == pytest.approx(30)
    assert privacy.copies.holdout_percent == 0
    # 30 % copies lie nearer for sure, of the others a half: .3 + .7 / 2
    assert privacy.distance.share_closer_to_real == pytest.approx(0.65, abs=0.05)
    assert privacy.distance.share_low > 0.5
    assert privacy.distance.p5_synthetic == 0 < privacy.distance.p5_holdout


def test_fresh_rows_lie_as_near_to_the_holdout(people, tables):
    privacy, _ = measure_privacy(tables(people(1500, 0), people(1500, 1), people(1500, 2)))
    distance = privacy.distance
    assert distance.share_low < 0.5 < distance.share_high
    assert distance.p5_synthetic == pytest.approx(distance.p5_holdout, rel=0.3)
    assert privacy.copies.synthetic_percent < 0.5


def test_a_small_holdout_accuses_no_one(people, tables):
    distance = measure_privacy(tables(people(3000, 0), people(2000, 1), people(650, 2)))[0].distance
    assert (distance.real_parts, distance.reference_rows) == (5, 600)
    assert distance.share_closer_to_real == pytest.approx(0.5, abs=0.06)


def test_a_large_holdout_accuses_no_one(people, tables):
    distance = measure_privacy(tables(people(500, 0), people(2000, 1), people(3000, 2)))[0].distance
    assert (distance.real_parts, distance.reference_rows) == (1, 500)
    assert distance.share_closer_to_real == pytest.approx(0.5, abs=0.06)


def test_copies_are_not_diluted_by_a_small_holdout(people, tables):
    real = people(2000, 0)
    distance = measure_privacy(tables(real, real, people(250, 2)))[0].distance
    assert distance.share_closer_to_real == pytest.approx(1, abs=0.01)


def test_shares_of_unequal_references_are_brought_to_equal_sizes():
    assert equal_size_share(0.8, 4) == pytest.approx(0.5)  # 4 of 5 equal parts are real: as chance would
    assert equal_size_share(0.65, 1) == 0.65
    assert equal_size_share(1.0, 9) == 1.0


def test_ties_count_half(tables):
    table = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["u", "u", "v", "v"] * 25})
    privacy, _ = measure_privacy(tables(table, table, table))
    assert privacy.distance.share_closer_to_real == 0.5
    # Two real parts tie with the holdout, a third each: no sign of copying either.
    assert measure_privacy(tables(table, table, table.head(52)))[0].distance.share_closer_to_real == pytest.approx(0.5)


def test_without_a_holdout_there_are_copies_but_no_distance(people, tables):
    real = people(200, 0)
    privacy, notes = measure_privacy(tables(real, real))
    assert privacy.copies.synthetic_percent == 100
    assert privacy.distance is None
    assert "holdout" in notes[0]
    assert "No formal guarantee" in privacy.caveat


def test_an_invented_identifier_does_not_hide_a_copy(people, tables):
    real = people(200, 0)
    real.insert(0, "id", [f"AB-{i:05d}" for i in range(200)])
    synthetic = real.assign(id=[f"AB-{i:05d}" for i in range(500, 700)])
    assert count_copies(tables(real, synthetic)).synthetic_rows == 200


def test_missing_cells_are_equal_to_each_other_and_to_nothing_else(tables):
    real = pd.DataFrame({"x": [np.nan, 1.5] * 10, "y": ["a", None] * 10, "n": range(20)})
    assert count_copies(tables(real, real.copy())).synthetic_rows == 20
    assert count_copies(tables(real, real.assign(x=2.5))).synthetic_rows == 0


def test_repeated_real_rows_are_counted(tables):
    real = pd.DataFrame({"a": [*range(18), 0, 0], "b": ["u", "v"] * 9 + ["u", "u"]})
    assert count_copies(tables(real, real)).real_repeated_percent == pytest.approx(15)


def test_distances_are_those_of_the_definition(tables):
    real = pd.DataFrame({"n": np.arange(20) + 0.5, "c": ["a", "b"] * 10, "m": [None, *["u", "v"] * 9, "u"]})
    both = tables(real, real)
    points = Encoder(both)(both.real)
    ranks = (np.arange(20) + 0.5) / 20
    for i in (0, 7):
        others = [j for j in range(20) if j != i]
        expected = [
            (ranks[i] - ranks[j]) ** 2
            + (real.c[i] != real.c[j])
            + (real.m.fillna("missing")[i] != real.m.fillna("missing")[j])
            for j in others
        ]
        query = Encoder(both)(both.real.take(np.array([i])))
        rest = Encoder(both)(both.real.take(np.array(others)))
        assert closest_squared(query, rest)[0] == pytest.approx(min(expected), abs=1e-6)
    assert closest_squared(points, points) == pytest.approx(np.zeros(20), abs=1e-12)


def test_wide_category_lists_have_the_same_distance(monkeypatch, people, tables):
    both = tables(people(300, 0), people(200, 1))
    narrow = closest_squared(Encoder(both)(both.synthetic), Encoder(both)(both.real))
    monkeypatch.setattr("eval.metrics.distance.MAX_INDICATORS", 1)
    encoder = Encoder(both)
    assert encoder.wide
    assert closest_squared(encoder(both.synthetic), encoder(both.real)) == pytest.approx(narrow, abs=1e-5)


def test_queries_are_capped_and_said(monkeypatch, people, tables):
    monkeypatch.setattr(privacy_module, "MAX_QUERIES", 50)
    privacy, notes = measure_privacy(tables(people(200, 0), people(200, 1), people(200, 2)))
    assert privacy.distance.queries == 50
    assert "50 synthetic rows" in notes[0]


def test_ratios_of_hand_made_distances():
    assert distance_ratio(np.array([[1.0, 4.0], [0.0, 9.0], [0.0, 0.0], [2.0, 2.0]])).tolist() == [0.5, 0, 1, 1]


def test_rows_that_cling_to_one_real_row_have_a_low_ratio(people, tables):
    real = people(1000, 0)
    clinging = real.assign(income=real.income + 0.5)
    ratio = measure_privacy(tables(real, clinging, people(1000, 2)), threads=1)[0].ratio
    assert ratio.share_tighter_to_real.low > 0.8
    assert ratio.median_synthetic < 0.2 < ratio.median_holdout
    fresh = measure_privacy(tables(real, people(1000, 1), people(1000, 2)), threads=1)[0].ratio
    assert fresh.share_tighter_to_real.low < 0.5 < fresh.share_tighter_to_real.high
    assert fresh.p5_synthetic == pytest.approx(fresh.p5_holdout, abs=0.05)


def test_the_attacks_stand_beside_the_distances(people, tables):
    privacy, _ = measure_privacy(tables(people(400, 0), people(400, 1), people(400, 2)), secrets=["clicked"], threads=1)
    assert [found.name for found in privacy.attributes] == ["clicked"]
    assert [found.kind for found in privacy.singling_out] == ["univariate", "multivariate"]
    words = (privacy.membership.caveat, privacy.attribute_caveat, privacy.singling_out_caveat, privacy.ratio.caveat)
    assert all("prove" in sentence for sentence in words)


def test_one_memorised_copy_in_a_thousand_is_counted(people, tables):
    def sample(seed):
        return people(2000, seed).assign(spend=np.random.default_rng(seed).normal(size=2000))

    real = sample(0)
    synthetic = pd.concat([real.head(2), sample(1).head(1998)], ignore_index=True)
    privacy, _ = measure_privacy(tables(real, synthetic, sample(2)), threads=1)
    assert privacy.copies.synthetic_rows == 2
    assert privacy.copies.synthetic_percent == pytest.approx(0.1)
    assert privacy.copies.holdout_percent == 0


class TestCopiesWithoutAHoldout:
    """An exact copy needs no holdout; rows of a few kinds repeat real ones by themselves."""

    @pytest.fixture
    def level(self, tables):
        return lambda *given: _privacy(measure_privacy(tables(*given))[0]).level

    @pytest.mark.parametrize("rows", [12, 100, 1000])
    def test_an_exact_copy_is_a_cross(self, people, level, rows):
        real = people(rows, 0)
        assert level(real, real) == "poor"

    def test_whatever_the_holdout(self, people, level):
        real = people(100, 0)
        assert level(real, real, people(100, 1)) == "poor"
        assert level(real, real, real) == "poor"

    def test_so_is_a_tenth_of_copies(self, people, level):
        real = people(1000, 0)
        assert level(real, pd.concat([real.head(100), people(900, 1)], ignore_index=True)) == "poor"

    def test_honest_rows_are_not_accused(self, people, level):
        assert level(people(1000, 0), people(1000, 1)) == "open"

    @pytest.mark.parametrize("categories", [2, 6, 20])
    @pytest.mark.parametrize("rows", [12, 100, 1000])
    def test_nor_are_honest_rows_of_few_kinds(self, tables, categories, rows):
        def draw(seed):
            rng = np.random.default_rng(seed)
            codes = np.floor(categories * rng.random((rows, 3)) ** 2).astype(int)
            return pd.DataFrame(codes, columns=["a", "b", "c"]).astype(str) + "x"

        assert not any(count_copies(tables(draw(seed), draw(seed + 100))).decisive for seed in range(5))
