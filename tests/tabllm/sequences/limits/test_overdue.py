"""Values that come once, and are the likelier the longer they have not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabllm.sequences.limits.once import Once
from tabllm.sequences.limits.overdue import MAX_SHARE, MIN_USERS, Overdue
from tabular.encoding.arrays import to_arrays
from tabular.errors import RunError
from tabular.plain_json import FieldError
from tabular.relations.log import EventLog, infer_log_schema, read_log

FILMS = 60


def ratings(users: int = 120, events: int = 12) -> pd.DataFrame:
    """Everybody has rated film 0 before his ninth rating; the others come as they like, each once."""
    rng = np.random.default_rng(5)
    film = np.stack([1 + rng.choice(FILMS - 1, events, replace=False) for _ in range(users)])
    film[np.arange(users), rng.integers(0, 8, users)] = 0
    user = np.repeat(np.arange(users), events)
    return pd.DataFrame(
        {
            "user": [f"u{number:03d}" for number in user],
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.tile(np.arange(events), users), "D"),
            "film": [f"film {number:02d}" for number in film.ravel()],
        }
    )


@pytest.fixture(scope="module")
def log() -> EventLog:
    table = ratings()
    schema = infer_log_schema(table, "user", "day")
    return read_log(to_arrays(table, schema), schema, "user", "day")


@pytest.fixture(scope="module")
def overdue(log: EventLog) -> Overdue:
    return Overdue.of(log, ["film"])


def test_the_share_is_that_of_the_histories_that_have_had_it(log: EventLog, overdue: Overdue) -> None:
    shares = overdue.shares["film"]
    assert len(shares) == 4  # after 1, 2, 4 and 8 events
    first = log.arrays["film"][log.first]
    assert shares[0, 0] == pytest.approx((first == 0).mean() if (first == 0).sum() >= MIN_USERS else 0.0)
    assert shares[3, 0] == pytest.approx(MAX_SHARE)  # all, and no more than that counts
    counts = np.bincount(log.arrays["film"][log.position < 8], minlength=FILMS)
    assert ((shares[3] > 0) == (counts >= MIN_USERS)).all()


def test_what_few_have_comes_as_often_as_the_mean_of_these(log: EventLog, overdue: Overdue) -> None:
    users = np.bincount(log.arrays["film"], minlength=FILMS)
    rare = users < MIN_USERS
    assert rare.any()
    assert overdue.often["film"][rare] == pytest.approx(users[rare].mean() / 120)
    assert overdue.often["film"][~rare] == pytest.approx(users[~rare] / 120)


def test_what_has_not_come_is_the_likelier_the_more_have_had_it(overdue: Overdue) -> None:
    weights = overdue.weights("film", np.array([0, 8, 400]))
    assert (weights[0] == 1).all()
    assert weights[1, 0] == pytest.approx(10.0)
    assert (weights[2] == weights[1]).all()
    between = overdue.weights("film", np.array([4, 5, 6, 8]))[:, 0]
    assert (np.diff(between) > 0).all()


def test_what_came_counts_nothing_and_the_rest_by_how_many_came(overdue: Overdue) -> None:
    once = Once({"film": FILMS}, np.array([0, 0, 1, 2]), overdue)
    came = np.arange(1, 9, dtype=np.int32)
    once.have("film", np.array([0, 0, 0, 0, 0, 0, 0, 0]), came)  # of two stretches of one user together
    once.have("film", np.array([1, 1, 1]), np.array([0, 5, -1], np.int32))
    weights = once.weights()
    assert weights is not None
    found = weights("film", np.array([0, 1, 2, 3]))
    assert (found[:2, came] == 0).all()
    assert found[:2, 0] == pytest.approx(10.0)
    assert found[2, 0] == 0
    assert (found[2, 1:] == np.where(np.arange(1, FILMS) == 5, 0, overdue.weights("film", np.array([2]))[0, 1:])).all()
    assert (found[3] == 1).all()
    assert Once({"film": FILMS}, np.array([0])).weights() is None


def test_tables_that_would_be_too_large_are_not_weighted(overdue: Overdue, monkeypatch) -> None:
    monkeypatch.setattr("tabllm.sequences.limits.once.MAX_CELLS", FILMS)
    assert Once({"film": FILMS}, np.array([0, 1]), overdue).weights() is None


def test_made_histories_have_what_everybody_has() -> None:
    """Drawn for all as often as it comes, and no second time, film 0 would be in little more than half of them."""
    model = SequenceLM(by="user", time="day", steps=150, width=32, layers=1, seed=0).fit(ratings())
    made = model.sample(200, seed=1)
    assert not made.duplicated(["user", "film"]).any()
    assert (made["film"] == "film 00").groupby(made["user"]).any().mean() > 0.72


def test_a_run_keeps_them(overdue: Overdue, tmp_path) -> None:
    model = SequenceLM(by="user", time="day", steps=2, width=32, layers=1).fit(ratings())
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    np.testing.assert_allclose(loaded._layout.overdue.shares["film"], overdue.shares["film"])
    pd.testing.assert_frame_equal(loaded.sample(5, seed=1), model.sample(5, seed=1))
    path = tmp_path / "run" / "sequences.json"
    data = json.loads(path.read_text())
    data["overdue"]["film"]["levels"][0]["shares"].append(0.5)
    path.write_text(json.dumps(data))
    with pytest.raises(RunError, match=r"sequences\.json"):
        load_run(tmp_path / "run")


def film(values: list[int], shares: list[float], often: float = 0.1) -> dict:
    listed = {"values": values, "shares": shares}
    return {"film": {"levels": [listed], "often": listed, "rare": often}}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"other": film([0], [0.5])["film"]}, "'other'"),
        (film([FILMS], [0.5]), "'film'"),
        (film([0, 1], [0.5]), "'film'"),
        (film([], []), "nobody"),
        (film([0], [0.5], often=0.0), "nobody"),
        (film([0], [1.5]), "shares"),
    ],
)
def test_shares_that_do_not_go_with_the_column_are_refused(data, said: str) -> None:
    with pytest.raises(FieldError, match=said):
        Overdue.from_data(data, {"film": FILMS})


def test_shares_that_were_written_are_read(overdue: Overdue) -> None:
    again = Overdue.from_data(json.loads(json.dumps(overdue.to_data())), {"film": FILMS})
    np.testing.assert_allclose(again.shares["film"], overdue.shares["film"])
    np.testing.assert_allclose(again.often["film"], overdue.often["film"])
