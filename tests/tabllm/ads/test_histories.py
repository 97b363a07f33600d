"""Users in ad logs: their simulated pasts matter as described, and a CTR model is told of them without leakage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.ads.histories.past import COUNTS, history_of
from tabllm.ads.histories.simulated import CHANNELS, CONVERSION, CONVERSION_TRUTH, USER, simulate_users
from tabllm.ads.simulator import CLICK, TIME, TRUTH
from tabllm.ads.splitting import split_log
from tabllm.ads.study import study_ctr
from tabular.errors import UsageError
from tabular.relations.log import infer_log_schema


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return simulate_users(12_000, 1_000, seed=3, click_rate=0.1, truth=True)


def test_users_have_their_own_columns_and_rows_stand_by_time(log):
    assert log[USER].nunique() == 1_000
    assert log[TIME].is_monotonic_increasing
    assert (log.groupby(USER)[["age", "gender", "device_series", "city_rank"]].nunique() == 1).all().all()
    assert set(log["channel"]) == set(CHANNELS)
    assert list(simulate_users(50, 10)) == [name for name in log if name not in (TRUTH, CONVERSION_TRUTH)]
    pd.testing.assert_frame_equal(simulate_users(200, 20, seed=1), simulate_users(200, 20, seed=1))


def test_clicks_and_conversions_come_as_often_as_their_probabilities_say(log):
    assert log[TRUTH].mean() == pytest.approx(0.1, abs=1e-4)
    tenth = log.groupby(pd.qcut(log[TRUTH], 10, labels=False))
    expected, seen = tenth[TRUTH].sum(), tenth[CLICK].sum()
    assert (np.abs(seen - expected) < 4 * np.sqrt(expected)).all()
    assert not (log[CONVERSION] > log[CLICK]).any()
    assert log[CONVERSION].sum() == pytest.approx(
        log[CONVERSION_TRUTH].sum(), abs=4 * log[CONVERSION_TRUTH].sum() ** 0.5
    )


def test_what_a_user_clicked_before_raises_the_probability(log):
    ordered = log.sort_values([USER, TIME], kind="stable")
    clicks = ordered.groupby(USER)[CLICK].cumsum() - ordered[CLICK]
    by_clicks = ordered.groupby(clicks.clip(upper=3))[TRUTH].mean()
    assert by_clicks.is_monotonic_increasing
    assert by_clicks[3] > 1.5 * by_clicks[0]
    last = ordered.groupby(USER)["channel"].shift()
    assert ordered[last == "search"][TRUTH].mean() > ordered[last == "display"][TRUTH].mean()
    assert (ordered["channel"] == last)[last.notna()].mean() > 0.7


@pytest.mark.parametrize("asked", [(5, 9), (5, 0), (5_000, 2)])
def test_numbers_of_users_that_cannot_be_meant_are_refused(asked):
    with pytest.raises(UsageError):
        simulate_users(*asked)


def test_a_row_is_told_of_what_lies_strictly_before_it():
    table = pd.DataFrame(
        {
            "user": ["a", "b", "a", "a", None, "a", "b"],
            "time": [5.0, 1.0, 1.0, 9.0, 2.0, 5.0, 4.0],
            "click": [1, 0, 1, 0, 1, 0, 1],
            "page": ["x", "y", "y", "x", "y", "y", "x"],
        }
    )
    schema = infer_log_schema(table, "user", "time")
    history = history_of(table, schema, "user", "time", "click", "1")
    told = history.with_past(table)
    impressions, clicks, since, since_click = (told[name].tolist() for name in COUNTS)
    assert impressions == pytest.approx([1, 0, 0, 3, np.nan, 1, 1], nan_ok=True)
    assert clicks == pytest.approx([1, 0, 0, 2, np.nan, 1, 0], nan_ok=True)
    assert since == pytest.approx([4, np.nan, np.nan, 4, np.nan, 4, 3], nan_ok=True)
    assert since_click == pytest.approx([4, np.nan, np.nan, 4, np.nan, 4, np.nan], nan_ok=True)
    assert told["last page"].fillna("-").tolist() == ["y", "-", "-", "y", "-", "y", "y"]
    changed = history.with_past(table.assign(click=[0, 1, 1, 1, 0, 1, 0]))  # later clicks and one's own change nothing
    assert changed[COUNTS[1]].iloc[0] == told[COUNTS[1]].iloc[0] == changed[COUNTS[1]].iloc[5]


def test_a_model_that_is_told_of_the_past_comes_nearer_to_the_ceiling(log, monkeypatch):
    monkeypatch.setattr("eval.models.bootstrap.RESAMPLES", 200)
    monkeypatch.setattr("tabllm.ads.model.TREES", {"rounds": 40, "learning_rate": 0.2, "max_depth": 3})
    table = log.drop(columns=[CONVERSION, CONVERSION_TRUTH])
    split = split_log(table, click=CLICK, time=TIME, truth=TRUTH)
    schema = infer_log_schema(split.past, USER, TIME)
    told = study_ctr(split, {}, click=CLICK, time=TIME, schema=schema, by=USER, threads=1)
    plain = study_ctr(split, {}, click=CLICK, time=TIME, schema=schema, threads=1)
    real = [next(model for model in report.models if model.role == "real") for report in (told, plain)]
    auc = [model.metrics["auc"].value for model in real]
    assert auc[0] > auc[1]
    assert any("clicks before" in note for note in told.notes)


def test_the_commands_make_users_and_learn_their_histories(tmp_path, run_tabllm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eval.models.bootstrap.RESAMPLES", 200)
    monkeypatch.setattr("tabllm.ads.model.TREES", {"rounds": 3})
    done = run_tabllm("simulate-ads", "600", "--users", "60", "--click-rate", "0.3", "--truth", "-o", "ads.csv")
    assert done.code == 0, done.err
    assert json.loads(Path("ads.csv.simulated.json").read_text())["users"] == 60
    arguments = ("ctr", "ads.csv", "--click", "click", "--time", "time", "--by", "user_id", "--drop", "conversion")
    arguments += tuple(f"--drop={name}" for name in ("device_series", "device_size", "ad_id", "slot_id", "gender"))
    done = run_tabllm(*arguments, "-m", "nano", "--epochs", "1", "--json", "c.json")
    assert done.code == 0, done.err
    assert "synthetic" in [model["role"] for model in json.loads(Path("c.json").read_text())["models"]]
    made = pd.read_parquet("ads-ctr/nano/synthetic.parquet")
    assert made["user_id"].value_counts().max() > 1
    done = run_tabllm("ctr", "ads.csv", "--click", "click", "--by", "user_id")
    assert done.code == 2
    assert "needs --time" in done.message
