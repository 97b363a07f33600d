"""Cells are imputed from the distribution that the model gives them in the light of the whole row."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.nano.imputation import complete_in_order

COLUMNS = {"colour": ["red", "green", "blue"], "size": [0.0, 1.0, 2.0, 3.0], "kept": ["0", "1", "2", "3", None]}
#: Times that each row is imputed.
TIMES = 500


@pytest.fixture(scope="module")
def model(sized_colours: Callable[[np.random.Generator], pd.DataFrame]) -> TableLM:
    rng = np.random.default_rng(0)
    table = sized_colours(rng)
    table["kept"] = (rng.integers(0, 3, 600) + table["size"]).astype(int) % 4
    table["kept"] = table["kept"].astype(str).mask(rng.random(600) < 0.2)
    return TableLM(steps=30, layers=1, width=32, heads=2, batch_size=64, learning_rate=1e-2).fit(table)


def distance(model: TableLM, holes: list[str]) -> float:
    """Mean total variation between what is imputed in ``holes`` and what the model says of whole rows."""
    present = {name: [value for value in values if value is not None] for name, values in COLUMNS.items()}
    rows = pd.DataFrame(itertools.product(*(present[name] for name in COLUMNS)), columns=list(COLUMNS))
    given = [name for name in COLUMNS if name not in holes]
    probability = np.exp(model.log_prob(rows))
    rows["expected"] = probability / pd.Series(probability).groupby([rows[name] for name in given]).transform("sum")
    known = rows[given].drop_duplicates().loc[lambda part: part.index.repeat(TIMES)].reset_index(drop=True)
    for name in holes:
        known[name] = pd.Series(np.nan, known.index, dtype=float if name == "size" else object)
    filled = model.impute(known[list(COLUMNS)], seed=1)
    assert filled.notna().all(axis=None)
    pd.testing.assert_frame_equal(filled[given], known[given])
    counts = filled.value_counts().rename("found").reset_index()
    both = rows.merge(counts, how="left").fillna({"found": 0.0})
    groups = len(known) / TIMES
    return float((both["found"] / TIMES - both["expected"]).abs().sum() / 2 / groups)


@pytest.mark.parametrize("holes", [["colour"], ["size"], ["kept"], ["colour", "kept"], ["size", "colour"]])
def test_imputed_cells_come_as_often_as_whole_rows_say(model, holes, monkeypatch):
    monkeypatch.setattr("tabllm.nano.imputation.COMPLETIONS", 16)
    cells = np.prod([len(COLUMNS[name]) for name in holes])
    assert distance(model, holes) < 0.02 + 0.8 * np.sqrt(cells / TIMES) / 2


def test_one_completion_is_drawn_after_the_known_cells_and_is_farther_off(model, monkeypatch):
    found = []
    for completions in (1, 16):
        monkeypatch.setattr("tabllm.nano.imputation.COMPLETIONS", completions)
        found.append(distance(model, ["size", "colour"]))
    assert found[1] < 0.8 * found[0]


@pytest.mark.parametrize("holes", [["size"], ["size", "kept"]])
def test_a_model_that_knows_one_order_imputes_in_that_order_and_weighs_by_what_is_known_behind(
    model, holes, monkeypatch
):
    codec = model._scorer()._codec

    def complete(sampler, scorer, tokens, given, weights, rng):
        missing = [field.column for place, field in enumerate(codec.table.fields) if place not in given]
        return complete_in_order(sampler, codec, tokens, missing, rng)

    monkeypatch.setattr("tabllm.nano.table_lm.complete_pattern", complete)
    cells = np.prod([len(COLUMNS[name]) for name in holes])
    assert distance(model, holes) < 0.02 + 0.8 * np.sqrt(cells / TIMES) / 2


def test_the_same_seed_imputes_the_same(model, monkeypatch):
    table = pd.DataFrame({"colour": [None, "red"] * 50, "size": 1.0, "kept": ["1", None] * 50})
    first = model.impute(table, seed=3)
    pd.testing.assert_frame_equal(first, model.impute(table, seed=3))
    # In parts of a few rows each is still completed by its own.
    monkeypatch.setattr("tabllm.nano.imputation.PART_ROWS", 7)
    parts = model.impute(table, seed=3)
    assert parts.notna().all(axis=None)
    assert (parts["kept"][::2] == "1").all()
