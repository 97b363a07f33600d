"""Gaps of known size, and the flag where the synthetic table widens them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.models.bias import check_protected, measure_bias
from eval.models.pair import train_pair
from tabular.errors import UsageError
from tabular.preparing.inference import infer_schema


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 30)


def applicants(rows, seed, *, women=0.4, rate_women=0.3, rate_men=0.3, merit=1.0):
    """Who is hired: by merit, and at another base rate for women than for men."""
    rng = np.random.default_rng(seed)
    sex = np.where(rng.random(rows) < women, "F", "M")
    score = rng.normal(size=rows)
    base = np.where(sex == "F", rate_women, rate_men)
    chance = 1 / (1 + np.exp(-(np.log(base / (1 - base)) + merit * score)))
    return pd.DataFrame(
        {"sex": sex, "score": score, "age": rng.integers(20, 60, rows), "hired": rng.random(rows) < chance}
    )


def bias_of(both, protect=("sex",), target="hired"):
    pair, _ = train_pair(both, target, refits=3, threads=1)
    return measure_bias(both, protect, pair)


def gap(bias, name, column=0):
    return next(g for g in bias.columns[column].gaps if g.name == name)


def test_a_second_sample_of_the_same_people_is_not_flagged(tables):
    bias, notes = bias_of(tables(applicants(4000, 0), applicants(4000, 1), applicants(4000, 2)), ("sex", "age"))
    assert [g.flagged for column in bias.columns for g in column.gaps] == [False] * 8
    assert bias.label == "hired = True"
    assert notes == []


def test_identical_tables_have_identical_gaps(tables):
    real = applicants(2000, 0, rate_women=0.15)
    bias, _ = bias_of(tables(real, real.copy(), applicants(2000, 2, rate_women=0.15)))
    for found in bias.columns[0].gaps[1:]:
        assert found.widened.value == 0
    assert gap(bias, "representation").synthetic == 0
    assert gap(bias, "label rate").real > 0.1


def test_rates_are_those_of_a_hand_counted_table(tables):
    real = pd.DataFrame({"sex": ["F"] * 40 + ["M"] * 60, "x": range(100)})
    real["hired"] = [1] * 10 + [0] * 30 + [1] * 30 + [0] * 30
    synthetic = pd.DataFrame({"sex": ["F"] * 20 + ["M"] * 80, "x": range(100)})
    synthetic["hired"] = [1] * 2 + [0] * 18 + [1] * 48 + [0] * 32
    bias, _ = bias_of(tables(real, synthetic, real))
    men, women = bias.columns[0].groups
    assert (women.name, women.real_percent, women.synthetic_percent) == ("F", 40, 20)
    assert (women.real_label_percent, women.synthetic_label_percent) == (25, 10)
    assert (men.real_label_percent, men.synthetic_label_percent) == (50, 60)
    assert gap(bias, "representation").synthetic == pytest.approx(0.2)
    found = gap(bias, "label rate")
    assert (found.real, found.synthetic, found.widened.value) == pytest.approx((0.25, 0.5, 0.25))


def test_a_synthetic_table_that_discriminates_is_flagged(tables):
    fair = [applicants(4000, seed) for seed in (0, 2)]
    unfair = applicants(4000, 1, rate_women=0.05, rate_men=0.5)
    bias, _ = bias_of(tables(fair[0], unfair, fair[1]))
    for name in ("label rate", "demographic parity", "equalised odds"):
        assert gap(bias, name).flagged, name
        assert gap(bias, name).widened.low > 0.1
    assert not gap(bias, "representation").flagged
    men, women = bias.columns[0].groups
    assert women.selected_synthetic_percent < women.selected_real_percent
    assert men.selected_synthetic_percent > men.selected_real_percent


def test_a_synthetic_table_that_narrows_the_gap_is_not_flagged(tables):
    unfair = [applicants(4000, seed, rate_women=0.05, rate_men=0.5) for seed in (0, 2)]
    bias, _ = bias_of(tables(unfair[0], applicants(4000, 1), unfair[1]))
    assert gap(bias, "label rate").widened.high < 0
    assert not bias.columns[0].flagged


def test_a_group_that_is_lost_is_flagged(tables):
    real = applicants(2000, 0)
    bias, _ = bias_of(tables(real, applicants(2000, 1, women=0.0), applicants(2000, 2)))
    assert gap(bias, "representation").flagged
    assert gap(bias, "representation").synthetic == pytest.approx((real.sex == "F").mean())


def test_both_models_pick_as_many_rows_as_have_the_label(tables):
    bias, _ = bias_of(tables(applicants(3000, 0), applicants(3000, 1, rate_men=0.6), applicants(3000, 2)))
    groups = bias.columns[0].groups
    for share in ("selected_real_percent", "selected_synthetic_percent"):
        picked = sum(getattr(g, share) * g.test_rows for g in groups) / sum(g.test_rows for g in groups)
        assert picked == pytest.approx(bias.selected_percent, abs=0.5)


def test_numbers_are_cut_at_the_quartiles_of_the_real_column(tables):
    table = applicants(2000, 0).assign(age=np.arange(2000) % 100)
    bias, _ = bias_of(tables(table, table, table), ("age",))
    assert [g.name for g in bias.columns[0].groups] == ["<= 24.75", "24.75 to 49.5", "49.5 to 74.25", "> 74.25"]
    assert [g.real_percent for g in bias.columns[0].groups] == [25, 25, 25, 25]


def test_small_groups_are_joined_and_missing_cells_are_a_group(tables):
    town = np.array(["A"] * 500 + ["B"] * 400 + ["C"] * 20 + ["D"] * 30 + [None] * 50, dtype=object)
    table = applicants(1000, 0).assign(town=town)
    both = tables(table, table.assign(town=table.town.replace("D", "Z")), table)
    bias, notes = bias_of(both, ("town",))
    assert [g.name for g in bias.columns[0].groups] == ["A", "B", "D", "(other)", "(missing)"]
    assert [g.synthetic_percent for g in bias.columns[0].groups] == pytest.approx([50, 40, 0, 5, 5])
    assert "too few test rows" in notes[0]


def test_the_noise_of_a_fit_widens_the_interval(tables):
    both = tables(applicants(1500, 0), applicants(1500, 1), applicants(1500, 2))
    spans = []
    for refits in (0, 4):
        pair, _ = train_pair(both, "hired", refits=refits, threads=1)
        assert len(pair.refits) == refits
        found = gap(measure_bias(both, ("age",), pair)[0], "demographic parity")
        spans.append(found.widened.high - found.widened.low)
    assert spans[1] > spans[0]


def test_without_a_target_there_is_representation_alone(tables):
    bias, notes = measure_bias(tables(applicants(500, 0), applicants(500, 1)), ("sex",), None)
    assert [g.name for g in bias.columns[0].gaps] == ["representation"]
    assert bias.label is None
    assert "no target" in notes[0]


def test_a_numeric_target_is_favoured_above_its_median(people, tables):
    both = tables(people(800, 0), people(800, 1), people(800, 2))
    bias, notes = bias_of(both, ("device", "income"), "income")
    assert bias.label.startswith("income > ")
    assert bias.selected_percent == pytest.approx(50, abs=0.2)
    assert "income >" in notes[0]
    assert [g.name for g in bias.columns[1].gaps] == ["representation"]


def test_a_dropped_class_and_a_constant_column_are_survived(tables):
    real = applicants(500, 0).assign(sex="F")
    bias, _ = bias_of(tables(real, real.assign(hired=False), real), ("sex",))
    assert not bias.columns[0].flagged


def test_nothing_protected_is_nothing_measured(tables):
    assert measure_bias(tables(applicants(50, 0), applicants(50, 1)), (), None) == (None, [])


def test_columns_that_cannot_be_protected_are_refused(people):
    table = people(100, 0).assign(id=[f"U{i:05d}" for i in range(100)])
    schema = infer_schema(table)
    with pytest.raises(UsageError, match="'nope'"):
        check_protected(["nope"], schema)
    with pytest.raises(UsageError, match="no groups"):
        check_protected(["id"], schema)


def test_a_holdout_too_small_for_the_rates_of_any_group_is_survived(tables):
    bias, _ = bias_of(tables(applicants(300, 0), applicants(300, 1), applicants(12, 2)))
    assert gap(bias, "equalised odds").real is None
    assert gap(bias, "representation").synthetic is not None
