"""Values that come only from some time on, or until one, do so in made histories too."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabllm.sequences.limits.lifetimes import Lifetimes
from tabular.encoding.arrays import to_arrays
from tabular.errors import RunError
from tabular.plain_json import FieldError
from tabular.relations.log import EventLog, infer_log_schema, read_log

BEGIN, MIDDLE = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-04-01")
SETTINGS = {"by": "user", "time": "time", "steps": 4, "width": 32, "layers": 1}


def visits(users: int = 80) -> pd.DataFrame:
    """Users of five events on a day or two of half a year; of what they see, some begins or ends at its middle.

    A campaign "spring" ends and "summer" begins,
    versions above 30 begin, and prices below 10 end. "rare" is seen by few.
    """
    rng = np.random.default_rng(5)
    user = np.repeat(np.arange(users), 5)
    time = BEGIN + pd.to_timedelta(np.repeat(rng.random(users) * 180, 5) + rng.random(len(user)), unit="D").floor("min")
    late = time > MIDDLE
    campaign = np.where(rng.random(len(user)) < 0.4, np.where(late, "summer", "spring"), "always")
    campaign[late.nonzero()[0][:8]] = "rare"
    return pd.DataFrame(
        {
            "user": [f"u{number:03d}" for number in user],
            "time": time,
            "campaign": campaign,
            "version": rng.integers(1, np.where(late, 61, 31)),
            "price": np.round(np.where(late, 10, 5) + rng.random(len(user)) * 20, 2),
            "page": rng.choice(list("abcd"), len(user)),
        }
    )


def log_of(table: pd.DataFrame) -> EventLog:
    schema = infer_log_schema(table, "user", "time")
    return read_log(to_arrays(table, schema), schema, "user", "time")


@pytest.fixture(scope="module")
def log() -> EventLog:
    return log_of(visits())


@pytest.fixture(scope="module")
def lifetimes(log: EventLog) -> Lifetimes:
    return Lifetimes.of(log, log.event_columns)


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return SequenceLM(**SETTINGS).fit(visits())


def test_they_are_found_of_categories_and_of_numbers_and_not_of_what_comes_at_all_times(lifetimes, log):
    found = {(each["column"], each["which"]): each for each in lifetimes.to_data()}
    campaigns, names = found["campaign", "is"], log.schema["campaign"].categories
    assert [names[int(code)] for code in campaigns["values"]] == sorted(["spring", "summer"], key=names.index)
    assert found["version", "at least"]["values"][0] == 31
    assert max(found["price", "at most"]["values"]) < 11  # smaller prices end
    assert {name for name, _ in found} == {"campaign", "version", "price"}
    assert found["price", "at most"]["start"] == [None] * len(found["price", "at most"]["values"])


def test_none_is_told_but_of_many_users_and_at_times_of_many_events(lifetimes, log):
    ends = [time for each in lifetimes.to_data() for time in (*each["start"], *each["end"]) if time is not None]
    assert len(set(ends)) < 8
    assert all(abs(time - MIDDLE.timestamp()) < 30 * 86400 for time in ends)
    few = visits().assign(note=lambda table: np.where(table["user"] > "u068", "late", "early"))
    few["time"] = np.where(few["note"] == "late", few["time"] + pd.Timedelta(days=400), few["time"])
    notes = log_of(few)
    (only,) = Lifetimes.of(notes, ("note",)).to_data()  # 69 users have "early", 11 "late"
    assert [notes.schema["note"].categories[int(code)] for code in only["values"]] == ["early"]


def test_no_learned_event_is_outside_and_those_of_another_time_are(lifetimes, log):
    assert not lifetimes.outside(log.arrays, log.times).any()
    moved = lifetimes.outside(log.arrays, log.times - 90 * 86400)
    summer = log.arrays["campaign"] == log.schema["campaign"].categories.index("summer")
    assert moved[summer & (log.times < MIDDLE.timestamp() + 60 * 86400)].all()
    missing = {"price": np.full(len(log.times), np.nan), "campaign": np.full(len(log.times), -1, np.int32)}
    assert not lifetimes.outside(missing, log.times - 90 * 86400).any()


def test_made_histories_keep_to_them(model, monkeypatch):
    def wrong(made: pd.DataFrame) -> float:
        late, slack = made["time"] > MIDDLE + pd.Timedelta(days=21), made["time"] < MIDDLE - pd.Timedelta(days=21)
        early_summer, late_spring = slack & (made["campaign"] == "summer"), late & (made["campaign"] == "spring")
        return float(
            (early_summer | late_spring | (slack & (made["version"] > 30)) | (late & (made["price"] < 10))).mean()
        )

    assert wrong(model.sample(150, seed=1)) == 0
    # A model of four updates would make many.
    monkeypatch.setattr("tabllm.sequences.limits.settling.OTHERS", ())
    assert wrong(model.sample(150, seed=1)) > 0.05


def test_they_are_kept_in_a_run_which_says_what_is_wrong_with_them(model, tmp_path):
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.sample(8, seed=2), model.sample(8, seed=2))
    file = tmp_path / "run" / "sequences.json"
    kept = json.loads(file.read_text())
    assert Lifetimes.from_data(kept["lifetimes"], ["campaign", "version", "price"]).to_data() == kept["lifetimes"]
    file.write_text(json.dumps({**kept, "lifetimes": [{**kept["lifetimes"][0], "column": "user"}]}))
    with pytest.raises(RunError, match="'user', which has lifetimes, is no column of events"):
        load_run(tmp_path / "run")
    with pytest.raises(FieldError, match="ascending values"):
        Lifetimes.from_data([{**kept["lifetimes"][0], "start": []}], ["campaign", "version", "price"])
    # A run of an older release has none.
    del kept["lifetimes"]
    file.write_text(json.dumps(kept))
    assert len(load_run(tmp_path / "run").sample(8, seed=2))
