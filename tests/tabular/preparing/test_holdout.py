"""Rows are held back by a rule that stays the same, and people with several rows stay together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabular.preparing.holdout import held_out, people_columns


def visits(rows: int, users: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"user_id": rng.integers(0, users, rows) + 7_000, "spend": rng.gamma(2, 20, rows).round(2)})


def test_the_split_is_the_same_for_ever():
    # The raw stream of PCG64 is promised not to change: a run that was made today is judged right in ten years.
    table = pd.DataFrame({"a": range(10)})
    assert held_out(table, 3, 0).nonzero()[0].tolist() == [1, 2, 3]
    assert held_out(table, 3, 1).nonzero()[0].tolist() != [1, 2, 3]
    pairs = pd.DataFrame({"a": list("abcabcabcabc")})
    assert held_out(pairs, 4, 0, ["a"]).nonzero()[0].tolist() == [2, 5, 8, 11]


def test_people_stay_together_and_the_number_of_rows_is_about_what_was_asked():
    table = visits(2_000, 300)
    held = held_out(table, 400, 0, ["user_id"])
    assert abs(held.sum() - 400) <= table["user_id"].value_counts().max() / 2
    assert set(table["user_id"][held]).isdisjoint(table["user_id"][~held])


def test_one_person_of_most_rows_is_learned():
    table = pd.DataFrame({"user_id": ["bot"] * 500 + [f"u{i % 100}" for i in range(500)]})
    for seed in range(5):
        held = held_out(table, 200, seed, ["user_id"])
        assert held.sum() == 200
        assert "bot" not in set(table["user_id"][held])


def test_rows_without_the_one_column_that_says_who_are_nobody_in_particular():
    table = pd.DataFrame({"email": [None] * 100 + ["a@b.org"] * 4})
    assert 15 <= held_out(table, 20, 0, ["email"]).sum() <= 22


def test_people_are_found_by_a_column_that_names_them_or_by_attributes_that_repeat_together(surveys):
    assert people_columns(visits(1_000, 200)) == ("user_id",)
    assert people_columns(visits(1_000, 5)) == ()  # five users leave no split
    assert set(people_columns(surveys.survey(100, 10, scenarios=100_000))) == set(surveys.PERSON)


def test_a_table_of_one_row_per_person_is_split_by_rows():
    table = visits(300, 200).assign(user_id=range(300))
    assert people_columns(table) == ()
