"""A film is drawn that is of the year and of the genre that were drawn before it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabllm.nano import combinations

FILMS = 300


def ratings(missing: bool, users: int = 30) -> pd.DataFrame:
    """Of each film a decade and a genre; some events may be of no film that is known."""
    rng = np.random.default_rng(3)
    counts = rng.integers(10, 60, users)
    user = np.repeat(np.arange(users), counts)
    film = rng.integers(0, FILMS, len(user))
    film[:FILMS] = rng.permutation(FILMS)
    table = pd.DataFrame(
        {
            "user": [f"u{number:03d}" for number in user],
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9_000, len(user)), "h"),
            "film": [f"film {number:03d}" for number in film],
            "decade": 1950 + 10 * (film % 7),
            "genre": np.array(["drama", "comedy", "war", "noir"])[film // 7 % 4],
            "stars": rng.integers(1, 6, len(user)),
        }
    )
    if missing:
        table.loc[rng.random(len(table)) < 0.2, ["film", "decade", "genre"]] = None
    return table


@pytest.fixture(params=[False, True], ids=["whole", "with missing films"])
def known(request) -> tuple[pd.DataFrame, SequenceLM]:
    table = ratings(request.param)
    return table, SequenceLM(by="user", time="time", steps=3, width=32, layers=1).fit(table)


def drawn_by(model: SequenceLM, monkeypatch, make) -> pd.DataFrame:
    """The films, decades and genres of all events as they are drawn, before any follows from another."""
    events, found = model._events, []
    monkeypatch.setattr(events, "draw", partial(_kept, events.draw, found))
    make()
    columns = {name: events.schema[name] for name in ("film", "decade", "genre")}
    arrays = {name: np.concatenate([each[name] for each in found]) for name in columns}
    return pd.DataFrame(
        {
            name: [column.categories[code] if code >= 0 else None for code in arrays[name]]
            if column.has_categories
            else arrays[name]
            for name, column in columns.items()
        }
    )


def _kept(draw, found: list, *arguments, **options):
    drawn = draw(*arguments, **options)
    found.append({name: values.copy() for name, values in drawn.items()})
    return drawn


def consistent(drawn: pd.DataFrame) -> float:
    """The share of events whose decade and genre are those of the film, where there is one."""
    drawn = drawn[drawn["film"].notna()]
    number = drawn["film"].str[-3:].astype(int)
    genre = np.array(["drama", "comedy", "war", "noir"])[number // 7 % 4]
    return float(((drawn["decade"].astype(float) == 1950 + 10 * (number % 7)) & (drawn["genre"] == genre)).mean())


def test_they_go_together_when_they_are_drawn(known, monkeypatch):
    table, model = known
    drawn = drawn_by(model, monkeypatch, lambda: model.sample(40, seed=1))
    assert len(drawn) > 1000
    assert drawn["film"].isna().any() == table["film"].isna().any()
    assert consistent(drawn) == 1.0
    with monkeypatch.context() as without:
        without.setattr(model._events, "_tied", {})
        free = drawn_by(model, without, lambda: model.sample(40, seed=1))
    assert consistent(free) < 0.5


def test_also_where_histories_go_on_and_of_a_loaded_run(known, monkeypatch, tmp_path):
    table, model = known
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.sample(8, seed=2), model.sample(8, seed=2))
    assert consistent(drawn_by(loaded, monkeypatch, lambda: loaded.extend(table, 5, seed=1))) == 1.0


def test_of_very_many_combinations_the_coarsest_column_is_kept(known, monkeypatch, tmp_path):
    _, model = known
    model.save(tmp_path / "run")
    monkeypatch.setattr(combinations, "MAX_ENTRIES", 5000)
    loaded = load_run(tmp_path / "run")
    together = loaded._events._tied["film"].combinations
    assert len(together.fields) == 2
