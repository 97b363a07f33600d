"""Three columns at once, mutual information, rare categories and subgroups, on tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.margins.cells import cells_of, draw_combinations
from eval.margins.information import measure_information, normalised_information
from eval.margins.measure import measure_margins
from eval.margins.rare import measure_rare
from eval.margins.subgroups import measure_subgroups
from eval.margins.three_way import measure_three_way
from eval.margins.words import margin_rows, margin_sentences


def coins(rows, seed, *, linked):
    """Two coins, and a third that is their exclusive or, or independent of both."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.integers(2, size=(3, rows))
    third = a ^ b if linked else c
    return pd.DataFrame({"a": a, "b": b, "c": third}).replace({0: "heads", 1: "tails"})


def test_a_table_that_meets_all_pairs_fails_at_three_columns(tables):
    loaded = tables(coins(2000, 0, linked=True), coins(1000, 1, linked=False), coins(1000, 2, linked=True))
    found = measure_three_way(loaded)
    assert found.error_percent == pytest.approx(50, abs=4)
    assert found.floor_percent < 5
    assert (found.triples, found.possible, found.rows) == (1, 1, 1000)
    assert measure_information(loaded).weighted_error < 0.01  # no pair is off


def test_an_equal_table_has_no_error_anywhere(tables, people):
    real = people(400, 0)
    found = measure_margins(tables(real, real.sample(frac=1, random_state=0)))
    assert found.three_way.error_percent == 0
    assert found.information.weighted_error == pytest.approx(0)
    assert found.subgroups.error_percent == 0
    assert found.three_way.floor_percent is None
    assert "0.00" in [value for _, value, _, _ in margin_rows(found)]


def test_of_many_columns_triples_are_drawn_by_the_seed(tables):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(60, 60)).round(2)).add_prefix("x")
    loaded = tables(wide, wide)
    found = measure_three_way(loaded, seed=1)
    assert (found.triples, found.possible) == (500, 34_220)
    assert found == measure_three_way(loaded, seed=1)
    drawn = draw_combinations(60, 3, 500, np.random.default_rng(0))
    assert len(set(drawn)) == 500
    assert all(a < b < c for a, b, c in drawn)


def test_normalised_information_is_that_of_scikit_learn(tables, people):
    from sklearn.metrics import normalized_mutual_info_score

    loaded = tables(people(300, 0), people(300, 1))
    pairs = [(i, j) for i in range(4) for j in range(i)]
    known = normalised_information(loaded, loaded.real, pairs)
    age, device = loaded.modelled.index("age"), loaded.modelled.index("device")
    cells = np.clip(np.digitize(loaded.real.arrays["age"], np.linspace(18, 79, 11)[1:-1], right=True), 0, 9)
    assert known[pairs.index((device, age))] == pytest.approx(
        normalized_mutual_info_score(cells, loaded.real.arrays["device"])
    )


def test_a_relation_that_is_lost_is_not_watered_down_by_columns_without_any(tables, people):
    real, synthetic = people(1000, 0), people(1000, 1)
    for i, table in enumerate((real, synthetic)):
        for name in "pqrs":
            table[name] = np.random.default_rng([i, ord(name)]).choice(["u", "v", "w"], len(table))
    synthetic["income"] = synthetic["income"].sample(frac=1, random_state=0).to_numpy()
    found = measure_information(tables(real, synthetic))
    assert found.weighted_error > 0.1
    assert found.weighted_error > 4 * found.error


def test_rare_categories_that_are_lost_are_counted_beside_the_holdout(tables):
    common, rare = ["a"] * 497, [f"r{i}" for i in range(3)]
    real = pd.DataFrame({"kind": common * 2 + rare * 2, "n": range(1000)})
    holdout = pd.DataFrame({"kind": common + rare, "n": range(500)})
    synthetic = pd.DataFrame({"kind": ["a"] * 499 + ["r0"], "n": range(500)})
    found = measure_rare(tables(real, synthetic, holdout))
    assert found.categories == 3
    assert found.covered_percent == pytest.approx(100 / 3)
    assert found.covered_floor_percent == 100
    assert found.columns[0].real_percent == pytest.approx(0.6)
    assert found.columns[0].synthetic_percent == pytest.approx(0.2)


def test_the_subgroup_that_is_made_wrong_stands_first(tables, people):
    real, synthetic, holdout = people(2000, 0), people(2000, 1), people(2000, 2)
    phones = synthetic["device"] == "phone"
    synthetic.loc[phones, "age"] = 20
    loaded = tables(real, synthetic, holdout)
    found = measure_subgroups(loaded)
    first = found.worst[0]
    assert (first.column, first.value, first.worst_column) == ("device", "phone", "age")
    assert first.worst_error_percent > 80
    assert first.floor_percent < 10
    said = margin_sentences(measure_margins(loaded))
    assert "device = phone" in said[0]


def test_a_subgroup_that_never_comes_out_is_wholly_wrong(tables, people):
    real, synthetic = people(600, 0), people(600, 1)
    synthetic["device"] = "phone"
    first = measure_subgroups(tables(real, synthetic)).worst[0]
    assert (first.value, first.synthetic_rows, first.error_percent) == ("desktop", 0, 100)


def test_categories_beyond_the_most_frequent_share_a_cell(tables):
    real = pd.DataFrame({"kind": ["a"] * 50 + ["b"] * 30 + ["c"] * 20, "n": [None, *np.arange(1, 100) / 4]})
    loaded = tables(real, pd.DataFrame({"kind": ["a", "c", "d", None] * 25, "n": [0.25, 13.0, None, 99.0] * 25}))
    used = (loaded.real, loaded.synthetic)
    codes, size = cells_of(loaded, "kind", used, 1)
    assert size == 3
    assert codes[1][:4].tolist() == [1, 2, 2, 0]
    numbers, size = cells_of(loaded, "n", used, 4)
    assert size == 5
    assert np.bincount(numbers[0]).tolist() == [1, 25, 25, 24, 25]
    assert numbers[1][:4].tolist() == [1, 3, 0, 4]
