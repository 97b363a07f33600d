"""A column that the network has lost is drawn by trees, and only such a column."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from tabllm import TableLM
from tabular.errors import RunError
from tabular.registry import load_run

NOISE = 0.05


def exclusive(rows: int, seed: int = 0) -> pd.DataFrame:
    """``answer`` is yes where an odd number of three others is, but for one row in twenty; no two columns tell it."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (rows, 3))
    odd = (bits.sum(axis=1) % 2).astype(bool) ^ (rng.random(rows) < NOISE)
    table = pd.DataFrame(np.where(bits, "yes", "no"), columns=["first", "second", "third"])
    return table.assign(spent=rng.normal(size=rows).round(3), answer=np.where(odd, "yes", "no"))


def agreement(table: pd.DataFrame) -> float:
    odd = (table[["first", "second", "third"]] == "yes").sum(axis=1) % 2 == 1
    return float((odd == (table["answer"] == "yes")).mean())


@pytest.fixture(scope="module")
def model(small) -> TableLM:
    return small(steps=2).fit(exclusive(1500))


def test_what_the_network_lost_is_drawn_by_trees(model):
    assert "answer" in model.facts["drawn_by_trees"]
    made = model.sample(2000, seed=1)
    assert agreement(made) > 0.75  # by chance half, in the table 0.95
    assert made["answer"].eq("yes").mean() == pytest.approx(0.5, abs=0.05)


def test_conditions_hold_and_the_other_columns_follow(model):
    made = model.sample(500, where={"answer": "yes"}, seed=1)
    assert set(made["answer"]) == {"yes"}
    assert agreement(made) > 0.75


def test_missing_cells_are_completed_in_the_light_of_the_trees(model):
    known = exclusive(400, seed=7)
    completed = model.complete(known.assign(answer=None), seed=1)
    pd.testing.assert_frame_equal(completed.drop(columns="answer"), known.drop(columns="answer"))
    assert agreement(completed) > 0.75


def test_classes_are_told_by_the_trees_where_all_else_is_known(model):
    rows = exclusive(400, seed=7)
    yes = model.predict_proba(rows.drop(columns="answer"), "answer")["yes"]
    odd = (rows[["first", "second", "third"]] == "yes").sum(axis=1) % 2 == 1
    assert yes[odd].mean() > 0.75
    assert yes[~odd].mean() < 0.25


def test_a_run_keeps_its_trees_and_refuses_damaged_ones(model, tmp_path):
    model.save(tmp_path / "run")
    again = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(again.sample(50, seed=3), model.sample(50, seed=3))
    again.save(tmp_path / "again")
    kept = load_file(tmp_path / "again" / "model.safetensors")
    name = next(name for name in kept if name.startswith("column_trees."))
    for changed in (
        {name: np.arange(40, dtype=np.uint8)},
        {"column_trees.7.99": kept[name]},
        {name: kept[name].astype(np.int32)},
    ):
        save_file({**kept, **changed}, tmp_path / "again" / "model.safetensors")
        with pytest.raises(RunError, match="column_trees"):
            load_run(tmp_path / "again")


def test_columns_that_nothing_tells_stay_with_the_network(small, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.choice(["a", "b"], 1200) for name in ("one", "two", "three")})
    fitted = small(steps=2).fit(table)
    assert "drawn_by_trees" not in fitted.facts
    fitted.save(tmp_path / "run")
    assert "column_trees" not in json.dumps(list(load_file(tmp_path / "run" / "model.safetensors")))
