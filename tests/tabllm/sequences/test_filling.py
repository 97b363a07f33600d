"""Holes of histories are filled from the user, the events before and the rest of the event; what is known stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM
from tabllm.sequences.filling import _rounds
from tabular.encoding.arrays import to_arrays
from tabular.errors import SchemaError
from tabular.relations.log import EventLog, infer_log_schema, read_log


def log(users: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 7, users)
    user = np.repeat(np.arange(users), counts)
    rows = len(user)
    time = pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(rows) * 7919 + user * 60, unit="s")
    price, amount = rng.integers(1, 9, rows), rng.integers(1, 4, rows)
    return pd.DataFrame(
        {
            "user_id": [f"u{number:04d}" for number in user],
            "time": time,
            "page": rng.choice(["home", "cart", "paid"], rows),
            "country": np.array(["de", "fr"])[user % 2],
            "total": price * amount,
            "price": price,
            "amount": amount,
            "note": [f"order {number}" for number in rng.permutation(rows)],
            "paid": time + pd.to_timedelta(rng.integers(0, 3000, rows), unit="s"),
            "hour": time.hour,
        }
    )


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return SequenceLM(by="user_id", time="time", steps=2, width=32, layers=1).fit(log())


@pytest.fixture(scope="module")
def holes() -> pd.DataFrame:
    real, rng = log(), np.random.default_rng(2)
    return real.assign(**{name: real[name].mask(rng.random(len(real)) < 0.2) for name in real})


def test_every_hole_is_filled_and_all_else_is_as_it_was(model, holes):
    filled = model.complete(holes, seed=3)
    assert filled.notna().all(axis=None)
    for name in holes:
        known = holes[name].notna()
        assert (filled[name][known] == holes[name][known]).all(), name
    pd.testing.assert_frame_equal(filled, model.complete(holes, seed=3))
    assert not filled.equals(model.complete(holes, seed=4))


def test_a_users_own_columns_stay_the_same_and_a_row_without_a_user_is_of_a_new_one(model, holes):
    filled, named = model.complete(holes), holes["user_id"].notna()
    assert filled[named].groupby("user_id")["country"].nunique().max() == 1
    told = holes[named].groupby("user_id")["country"].transform("first")
    assert (filled["country"][named] == told).where(told.notna(), True).all()
    new = filled["user_id"][~named]
    assert new.is_unique
    assert not set(new) & set(log()["user_id"])


def test_a_time_lies_between_those_of_its_neighbours_and_rules_hold(model, holes):
    filled = model.complete(holes)
    named = filled[holes["user_id"].notna()]
    assert named.groupby("user_id")["time"].apply(lambda times: times.is_monotonic_increasing).all()
    assert (filled["paid"] >= filled["time"]).all()
    given = holes[["price", "amount", "total"]]
    open_ = given.isna().any(axis=1)
    assert (filled["total"] == filled["price"] * filled["amount"])[open_].mean() > 0.9


def test_a_time_that_is_drawn_goes_with_what_the_event_says_of_it(model, holes):
    assert "hour = hour(time)" in [rule.text for rule in model.schema.rules]
    untimed = log().assign(time=holes["time"])
    filled = model.complete(untimed)
    assert untimed["time"].isna().sum() > 30
    assert (filled["time"].dt.hour == filled["hour"]).all()
    assert filled.groupby("user_id")["time"].apply(lambda times: times.is_monotonic_increasing).all()
    assert (
        filled["time"].between(log()["time"].min() - pd.Timedelta("7D"), log()["time"].max() + pd.Timedelta("7D")).all()
    )


def test_histories_may_go_on_beyond_the_table_and_hold_one_event(model):
    late = log().iloc[:1].assign(time=pd.Timestamp("2031-01-01"), page=None, price=np.nan)
    filled = model.complete(late.set_axis([7]))
    assert filled["time"].tolist() == [pd.Timestamp("2031-01-01")]
    assert filled.index.tolist() == [7]
    assert filled["page"].isin(["home", "cart", "paid"]).all()


def test_a_cell_that_cannot_be_read_is_refused(model):
    with pytest.raises(SchemaError, match=r"'country' holds 'xx' in row 2"):
        model.complete(log().assign(country=["de", "xx", *["fr"] * (len(log()) - 2)]))


def events(counts: list[int]) -> EventLog:
    user = np.repeat(np.arange(len(counts)), counts)
    table = pd.DataFrame({"user": [f"u{n}" for n in user], "at": np.arange(len(user)), "page": "x"})
    schema = infer_log_schema(table, "user", "at")
    return read_log(to_arrays(table, schema), schema, "user", "at")


def test_a_hole_waits_only_for_those_that_its_event_is_told_of(monkeypatch):
    told = np.array([1, 1, 0, 0, 1, 0, 1, 1, 1], dtype=bool)
    drawn = told.copy()
    drawn[5] = True
    level, fixed = _rounds(told, drawn, events([6, 3]), 2)
    assert level.tolist() == [0, 1, -1, -1, 0, 1, 0, 1, 2]
    assert not fixed.any()
    monkeypatch.setattr("tabllm.sequences.filling.MAX_STEPS", 2)
    level, fixed = _rounds(told, drawn, events([6, 3]), 2)
    assert level.tolist() == [0, 1, -1, -1, 0, 1, 0, 1, 0]
    assert np.flatnonzero(fixed).tolist() == [7]
