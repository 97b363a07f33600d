"""Choosing among rows by the table's margins."""

import numpy as np
import pandas as pd
import pytest

from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.plain_json import FieldError
from tabular.preparing.inference import infer_schema
from tabular.refining import MIN_CELL, Grouping, Margins, choose, refiner_for


def a_table(rows: int, seed: int, *, linked: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    plan = np.where((age > 50) if linked else (rng.random(rows) < 0.5), "old", "young")
    spend = np.round(np.where(rng.random(rows) < 0.6, 0.0, rng.gamma(2, 10, rows)), 2)
    table = pd.DataFrame({"age": age, "plan": plan, "spend": spend, "city": rng.choice(list("abcdefg"), rows)})
    return table.mask(rng.random(table.shape) < 0.02)


@pytest.fixture(scope="module")
def learned():
    table = a_table(3000, 0)
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    return table, schema, arrays, Margins.fit(arrays, schema)


def test_a_frequent_value_of_a_number_is_a_group_of_its_own():
    values = np.concatenate([np.zeros(500), np.arange(1, 501), [np.nan] * 3])
    grouping = Grouping.fit(values, ordered=True)
    groups = grouping.groups(values)
    assert grouping.alone.tolist() == [0]
    assert (groups[-3:] == 0).all()
    assert len(set(groups[:500])) == 1
    assert groups[0] not in groups[500:]
    assert np.bincount(groups[500:1000])[1:-1].max() <= 1.2 * 500 / len(set(groups[500:1000]))
    assert (np.diff(groups[500:1000]) >= 0).all()
    assert groups.max() < grouping.size


def test_rare_categories_share_a_group():
    codes = np.concatenate([np.repeat(np.arange(3), 100), [3] * (MIN_CELL - 1), [-1]])
    grouping = Grouping.fit(codes, ordered=False)
    assert grouping.alone.tolist() == [0, 1, 2]
    assert grouping.groups(np.array([3, 7, -1])).tolist() == [1, 1, 0]


def test_no_cell_of_few_rows_is_kept(learned):
    _, _, arrays, margins = learned
    assert all((counts[1:] >= MIN_CELL).all() for counts in margins.counts)
    assert all(counts.sum() == margins.rows == len(arrays["age"]) for counts in margins.counts)
    assert ("age", "plan") in margins.pairs
    assert len(margins.pairs) == 6
    # What is counted of the rows themselves is what is wanted of as many.
    cells = margins.cells_of(arrays)
    assert np.array_equal(np.bincount(cells.ravel(), minlength=len(margins.wanted(3000))), margins.wanted(3000))


def test_chosen_rows_come_nearer_to_the_table(learned):
    table, schema, _, margins = learned
    drawn = pd.concat([a_table(2000, 1), a_table(500, 2, linked=False)]).sample(frac=1, random_state=0)
    arrays = to_arrays(drawn, schema, unseen="missing")
    chosen = choose(margins, arrays, 2000, np.random.default_rng(0))
    assert len(np.unique(chosen)) == 2000
    real = table["plan"].eq("old").corr(table["age"] > 50)
    before, after = (rows["plan"].eq("old").corr(rows["age"] > 50) for rows in (drawn, drawn.iloc[chosen]))
    assert abs(after - real) < abs(before - real) / 2
    again = choose(margins, arrays, 2000, np.random.default_rng(0))
    assert np.array_equal(chosen, again)


def test_rows_that_are_near_already_are_left_alone(learned):
    _, _, arrays, margins = learned
    twice = {name: np.concatenate([values, values]) for name, values in arrays.items()}
    chosen = choose(margins, twice, 3000, np.random.default_rng(0))
    assert chosen.tolist() == list(range(3000))


def test_of_a_wide_table_the_most_dependent_pairs_are_counted():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"x{i}": rng.integers(0, 4, 1500) for i in range(40)})
    table["x39"] = table["x3"]
    schema = infer_schema(table)
    margins = Margins.fit(to_arrays(table, schema), schema)
    assert len(margins.pairs) == 300
    assert ("x3", "x39") in margins.pairs


def test_margins_are_plain_data_and_checked(learned):
    _, schema, arrays, margins = learned
    data = margins.to_dict()
    back = Margins.from_dict(data, schema)
    assert back.to_dict() == data
    assert np.array_equal(back.cells_of(arrays), margins.cells_of(arrays))
    for wrong in (
        {**data, "rows": 0},
        {**data, "columns": {**data["columns"], "nothing": data["columns"]["age"]}},
        {**data, "margins": [{**data["margins"][0], "columns": [9]}]},
        {**data, "margins": [{**data["margins"][0], "counts": [1]}]},
        {**data, "margins": [{**data["margins"][0], "cells": [10**6] * len(data["margins"][0]["cells"])}]},
        {**data, "columns": {**data["columns"], "age": {"alone": [2.0, 1.0], "edges": []}}},
    ):
        with pytest.raises(FieldError):
            Margins.from_dict(wrong, schema)


def test_refining_is_for_whole_tables_of_runs_that_keep_margins(learned):
    _, schema, _, margins = learned
    assert refiner_for(margins, schema, None, True, 3000, {}) is not None
    assert refiner_for(margins, schema, None, True, 3000, {"age": 1}) is None
    assert refiner_for(margins, schema, None, True, 60_000, {}) is None
    assert refiner_for(margins, schema, None, False, 3000, {}) is None
    assert refiner_for(None, schema, None, True, 3000, {}) is None
    with pytest.raises(UsageError, match="whole table"):
        refiner_for(margins, schema, True, True, 3000, {"age": 1})
    with pytest.raises(UsageError, match="keeps no counts"):
        refiner_for(None, schema, True, True, 3000, {})
