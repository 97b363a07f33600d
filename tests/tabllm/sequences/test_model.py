"""Histories of users are learned and made: whole, in order, and with users' own columns the same in each event."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabular.errors import ConditionError, RunError, UsageError


def events(users: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 7, users)
    user = np.repeat(np.arange(users), counts)
    rows = len(user)
    price, amount = rng.integers(1, 9, rows), rng.integers(1, 4, rows)
    start = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 40 * 86400, rows), unit="s")
    return pd.DataFrame(
        {
            "user_id": [f"u{number:04d}" for number in user],
            "time": start,
            "page": rng.choice(["home", "cart", "paid"], rows),
            "country": np.array(["de", "fr"])[user % 2],
            "price": price,
            "amount": amount,
            "total": price * amount,
            "note": [f"order {number}" for number in rng.permutation(rows)],
        }
    ).sample(frac=1, random_state=2)


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return SequenceLM(by="user_id", time="time", steps=2, width=32, layers=1).fit(events())


def test_what_is_a_users_own_is_found(model):
    facts = model.describe()
    assert facts["user_columns"] == ["country"]
    assert facts["users"] == 60
    assert facts["rows"] == facts["events"] == len(events())


def test_n_counts_users_and_their_ids_are_new(model):
    made = model.sample(25, seed=3)
    assert list(made.columns) == list(events().columns)
    assert made["user_id"].nunique() == 25
    assert not set(made["user_id"]) & set(events()["user_id"])


def test_rows_come_by_user_in_time_order_within_the_times_of_the_table(model):
    made, real = model.sample(40, seed=1), events()
    blocks = (made["user_id"] != made["user_id"].shift()).sum()
    assert blocks == 40
    assert made.groupby("user_id")["time"].apply(lambda times: times.is_monotonic_increasing).all()
    assert made["time"].between(real["time"].min(), real["time"].max()).all()
    assert made["time"].dtype == real["time"].dtype


def test_a_users_own_columns_are_the_same_in_all_its_events_and_rules_within_an_event_hold(model):
    made = model.sample(40)
    assert made.groupby("user_id")["country"].nunique().eq(1).all()
    assert (made["total"] == made["price"] * made["amount"]).all()


def test_a_history_ends_on_the_day_that_was_drawn_for_its_user(model):
    users = model._drawn_users(40, model._parsed(None), 3, None)
    made = model.sample(40, seed=3)
    days = made["time"].dt.floor("D").groupby(made["user_id"])
    span = (days.max() - days.min()).dt.days.sort_values()
    assert span.tolist() == sorted(users["span"].astype(int))
    assert span.gt(0).sum() > 10


def test_conditions_are_on_users(model):
    made = model.sample(10, where="country = fr and events = 3")
    assert set(made["country"]) == {"fr"}
    assert made["user_id"].value_counts().eq(3).all()
    with pytest.raises(ConditionError, match="'first page', 'last page', 'any page', 'every page', 'exactly 2 page'"):
        model.sample(2, where="page = cart")


def test_conditions_are_on_the_first_the_last_any_or_every_event(model, monkeypatch):
    monkeypatch.setattr("tabllm.sequences.asked.PATIENT_USERS", 100)
    made = model.sample(30, where="first page = home and any page = paid and events>=2 and every price>1")
    pages = made.groupby("user_id")["page"]
    assert made["user_id"].nunique() == 30
    assert set(pages.first()) == {"home"}
    assert pages.apply(lambda seen: "paid" in set(seen)).all()
    assert made["price"].min() > 1
    assert not set(made["user_id"]) & set(events()["user_id"])
    made = model.sample(10, where={"exactly 2 page": "cart", "events": (3, 6)})
    assert (made["page"] == "cart").groupby(made["user_id"]).sum().eq(2).all()
    assert model.sample(2, where=["exactly 0 page=home"])["page"].ne("home").all()
    with pytest.raises(ConditionError, match="loosen"):
        model.sample(5, where="last page = home and every page = paid")


def test_the_same_seed_gives_the_same_rows_and_done_ones_are_not_made_again(model, monkeypatch):
    monkeypatch.setattr("tabllm.sequences.model.PART_ROWS", 40)
    parts = list(model.sample_batches(30, seed=5))
    assert len(parts) > 2
    rest = list(model.sample_batches(30, seed=5, done=len(parts[0])))
    pd.testing.assert_frame_equal(pd.concat(parts[1:]), pd.concat(rest))
    assert pd.concat(parts)["user_id"].nunique() == 30


def test_a_log_in_time_order_is_made_in_time_order(monkeypatch):
    real = events().sort_values("time")
    model = SequenceLM(by="user_id", time="time", steps=1, width=32, layers=1).fit(real[["user_id", "time", "page"]])
    monkeypatch.setattr("tabllm.sequences.model.PART_ROWS", 40)
    parts = list(model.sample_batches(30))
    made = pd.concat(parts, ignore_index=True)
    assert made["time"].is_monotonic_increasing
    assert made["user_id"].nunique() == 30
    rest = pd.concat(model.sample_batches(30, done=len(parts[0])), ignore_index=True)
    pd.testing.assert_frame_equal(rest, pd.concat(parts[1:], ignore_index=True))


def test_other_instants_and_what_a_rule_makes_of_the_time_go_with_the_event():
    real = events()[["user_id", "time", "page"]]
    real["paid"] = real["time"] + pd.to_timedelta(np.arange(len(real)) % 50, unit="m")
    real["hour"] = real["time"].dt.hour
    model = SequenceLM(by="user_id", time="time", steps=1, width=32, layers=1).fit(real)
    made = model.sample(60)
    assert [rule.text for rule in model.schema.rules] == ["time <= paid", "hour = hour(time)"]
    late = made["paid"] - made["time"]
    assert late.between(pd.Timedelta(0), pd.Timedelta("50min")).mean() > 0.99
    assert (made["hour"] == made["time"].dt.hour).all()
    more = model.extend(real, 1)
    assert (more["paid"] >= more["time"]).all()


def test_columns_may_be_called_as_what_is_added_to_them():
    real = events()[["user_id", "time"]].assign(events=1, gap=np.arange(len(events())) % 7, weeks=2.5)
    made = SequenceLM(by="user_id", time="time", steps=1, width=16, heads=2, layers=1).fit(real).sample(9)
    assert list(made.columns) == list(real.columns)


def test_a_run_is_loaded_as_it_was_saved(model, tmp_path):
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert loaded.settings() == model.settings()
    pd.testing.assert_frame_equal(loaded.sample(8, seed=2), model.sample(8, seed=2))
    (tmp_path / "run" / "sequences.json").write_text("{}")
    with pytest.raises(RunError, match=r"sequences\.json"):
        load_run(tmp_path / "run")


def test_histories_go_on_after_their_last_event(model):
    real = events()
    made = model.extend(real, 3, seed=4)
    assert made["user_id"].value_counts().eq(3).all()
    assert set(made["user_id"]) == set(real["user_id"])
    assert (made.groupby("user_id")["time"].min() >= real.groupby("user_id")["time"].max()).all()
    own = made.merge(real.drop_duplicates("user_id"), on="user_id")
    assert (own["country_x"] == own["country_y"]).all()
    with pytest.raises(UsageError, match="no column 'page'"):
        model.extend(real.drop(columns="page"), 1)


def test_a_long_history_is_made_in_stretches_and_comes_whole_and_in_order(model, monkeypatch):
    monkeypatch.setattr("tabllm.sequences.lanes.MAX_STEPS", 2)
    made, real = model.sample(40, seed=1), events()
    assert (made["user_id"] != made["user_id"].shift()).sum() == 40
    assert made.groupby("user_id")["time"].apply(lambda times: times.is_monotonic_increasing).all()
    assert made["time"].between(real["time"].min(), real["time"].max()).all()
    monkeypatch.undo()
    pd.testing.assert_series_equal(made["user_id"], model.sample(40, seed=1)["user_id"])
