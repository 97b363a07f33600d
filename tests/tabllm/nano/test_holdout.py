"""nano holds out whole people where a table has several rows of each, and the same rows as ever where it has not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.nano.holdout import hold_out


def codes(table: pd.DataFrame) -> np.ndarray:
    return np.stack([pd.factorize(table[name])[0] for name in table], axis=1)


def test_no_person_is_both_learned_and_held_out(surveys):
    table = surveys.survey(200, 10, scenarios=100_000)
    held, people = hold_out(codes(table), np.random.default_rng(0).permutation(len(table)), 100)
    person = table[surveys.PERSON].agg("|".join, axis=1)
    assert people.count == 200
    assert held.sum() == 200  # a tenth of the people, though a twentieth of the rows was asked for
    assert not set(person[held]) & set(person[~held])


def test_where_no_person_repeats_the_first_rows_of_the_order_are_held_out():
    order = np.random.default_rng(0).permutation(1_000)
    held, people = hold_out(np.random.default_rng(1).integers(0, 4, (1_000, 8)), order, 50)
    assert people is None
    assert set(np.flatnonzero(held)) == set(order[:50])


def test_known_owners_are_held_out_whole_and_nobody_is_searched_for():
    owners = np.repeat(np.arange(100), 10)
    held, people = hold_out(np.zeros((1_000, 4), int), np.random.default_rng(0).permutation(1_000), 200, owners)
    assert people is None
    assert held.sum() == 200
    assert len(np.unique(owners[held])) == 20


def test_the_run_says_that_people_were_held_out(surveys, tmp_path):
    model = TableLM(steps=2, device="cpu", width=16, heads=2, layers=1).fit(surveys.survey(60, 6))
    model.save(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["fit"]["people"] == 60
    assert "belong to 60 people" in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.slow
def test_people_are_not_learned_by_heart(surveys):
    table = surveys.survey(250, 20)
    made = TableLM(device="cpu").fit(table).sample(1_000)
    person = table[surveys.PERSON].agg("|".join, axis=1)
    by_heart = made[surveys.PERSON].astype(str).agg("|".join, axis=1).isin(set(person)).mean()
    assert by_heart < 0.2  # 0.63 where rows are held out
