"""Values that come once in a history are learned to, and never come again."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabular.errors import RunError

FILMS = 300


def ratings(users: int = 30) -> pd.DataFrame:
    """Users who rate a film once; a film decides its decade."""
    rng = np.random.default_rng(3)
    counts = rng.integers(10, 60, users)
    user = np.repeat(np.arange(users), counts)
    weight = 1.0 / np.arange(30, FILMS + 30)
    film = np.concatenate([rng.choice(FILMS, size, replace=False, p=weight / weight.sum()) for size in counts])
    return pd.DataFrame(
        {
            "user": [f"u{number:03d}" for number in user],
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9_000, len(user)), "h"),
            "film": [f"film {number:03d}" for number in film],
            "decade": 1950 + 10 * (film % 7),
            "stars": rng.integers(1, 6, len(user)),
        }
    )


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return SequenceLM(by="user", time="time", steps=4, width=32, layers=1).fit(ratings())


def test_a_column_that_never_comes_again_in_a_history_does_not_in_made_ones(model, monkeypatch):
    made = model.sample(60, seed=1)
    assert model._layout.once == ("film",)
    assert len(made) > 1000
    assert not made.duplicated(["user", "film"]).any()
    # Also where a history is made in stretches, side by side.
    monkeypatch.setattr("tabllm.sequences.lanes.MAX_STEPS", 5)
    assert not model.sample(30, seed=2).duplicated(["user", "film"]).any()


def test_nor_where_real_histories_go_on(model):
    real = ratings()
    both = pd.concat([real, model.extend(real, 20, seed=3)])
    assert not both.duplicated(["user", "film"]).any()


def test_what_a_value_of_many_decides_is_drawn_before_it_and_still_follows(model):
    assert [rule.text for rule in model.schema.rules] == ["film -> decade"]
    assert not model._events.schema.rules
    drawn = list(model._events._fitted()[0].table.codecs)
    assert drawn.index("decade") < drawn.index("film")
    decade = ratings().groupby("film")["decade"].first()
    made = model.sample(40, seed=5)
    assert (made["film"].map(decade) == made["decade"]).all()


def test_an_event_is_not_given_a_value_of_many_of_its_past(model):
    assert "film" not in model._layout.given
    assert "stars" in model._layout.given


def test_it_is_kept_in_a_run_which_says_what_is_wrong_with_it(model, tmp_path):
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.sample(8, seed=2), model.sample(8, seed=2))
    file = tmp_path / "run" / "sequences.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "once": ["user"]}))
    with pytest.raises(RunError, match="'user', which comes once"):
        load_run(tmp_path / "run")


def test_a_log_in_which_values_come_again_or_would_hardly_by_chance_has_none():
    log = ratings(12)
    again = pd.concat([log, log.iloc[:1].assign(time=pd.Timestamp("2026-12-01"))])
    few = log.groupby("user").head(2)
    for table in (again, few):
        found = SequenceLM(by="user", time="time", steps=1, width=32, layers=1).fit(table)
        assert found._layout.once == ()


def test_values_of_many_stand_in_the_order_of_what_they_decide(model, monkeypatch):
    monkeypatch.setattr("tabllm.sequences.coarse.MAX_SOFTMAX", 100)
    ordered = SequenceLM(by="user", time="time", steps=2, width=32, layers=1).fit(ratings())
    decade = ratings().groupby("film")["decade"].first()
    for found, in_order in ((model, False), (ordered, True)):
        films = found.schema["film"].categories
        assert set(films) == set(ratings()["film"])
        assert decade[list(films)].is_monotonic_increasing == in_order
    made = ordered.sample(40, seed=5)
    assert (made["film"].map(decade) == made["decade"]).all()
    assert not made.duplicated(["user", "film"]).any()
