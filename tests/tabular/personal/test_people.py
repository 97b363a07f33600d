"""Rows of one person are known by what they share; rows that are only alike are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular.personal.people import find_people


def codes(table: pd.DataFrame) -> np.ndarray:
    return np.stack([pd.factorize(table[name])[0] for name in table], axis=1)


@pytest.mark.parametrize(("people", "rows_each"), [(60, 6), (300, 20), (500, 4)])
def test_the_people_of_a_survey_are_found_by_their_attributes(surveys, people, rows_each):
    table = surveys.survey(people, rows_each)
    found = find_people(codes(table))[0]
    assert {table.columns[place] for place in found.columns} == set(surveys.PERSON)
    assert found.count == people
    truth = table[surveys.PERSON].agg("|".join, axis=1)
    assert pd.Series(found.labels).groupby(truth).nunique().max() == 1


def test_a_survey_in_which_everybody_answers_once_has_no_people(surveys):
    table = surveys.survey(600, 1, scenarios=100_000)
    assert find_people(codes(table)) == []


def test_columns_that_go_together_are_no_people():
    rng = np.random.default_rng(0)
    city = rng.integers(0, 300, 4_000)
    shop = rng.integers(0, 40, 4_000)
    table = np.stack([city, city // 10, city // 50, city % 7, shop, shop // 8, rng.integers(0, 5, 4_000)], axis=1)
    assert find_people(table) == []


def test_independent_categories_are_no_people():
    rng = np.random.default_rng(0)
    assert find_people(rng.integers(0, 4, (5_000, 10))) == []
    assert find_people(rng.integers(0, 2, (5_000, 6))) == []
    assert find_people(np.zeros((500, 4), int)) == []


@pytest.mark.parametrize(
    ("folder", "file"),
    [("online_shoppers", "online_shoppers_intention.csv.gz"), ("bank_marketing_full", "bank_full.csv.gz")],
)
def test_real_tables_of_one_row_each_have_no_people(shared_data, folder, file):
    assert find_people(codes(pd.read_csv(shared_data(folder) / file).head(15_000))) == []
