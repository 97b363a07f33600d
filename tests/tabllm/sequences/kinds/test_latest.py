"""What the latest events of a history were like."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabllm.sequences.kinds.latest import DECAY, Latest
from tabular.encoding.arrays import to_arrays
from tabular.errors import RunError
from tabular.plain_json import FieldError
from tabular.relations.log import EventLog, infer_log_schema, read_log

COLUMNS = ("stars", "genre")


def ratings(users: int = 60, events: int = 60) -> pd.DataFrame:
    """Everybody sees comedies for a while, then other films, then comedies; all users see as many of them."""
    rng = np.random.default_rng(4)
    user = np.repeat(np.arange(users), events)
    turn = (np.tile(np.arange(events), users) + rng.integers(0, 60, users)[user]) // 30 % 2
    stars = pd.Series(np.where(turn == 1, 4.5, 2.5) + rng.integers(-5, 6, len(user)) / 10)
    stars[rng.random(len(user)) < 0.1] = np.nan
    genre = np.where(
        rng.random(len(user)) < np.where(turn == 1, 0.9, 0.1), "comedy", rng.choice(["war", "art"], len(user))
    )
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.tile(np.arange(events), users), "D")
    return pd.DataFrame({"user": [f"u{n:03d}" for n in user], "day": days, "stars": stars, "genre": genre})


def log_of(table: pd.DataFrame) -> EventLog:
    schema = infer_log_schema(table, "user", "day", overrides={"stars": "continuous"})
    return read_log(to_arrays(table, schema), schema, "user", "day")


@pytest.fixture(scope="module")
def log() -> EventLog:
    return log_of(ratings())


@pytest.fixture(scope="module")
def latest(log: EventLog) -> Latest:
    found = Latest.of(log, COLUMNS)
    assert found is not None
    return found


def test_the_kind_says_what_the_next_event_is_like(log: EventLog, latest: Latest) -> None:
    rows = np.flatnonzero(log.position > 0)
    kind = latest.kind(latest.before(log, rows))
    comedy = log.arrays["genre"][rows] == log.schema["genre"].categories.index("comedy")
    shares = [comedy[kind == each].mean() for each in range(len(latest.centers))]
    assert max(shares) > 0.75
    assert min(shares) < 0.25


def test_before_the_first_event_there_is_no_kind(log: EventLog, latest: Latest) -> None:
    assert (latest.kind(latest.before(log, log.first)) == -1).all()
    assert (latest.kind(latest.none(3)) == -1).all()


def test_step_by_step_it_is_what_it_is_of_the_log(log: EventLog, latest: Latest) -> None:
    trail = latest.none(len(log.first))
    for step in range(log.counts.max()):
        rows = log.first + step
        whole = latest.before(log, rows)
        np.testing.assert_allclose(trail.sums, whole.sums, atol=1e-9)
        np.testing.assert_allclose(trail.known, whole.known, atol=1e-9)
        trail = latest.after(trail, {name: values[rows] for name, values in log.arrays.items()}, len(rows))


def test_the_sums_are_those_of_the_user_alone(log: EventLog, latest: Latest) -> None:
    row = log.first[7] + 3
    known = ~np.isnan(log.arrays["stars"][row - 3 : row])
    place = [measure.name for measure in latest.measures].index("stars")
    wanted = (known * DECAY ** np.arange(2, -1, -1)).sum()
    assert latest.before(log, np.array([row])).known[0, place] == pytest.approx(wanted)


def test_every_kind_has_events_of_twenty_users(log: EventLog, latest: Latest) -> None:
    rows = np.flatnonzero(log.position > 0)
    kind = latest.kind(latest.before(log, rows))
    for each in range(len(latest.centers)):
        assert len(np.unique(log.user[rows][kind == each])) >= 20


def test_events_that_tell_nothing_of_the_next_one_have_no_kinds() -> None:
    rng = np.random.default_rng(0)
    table = ratings()
    table["stars"], table["genre"] = rng.normal(size=len(table)), rng.choice(["comedy", "war", "art"], len(table))
    assert Latest.of(log_of(table), COLUMNS) is None
    assert Latest.of(log_of(ratings(users=3)), COLUMNS) is None


def test_a_run_keeps_them(latest: Latest, tmp_path) -> None:
    model = SequenceLM(by="user", time="day", steps=3, width=32, layers=1).fit(ratings())
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert any("kind of latest events" in name for name in loaded._events.schema.names)
    pd.testing.assert_frame_equal(loaded.sample(5, seed=1), model.sample(5, seed=1))
    assert len(loaded.extend(ratings(users=4), 3, seed=1)) == 12


def test_kinds_that_were_written_are_read(latest: Latest) -> None:
    again = Latest.from_dict(json.loads(json.dumps(latest.to_dict())), COLUMNS)
    assert again.measures == latest.measures
    np.testing.assert_array_equal(again.centers, latest.centers)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["columns"][0].update(name="other"), "'other'"),
        (lambda data: data["columns"][0].update(all=[]), "no way"),
        (lambda data: data["centers"].pop() and data.update(centers=[[1.0], [2.0]]), "centers"),
        (lambda data: data.update(centers=[]), "centers"),
    ],
)
def test_kinds_that_do_not_go_with_the_columns_are_refused(latest: Latest, change, said: str) -> None:
    data = json.loads(json.dumps(latest.to_dict()))
    change(data)
    with pytest.raises(FieldError, match=said):
        Latest.from_dict(data, COLUMNS)


def test_a_damaged_run_is_named(tmp_path) -> None:
    SequenceLM(by="user", time="day", steps=2, width=32, layers=1).fit(ratings()).save(tmp_path / "run")
    path = tmp_path / "run" / "sequences.json"
    data = json.loads(path.read_text())
    data["latest"]["centers"] = [[0.0], [1.0]]
    path.write_text(json.dumps(data))
    with pytest.raises(RunError, match=r"sequences\.json"):
        load_run(tmp_path / "run")
