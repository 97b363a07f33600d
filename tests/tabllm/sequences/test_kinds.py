"""Kinds of users: found by what a user's events have in common, learned, kept and given to those whose log goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from tabllm import SequenceLM, load_run
from tabllm.sequences.kinds import LEVELS, MANY_EVENTS, USERS_PER_KIND, Kinds
from tabular.encoding.arrays import to_arrays
from tabular.errors import RunError
from tabular.plain_json import FieldError
from tabular.relations.log import EventLog, infer_log_schema, read_log

COLUMNS = ("stars", "genre")


def ratings(users: int = 132, events: int = 30) -> pd.DataFrame:
    """Every third user gives one star or five, others three, all three on average; every second one sees comedies."""
    rng = np.random.default_rng(2)
    user = np.repeat(np.arange(users), events)
    wide = rng.choice([1.0, 5.0], len(user))
    stars = np.where(user % 3 == 0, wide, 3.0) + rng.integers(-5, 6, len(user)) / 10
    comedy = rng.random(len(user)) < np.where(user % 2 == 0, 0.7, 0.1)
    return pd.DataFrame(
        {
            "user": [f"u{number:03d}" for number in user],
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 5_000, len(user)), "h"),
            "stars": stars,
            "genre": np.where(comedy, "comedy", rng.choice(["drama", "crime", "war"], len(user))),
        }
    )


def log_of(table: pd.DataFrame) -> EventLog:
    schema = infer_log_schema(table, "user", "time", overrides={"stars": "continuous"})
    return read_log(to_arrays(table, schema), schema, "user", "time")


@pytest.fixture(scope="module")
def log() -> EventLog:
    return log_of(ratings())


@pytest.fixture(scope="module")
def kinds(log: EventLog) -> Kinds:
    found = Kinds.of(log, COLUMNS)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return SequenceLM(by="user", time="time", steps=4, width=32, layers=1).fit(ratings())


def test_users_of_a_kind_are_alike_in_spread_and_shares_and_no_kind_is_small(kinds, log):
    (found, *_), users = kinds.assign(log), np.arange(132)
    # Four sorts of users, of 22, 22, 44 and 44.
    table = pd.crosstab(found, [users % 3 == 0, users % 2 == 0])
    assert (table.max(axis=1) > 0.9 * table.sum(axis=1)).all()
    assert np.bincount(found).min() >= USERS_PER_KIND


def test_further_levels_part_users_by_what_the_former_ones_leave(kinds, log):
    points, left = kinds._measured(log), []
    for centers, found in zip(kinds.centers, kinds.assign(log), strict=True):
        assert np.bincount(found).min() >= USERS_PER_KIND
        points = points - centers[found]
        left.append((points**2).sum())
    assert 1 < len(left) <= LEVELS
    assert (np.diff(left) < 0).all()


def test_kinds_of_many_users_are_sought_among_some_of_them(monkeypatch):
    seen, fit = set(), KMeans.fit
    monkeypatch.setattr(KMeans, "fit", lambda self, points: seen.add(len(points)) or fit(self, points))
    monkeypatch.setattr("tabllm.sequences.kinds.MAX_POINTS", 130)
    found = Kinds.of(log_of(ratings(users=264)), COLUMNS)
    assert seen == {130}
    codes, users = found.assign(log_of(ratings(users=264)))[0], np.arange(264)
    table = pd.crosstab(codes, [users % 3 == 0, users % 2 == 0])
    assert (table.max(axis=1) > 0.9 * table.sum(axis=1)).all()


def test_users_of_few_events_are_parted_once():
    found = Kinds.of(log_of(ratings().groupby("user").head(MANY_EVENTS - 1)), COLUMNS)
    assert len(found.centers) == 1


def test_few_users_or_such_as_are_all_alike_have_none(log):
    assert Kinds.of(log_of(ratings(users=2 * USERS_PER_KIND - 1)), COLUMNS) is None
    assert Kinds.of(log, ()) is None
    alike = ratings().assign(stars=1.5, genre="war")
    assert Kinds.of(log_of(alike), ("genre",)) is None


def test_a_user_of_whom_little_is_known_is_of_no_extreme_kind(kinds, log):
    unknown = replace(
        log,
        arrays={**log.arrays, "stars": np.full(len(log.user), np.nan), "genre": np.full(len(log.user), -1, np.int32)},
    )
    assert {len(np.unique(found)) for found in kinds.assign(unknown)} == {1}
    # Two events say less than thirty do: the same spread comes to less.
    first = log_of(ratings().groupby("user").head(2))
    spread = kinds._measured(log)[:, 1], kinds._measured(first)[:, 1]
    assert spread[1].max() < 0.8 * spread[0].max()


def test_a_model_learns_them_gives_them_to_events_and_keeps_them(model, tmp_path):
    layout = model._layout
    assert layout.kinds is not None
    assert layout.kind[:2] == ("kind of user, 1", "kind of user, 2")
    for name, centers in zip(layout.kind, layout.kinds.centers, strict=True):
        assert f"user's {name}" in {column.name for column in model._events.schema}
        assert model._users.schema[name].categories == tuple(range(len(centers)))
        assert name not in model.sample(5, seed=0)
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.sample(8, seed=2), model.sample(8, seed=2))
    pd.testing.assert_frame_equal(loaded.extend(ratings(), 2, seed=2), model.extend(ratings(), 2, seed=2))
    holes = ratings().assign(genre=lambda table: table["genre"].where(table.index % 7 > 0))
    assert loaded.complete(holes, seed=1)["genre"].notna().all()
    file = tmp_path / "run" / "sequences.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "kind": kept["kind"][1:]}))
    with pytest.raises(RunError, match="other levels than columns"):
        load_run(tmp_path / "run")
    kept["kinds"]["columns"][0]["name"] = "user"
    file.write_text(json.dumps(kept))
    with pytest.raises(RunError, match="kinds of users measure 'user'"):
        load_run(tmp_path / "run")


def test_a_run_of_an_older_release_has_none(model, tmp_path):
    few = SequenceLM(by="user", time="time", steps=2, width=32, layers=1).fit(ratings(30))
    assert few._layout.kinds is None
    few.save(tmp_path / "run")
    assert "kinds" not in json.loads((tmp_path / "run" / "sequences.json").read_text())
    assert len(load_run(tmp_path / "run").sample(4, seed=0))


def test_they_are_read_as_they_were_written(kinds, log):
    data = json.loads(json.dumps(kinds.to_dict()))
    assert np.array_equal(Kinds.from_dict(data, COLUMNS).assign(log), kinds.assign(log))
    with pytest.raises(FieldError, match="centers that do not go"):
        Kinds.from_dict({**data, "centers": [[[0.0], [1.0]]]}, COLUMNS)
    with pytest.raises(FieldError, match="columns"):
        Kinds.from_dict({**data, "columns": []}, COLUMNS)
