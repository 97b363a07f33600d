"""Rows under conditions come as often as among rows that are drawn without conditions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tabllm.nano.conditioning as conditioning
from tabllm import TableLM

ROWS = 4000


@pytest.fixture(scope="module")
def model() -> TableLM:
    """Columns of 3, 4, 12 and 40 values, each of which leans on the one before."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.integers(0, 3, 1200)})
    for name, size in (("b", 4), ("c", 12), ("d", 40)):
        table[name] = (table.iloc[:, -1] * 3 + rng.integers(0, size, 1200) // 2) % size
    table = table.astype(str)
    return TableLM(steps=40, layers=1, width=32, heads=2, batch_size=128, learning_rate=1e-2).fit(table)


@pytest.fixture(scope="module")
def free(model) -> pd.DataFrame:
    return model.sample(60_000, refine=False, seed=11)


def distance(first: pd.Series, second: pd.Series) -> float:
    """Total variation between two columns."""
    counts = [column.value_counts(normalize=True) for column in (first, second)]
    return float(counts[0].sub(counts[1], fill_value=0).abs().sum() / 2)


def parted(free: pd.DataFrame) -> tuple[str, pd.Series]:
    wanted = ["3", "7", "11", "15", "19"]
    return f"d in [{', '.join(wanted)}]", free["d"].isin(wanted)


def test_the_first_fields_are_enumerated_and_no_others():
    assert conditioning._enumerable([2], [2, 2, 3, 100]) == 3
    assert conditioning._enumerable([3], [50, 60, 70, 80]) == 0
    assert conditioning._enumerable([0, 3], [50, 60, 70, 80]) == 1
    assert conditioning._enumerable([], [50, 60]) == 0


@pytest.mark.parametrize("least", [32, 0])
def test_conditions_on_late_columns_give_the_rows_that_keep_them(model, free, least, monkeypatch):
    """Drawn in field order and left out, and drawn first and resampled."""
    monkeypatch.setattr(conditioning, "MAX_CONDITIONED", 10)
    monkeypatch.setattr(conditioning, "LEAST", least)
    where, mask = parted(free)
    made = model.sample(ROWS, where=where, seed=3)
    assert len(made) == ROWS
    real = free[mask]
    assert set(made["d"]) == set(real["d"])
    for name in ("a", "b", "c", "d"):
        assert distance(made[name], real[name]) < 0.04, name
    assert distance(made["a"] + made["c"], real["a"] + real["c"]) < 0.1


def test_conditioned_fields_drawn_first_and_not_resampled_are_farther_off(model, free, monkeypatch):
    monkeypatch.setattr(conditioning, "MAX_CONDITIONED", 10)
    monkeypatch.setattr(conditioning, "LEAST", 0)
    where, mask = parted(free)
    found = []
    for candidates, rounds in ((1, 1), (4, 4)):
        monkeypatch.setattr(conditioning, "CANDIDATES", candidates)
        monkeypatch.setattr(conditioning, "ROUNDS", rounds)
        if rounds == 1:
            monkeypatch.setattr(conditioning, "_importance", lambda scorer, drawn, *_: np.zeros(len(drawn.logs)))
        made = model.sample(ROWS, where=where, seed=3)
        monkeypatch.undo()
        monkeypatch.setattr(conditioning, "MAX_CONDITIONED", 10)
        monkeypatch.setattr(conditioning, "LEAST", 0)
        found.append(distance(made["a"] + made["c"], (free["a"] + free["c"])[mask]))
    assert found[1] < 0.7 * found[0]


def test_an_early_condition_and_a_late_one_hold_together(model, free):
    made = model.sample(300, where="a = 1 and d in [3, 7]", seed=4)
    assert len(made) == 300
    assert set(made["a"]) == {"1"}
    assert set(made["d"]) <= {"3", "7"}
    real = free[(free["a"] == "1") & free["d"].isin(["3", "7"])]
    assert distance(made["b"], real["b"]) < 0.15


def test_fewer_rows_than_keep_the_condition_are_a_random_part_of_them(model, monkeypatch):
    """Rows come sorted by prefix: the first of them would be those of the first values alone."""
    monkeypatch.setattr(conditioning, "MAX_CONDITIONED", 10)
    made = model.sample(30, where="d != 0", seed=5)
    assert made["a"].nunique() == 3


def test_the_same_seed_gives_the_same_rows_and_progress_counts_each_row_once(model, monkeypatch):
    monkeypatch.setattr(conditioning, "MAX_CONDITIONED", 10)
    where = "d in [3, 7]"
    pd.testing.assert_frame_equal(model.sample(200, where=where, seed=6), model.sample(200, where=where, seed=6))
    codec, engine = model._fitted()
    sampler = conditioning.Sampler(engine, codec.table.parents)
    for least in (32, 0):
        monkeypatch.setattr(conditioning, "LEAST", least)
        done: list[int] = []
        weights = {3: np.eye(codec.table.sizes[3], dtype=np.float32)[[3, 7]].sum(axis=0)}
        rows = conditioning.sample_conditioned(
            sampler, model._scorer(), 150, codec.table.sizes, weights, np.random.default_rng(0), done.append
        )
        assert rows.shape == (150, 4)
        assert sum(done) == 150
