"""A leaked training set is found, a fresh sample accuses no one, and the figures of an attack are the textbook's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.attacks.figures import attack_of, median_estimate
from eval.attacks.membership import measure_membership


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 50)


def test_a_leaked_training_set_is_found(people, tables):
    real = people(1000, 0)
    found, notes = measure_membership(tables(real, real.sample(frac=1, random_state=0), people(1000, 2)), threads=1)
    assert found.best.auc.value > 0.99
    assert found.best.auc.low > 0.98
    assert found.best.tpr_at_1.low > 0.95
    assert found.epsilon.value > 3
    assert (found.members, found.reference_rows) == (500, 500)
    assert notes == []


def test_a_fresh_sample_accuses_no_one(people, tables):
    found, _ = measure_membership(tables(people(2000, 0), people(2000, 1), people(2000, 2)), threads=1)
    for attack in found.attacks:
        assert attack.auc.low < 0.5 < attack.auc.high, attack.name
        assert attack.tpr_at_1.low < 0.02, attack.name
    assert found.epsilon.value < 0.3


def test_rows_that_are_half_remembered_are_found(people, tables):
    real = people(2000, 0)
    jittered = real.assign(income=real.income + np.random.default_rng(0).normal(0, 3, 2000))
    found, _ = measure_membership(tables(real, jittered, people(2000, 2)), threads=1)
    assert found.best.auc.low > 0.6


def test_the_density_ratio_sees_through_what_is_merely_common(tables):
    """Half of the rows are alike and near to anything; the other half are not, and of them the learned ones leak."""
    rng = np.random.default_rng(0)

    def sample(rows):
        alike = rng.normal(size=(rows, 1)) + rng.normal(0, 0.01, (rows, 6))
        each = np.where(np.arange(rows)[:, None] % 2 == 0, alike, rng.normal(size=(rows, 6)))
        return pd.DataFrame(each, columns=[f"x{i}" for i in range(6)])

    real, synthetic = sample(2000), sample(2000)
    synthetic.iloc[1::2] = real.iloc[1::2] + rng.normal(0, 0.2, (1000, 6))
    found, _ = measure_membership(tables(real, synthetic, sample(2000)), threads=1)
    by_name = {attack.name: attack for attack in found.attacks}
    assert by_name["density"].auc.low > by_name["distance"].auc.high
    assert by_name["density"].tpr_at_10.low > by_name["distance"].tpr_at_10.high


def test_equal_rows_are_found_though_the_search_sees_few_synthetic_rows(monkeypatch, people, tables):
    monkeypatch.setattr("eval.attacks.membership.MAX_SYNTHETIC", 50)
    real = people(600, 0)
    found, notes = measure_membership(tables(real, real.copy(), people(600, 2)), threads=1)
    assert found.best.auc.value > 0.95
    assert "50 synthetic rows" in notes[0]


def test_the_attacker_asks_only_about_rows_outside_its_reference(people, tables):
    found, _ = measure_membership(tables(people(5000, 0), people(200, 1), people(101, 2)), threads=1)
    assert (found.members, found.reference_rows) == (50, 51)


def test_without_a_holdout_or_with_a_tiny_one_there_is_no_attack(people, tables):
    assert measure_membership(tables(people(100, 0), people(100, 1)))[0] is None
    found, notes = measure_membership(tables(people(100, 0), people(100, 1), people(30, 2)))
    assert found is None
    assert "30 rows" in notes[0]


def test_the_figures_of_a_hand_made_attack():
    members, strangers = np.array([5.0, 4, 3, 0]), np.arange(100) / 100  # strangers score 0 to .99
    found = attack_of("toy", members, strangers, level=0.95, rng=np.random.default_rng(0))
    assert found.auc.value == pytest.approx((3 + 0.005) / 4)  # three above all; the last ties with one of 100
    assert found.tpr_at_1.value == found.tpr_at_10.value == 0.75
    assert (found.tpr_at_1.low, found.tpr_at_1.high) == pytest.approx((0.1941, 0.9937), abs=1e-4)


def test_scores_that_tie_are_no_accusation():
    found = attack_of("toy", np.zeros(50), np.zeros(50), level=0.95, rng=np.random.default_rng(0))
    assert (found.auc.value, found.tpr_at_1.value, found.tpr_at_10.value) == (0.5, 0, 0)


def test_the_seed_decides(people, tables):
    both = tables(people(300, 0), people(300, 1), people(300, 2))
    assert measure_membership(both, seed=1, threads=1) == measure_membership(both, seed=1, threads=1)


def test_outliers_that_are_learned_by_heart_are_found_though_the_mean_is_blind(people, tables):
    rng = np.random.default_rng(0)

    def sample(seed):
        table = people(2000, seed)
        odd = np.arange(0, 2000, 50)  # 2 % of the rows lie far from all others, each elsewhere
        for name in "pqrs":
            table[name] = "usual"
            table.loc[odd, name] = rng.choice(list("abcdefghijkl"), len(odd))
        return table, odd

    (real, odd), (synthetic, _), (holdout, _) = (sample(seed) for seed in range(3))
    synthetic.iloc[odd] = real.iloc[odd]
    found, _ = measure_membership(tables(real, synthetic, holdout), threads=1)
    assert found.exposed.percent == 2
    assert found.exposed.isolated.lead > 0.2
    assert found.exposed.average.lead == 0
    assert found.exposed.isolated.distance_members.high < found.exposed.isolated.distance_strangers.low
    assert "can be identified" in found.exposed.words
    assert all(attack.auc.value < 0.6 for attack in found.attacks)


def test_outliers_of_a_fresh_sample_are_not_told_and_few_are_not_asked_about(people, tables):
    found, _ = measure_membership(tables(people(2000, 0), people(2000, 1), people(2000, 2)), threads=1)
    assert found.exposed.isolated.lead == 0
    assert (found.exposed.isolated.strangers, found.exposed.percent) == (20, 2)
    assert "no better than by chance" in found.exposed.words
    small, notes = measure_membership(tables(people(300, 0), people(300, 1), people(300, 2)), threads=1)
    assert small.exposed is None
    assert "400 holdout rows" in notes[0]


def test_the_interval_of_a_median_is_that_of_its_order_statistics():
    found = median_estimate(np.arange(100, dtype=float))
    assert (found.value, found.low, found.high) == (49.5, 39, 60)
