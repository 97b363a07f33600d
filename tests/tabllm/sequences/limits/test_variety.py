"""Made histories have about as many different values as those that were learned."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM, load_run
from tabllm.sequences.limits.variety import MIN_EVENTS, Variety, Varying
from tabular.encoding.arrays import to_arrays
from tabular.errors import RunError
from tabular.plain_json import FieldError
from tabular.relations.log import infer_log_schema, read_log

EVENTS = 16


def flights(planes: int = 120) -> pd.DataFrame:
    """A plane flies for one of six airlines, but every tenth changes it once, and to about three of twelve places."""
    rng = np.random.default_rng(4)
    plane = np.repeat(np.arange(planes), EVENTS)
    step = np.tile(np.arange(EVENTS), planes)
    airline = rng.integers(0, 6, planes)[plane] + ((plane % 10 == 0) & (step > 8))
    home = rng.integers(0, 12, planes)[plane]
    return pd.DataFrame(
        {
            "plane": [f"p{number:03d}" for number in plane],
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(step * 3 + rng.integers(0, 2, len(plane)), unit="D"),
            "airline": [f"a{number}" for number in airline],
            "place": [f"to {number:02d}" for number in (home + rng.choice(3, len(plane), p=[0.6, 0.3, 0.1])) % 12],
            "miles": rng.integers(100, 900, len(plane)),
        }
    )


@pytest.fixture(scope="module")
def variety() -> Variety:
    table = flights()
    schema = infer_log_schema(table, "plane", "day")
    log = read_log(to_arrays(table, schema), schema, "plane", "day")
    return Variety.of(log, log.event_columns)


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return SequenceLM(by="plane", time="day", steps=80, width=32, layers=1).fit(flights())


def different(made: pd.DataFrame) -> dict[str, float]:
    """How many airlines and places a plane has in its first :data:`EVENTS` flights, on average."""
    first = made.groupby("plane").head(EVENTS)
    return {name: float(first.groupby("plane")[name].nunique().mean()) for name in ("airline", "place")}


def test_rates_are_the_shares_of_events_with_a_new_value_after_1_2_4_and_8_events(variety):
    table = flights()
    new, step = ~table.duplicated(["plane", "place"]), np.tile(np.arange(EVENTS), 120)
    groups = [(step == 1), (step > 1) & (step < 4), (step > 3) & (step < 8), step > 7]
    assert variety.rates["place"] == pytest.approx([new[group].mean() for group in groups])
    assert set(variety.rates) == {"airline", "place"}
    assert variety.rates["airline"][0] == 0


def test_none_is_told_of_few_users_or_events():
    table = flights(MIN_EVENTS - 1)
    schema = infer_log_schema(table, "plane", "day")
    log = read_log(to_arrays(table, schema), schema, "plane", "day")
    assert Variety.of(log, log.event_columns).rates == {}


def test_made_histories_have_nearly_as_few_values_as_learned_ones(model, monkeypatch):
    real, made = different(flights()), different(model.sample(150, seed=1))
    # A model of so few updates flies for all airlines to all places.
    monkeypatch.setattr("tabllm.sequences.limits.settling.OTHERS", ())
    free = different(model.sample(150, seed=1))
    for name, values in real.items():
        assert free[name] > 2.5 * values
        assert made[name] - values < 0.6 * (free[name] - values)


def test_histories_that_go_on_know_what_they_had(model, monkeypatch):
    real = flights()

    def airlines() -> float:
        both = pd.concat([real, model.extend(real, 4, seed=3)])
        return float(
            both.groupby("plane")["airline"].nunique().mean() - real.groupby("plane")["airline"].nunique().mean()
        )

    made = airlines()
    monkeypatch.setattr("tabllm.sequences.limits.settling.OTHERS", ())
    assert made < 0.6 * airlines()


def test_where_new_values_come_too_seldom_events_are_asked_for_one():
    varying = Varying(Variety({"x": (0.5,)}), {"x": 9}, np.arange(1000))
    same, rng = {"x": np.zeros(1000, np.int32)}, np.random.default_rng(0)
    assert np.isnan(varying.wanted(same, rng)["x"]).all()  # of a first event nothing is asked
    varying.have(np.arange(1000), same)
    wanted = varying.wanted(same, rng)
    assert (wanted["x"] == 1).mean() == pytest.approx(0.5, abs=0.06)
    assert not (wanted["x"] == 0).any()
    off = varying.off(same, np.arange(1000), wanted)
    assert (off == (wanted["x"] == 1)).all()
    new = varying.off({"x": np.ones(1000, np.int32)}, np.arange(1000), wanted)
    assert not new.any()
    # Too often: half of the new ones must give way.
    wanted = Varying.wanted(varying, {"x": np.ones(1000, np.int32)}, rng)
    assert (wanted["x"] == 0).mean() == pytest.approx(0, abs=0.06)  # so far as many were made as not
    wanted = varying.wanted({"x": np.full(1000, 2, np.int32)}, rng)
    assert (wanted["x"] == 0).mean() == pytest.approx(0.25, abs=0.06)


def test_it_is_kept_in_a_run_which_says_what_is_wrong_with_it(model, tmp_path):
    model.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert loaded._layout.variety == model._layout.variety
    pd.testing.assert_frame_equal(loaded.sample(8, seed=2), model.sample(8, seed=2))
    file = tmp_path / "run" / "sequences.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "variety": {"miles": [0.5]}}))
    with pytest.raises(RunError, match="'miles', of which a variety is said, is no column"):
        load_run(tmp_path / "run")
    with pytest.raises(FieldError, match="variety"):
        Variety.from_data({"place": [2]}, ["place"])
    del kept["variety"]  # a run of an older release
    file.write_text(json.dumps(kept))
    assert len(load_run(tmp_path / "run").sample(8, seed=2))
