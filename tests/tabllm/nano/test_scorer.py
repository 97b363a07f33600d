"""Log-probabilities of rows are those of the distribution that rows are drawn from."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.nano.engines.making import make_engine
from tabular.errors import SchemaError, UsageError
from tabular.registry import create

DRAWN = 200_000


@pytest.fixture(scope="module")
def model(sized_colours: Callable[[np.random.Generator], pd.DataFrame]) -> TableLM:
    """Three columns whose 3 * 4 * 5 combinations all occur, so that no rule holds; missing cells in one."""
    rng = np.random.default_rng(0)
    table = sized_colours(rng)
    table["kept"] = rng.integers(0, 4, 600).astype(str)
    table.loc[rng.random(600) < 0.1, "kept"] = None
    return TableLM(steps=20, layers=1, width=32, heads=2, batch_size=64, learning_rate=1e-2).fit(table)


@pytest.fixture(scope="module")
def everything() -> pd.DataFrame:
    rows = itertools.product(["red", "green", "blue"], [0.0, 1.0, 2.0, 3.0], ["0", "1", "2", "3", None])
    return pd.DataFrame(rows, columns=["colour", "size", "kept"])


def test_the_probabilities_of_all_rows_sum_to_one(model, everything):
    assert not model.schema.rules
    assert np.exp(model.log_prob(everything)).sum() == pytest.approx(1, abs=1e-4)


def test_rows_come_as_often_as_their_probability_says(model, everything):
    made = model.sample(DRAWN, refine=False).fillna("none")
    counts = made.value_counts()
    probability = np.exp(model.log_prob(everything))
    for row, expected in zip(everything.fillna("none").itertuples(index=False), probability, strict=True):
        found = counts.get(tuple(row), 0) / DRAWN
        assert abs(found - expected) < 4 * np.sqrt(expected / DRAWN)


def test_log_probabilities_of_parts_add_up_in_the_order_of_drawing(model, everything):
    first, second, third = model._scorer().names
    whole = model.log_prob(everything)
    assert model.log_prob(everything, [first]) + model.log_prob(
        everything, [second, third], given=[first]
    ) == pytest.approx(whole, abs=1e-5)
    # Bayes: the last column given the others is the row divided by all rows that differ in it alone.
    together = np.exp(whole) / pd.Series(np.exp(whole)).groupby(
        everything[[first, second]].astype(str).agg("/".join, axis=1)
    ).transform("sum")
    assert np.exp(model.log_prob(everything, [third], given=[first, second])) == pytest.approx(together, abs=1e-5)


def test_cells_say_which_column_makes_a_row_impossible(model):
    rows = pd.DataFrame(
        {
            "colour": ["red", "pink", "red", "red", None],
            "size": [1.0, 1.0, 1.5, 9.0, 1.0],
            "kept": ["1", "1", "1", "1", "1"],
        }
    )
    cells = model.cell_log_probs(rows)
    impossible = np.isneginf(cells.to_numpy())
    assert impossible.tolist() == [
        [False, False, False],
        [True, False, False],
        [False, True, False],
        [False, True, False],
        [True, False, False],
    ]
    assert np.isneginf(model.log_prob(rows)).tolist() == [False, True, True, True, True]
    assert np.isnan(model.log_prob(rows, ["kept"], given=["colour"])).tolist() == [False, True, False, False, True]


def test_classes_are_predicted_by_the_rows_that_they_make(model, everything):
    found = model.predict_proba(everything.drop(columns="colour"), "colour")
    assert found.columns.tolist() == ["blue", "green", "red"]
    assert found.sum(axis=1).to_numpy() == pytest.approx(1)
    rows = [np.exp(model.log_prob(everything.assign(colour=value))) for value in found.columns]
    assert found.to_numpy() == pytest.approx((rows / np.sum(rows, axis=0)).T, abs=1e-6)
    # "kept" can be missing; of its classes that is none.
    kept = model.predict_proba(everything, "kept", given=["size"])
    odds = [np.exp(model.log_prob(everything.assign(kept=value), ["kept", "size"])) for value in "0123"]
    assert kept.to_numpy() == pytest.approx((odds / np.sum(odds, axis=0)).T, abs=1e-6)


def test_many_classes_are_predicted_as_what_is_drawn_next(model, everything, monkeypatch):
    monkeypatch.setattr("tabular.likelihood.scorer.MOST_JOINT", 2)
    for given in (["size", "kept"], ["kept"]):
        found = model.predict_proba(everything, "colour", given=given)
        scored = np.exp(model.log_prob(everything, ["colour"], given=given))
        picked = found.to_numpy()[np.arange(len(found)), everything["colour"].map(found.columns.get_loc)]
        assert picked == pytest.approx(scored, abs=1e-6)


def test_a_number_out_of_bounds_says_nothing_of_the_class(model):
    rows = pd.DataFrame({"size": [1.0, 99.0], "kept": ["1", "1"]})
    found = model.predict_proba(rows, "colour").to_numpy()
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(1)


def test_both_engines_give_the_same(model, everything, monkeypatch):
    pytest.importorskip("mlx.core")
    torch_logs = model.log_prob(everything)
    mlx = make_engine("mlx", "cpu", model._engine.config, model._engine.numpy_weights())
    monkeypatch.setattr(model, "_engine", mlx)
    assert model.log_prob(everything) == pytest.approx(torch_logs, abs=1e-4)


def test_a_column_that_follows_from_others_is_certain_or_impossible():
    rng = np.random.default_rng(1)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 200, 400)), unit="D")
    pieces, price = rng.integers(1, 6, 400), rng.integers(10, 400, 400)
    table = pd.DataFrame({"start": start, "end": start + pd.to_timedelta(rng.integers(0, 30, 400), unit="D")})
    table["pieces"], table["price"], table["total"] = pieces, price, pieces * price
    table["total"] = table["total"].mask(rng.random(400) < 0.1)
    table["user"] = [f"u-{number:05d}" for number in range(400)]
    model = TableLM(steps=2, layers=1, width=16, heads=2).fit(table)
    assert {"total"} < set(" ".join(rule.text for rule in model.schema.rules).split())
    cells = model.cell_log_probs(table)
    assert cells.columns.tolist() == ["start", "end", "pieces", "price", "total"]
    there = table["total"].notna()
    # Whether it is there is drawn; what it then is follows.
    assert np.exp(cells["total"]).groupby(there).mean().sum() == pytest.approx(1, abs=1e-3)
    assert np.isfinite(cells.to_numpy()).all()
    assert np.isfinite(model.log_prob(table, ["total"], given=["price", "pieces"])).all()
    shuffled = table.sample(frac=1, random_state=0)
    assert model.log_prob(shuffled) == pytest.approx(model.log_prob(table)[shuffled.index], abs=1e-4)
    wrong = table[there].assign(total=table["total"] + 1, end=table["start"] - pd.Timedelta("1D"))
    impossible = np.isneginf(model.cell_log_probs(wrong).to_numpy())
    assert impossible.all(axis=0).tolist() == [False, True, False, False, True]
    with pytest.raises(UsageError, match="follows from"):
        model.log_prob(table, ["total"])
    with pytest.raises(UsageError, match="made up"):
        model.log_prob(table, ["user"])
    with pytest.raises(SchemaError, match="'price'"):
        model.log_prob(table.drop(columns="price"))


def test_every_training_row_of_every_kind_is_possible():
    rng = np.random.default_rng(2)
    rows = 600
    instants = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 500 * 96, rows) * 15, unit="min")
    money = rng.lognormal(6, 1, rows)
    zones = np.array(["+01:00", "-05:00"])[rng.integers(0, 2, rows)]
    rare = rng.choice(["a", "b", "c"], rows).astype(object)
    rare[:8] = [f"rare {number}" for number in range(8)]
    table = pd.DataFrame(
        {
            "instant": instants,
            "zoned": instants.strftime("%Y-%m-%dT%H:%M:%S") + zones,
            "day": rng.permutation(instants).astype("datetime64[D]").astype(str),
            "month": pd.Series(rng.permutation(instants)).dt.strftime("%Y-%m"),
            "clock": pd.Series(rng.permutation(instants)).dt.strftime("%H:%M"),
            "money": [f"${value:,.2f}" for value in money],
            "percent": [f"{value:.0f}%" for value in rng.integers(0, 100, rows)],
            "fives": rng.integers(0, 2000, rows) * 5,
            "float": rng.normal(0, 1, rows),
            "large": rng.integers(10**12, 10**15, rows),
            "flag": np.where(rng.random(rows) < 0.1, None, rng.random(rows) < 0.5),
            "rare": rare,
            "same": "always",
        }
    )
    table.loc[rng.random(rows) < 0.1, ["instant", "fives", "money"]] = None
    model = TableLM(steps=2, layers=1, width=16, heads=2, rare_below=3).fit(table)
    cells = model.cell_log_probs(table)
    assert set(cells.columns) == set(table.columns) - {c.name for c in model.schema if c.kind in ("identifier", "text")}
    assert len(cells.columns) > 9
    impossible = np.isneginf(cells).sum()
    numbers = impossible.index.isin([c.name for c in model.schema if c.is_numeric])
    assert impossible[~numbers].sum() == 0
    assert impossible[numbers].max() <= 4  # the lowest and highest two, which are as rare as the categories folded
    assert np.isfinite(model.log_prob(model.sample(300))).all()


def test_a_table_of_which_nothing_is_learned_has_no_scored_column():
    table = pd.DataFrame({"user": [f"u-{number:05d}" for number in range(60)]})
    model = TableLM(layers=1, width=16, heads=2).fit(table)
    assert model.cell_log_probs(table).shape == (60, 0)
    assert model.log_prob(table).tolist() == [0.0] * 60


def test_other_generators_say_which_can():
    with pytest.raises(UsageError, match="-m nano"):
        create("tvae").log_prob(pd.DataFrame({"a": [1, 2]}))
