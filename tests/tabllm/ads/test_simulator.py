"""The simulated ad log: its click chances are known, it is told as simulated, and it is quick."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tabllm.ads.simulator import CLICK, TRUTH, expected_auc, simulate_ads
from tabllm.ads.world import ADS_PER_TASK, DAYS, build_world
from tabular.errors import UsageError
from tabular.io.reading import read_table
from tabular.preparing.inference import infer_schema

COLUMNS = [
    "click",
    "age",
    "gender",
    "residence",
    "city_rank",
    "device_series",
    "device_size",
    "network_type",
    "ad_id",
    "task_id",
    "creative_type",
    "slot_id",
    "time",
]


@pytest.fixture(scope="module")
def log():
    return simulate_ads(60_000, seed=3, truth=True)


def test_the_log_has_the_columns_of_an_ad_log_and_is_in_order_of_time(log):
    assert list(log) == [*COLUMNS, TRUTH]
    assert list(simulate_ads(10)) == COLUMNS
    assert log["time"].is_monotonic_increasing
    assert (log["time"].max() - log["time"].min()).days == DAYS - 1


def test_the_mean_of_the_true_chances_is_the_click_rate_asked_for(log):
    assert log[TRUTH].mean() == pytest.approx(0.02, abs=1e-6)
    assert simulate_ads(5_000, click_rate=0.3, truth=True)[TRUTH].mean() == pytest.approx(0.3, abs=1e-6)


def test_clicks_come_as_often_as_their_chances_say(log):
    tenth = pd.qcut(log[TRUTH], 10, labels=False)
    of_each = log.groupby(tenth)
    expected, seen = of_each[TRUTH].sum(), of_each[CLICK].sum()
    assert (np.abs(seen - expected) < 4 * np.sqrt(expected)).all()


def test_the_ceiling_is_the_share_of_pairs_that_the_true_chances_order_rightly():
    chance = np.array([0.1, 0.2, 0.2, 0.5])
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    weight = {(i, j): chance[i] * (1 - chance[j]) for i, j in pairs}
    right = sum(w * ((chance[i] > chance[j]) + 0.5 * (chance[i] == chance[j])) for (i, j), w in weight.items())
    assert expected_auc(chance) == pytest.approx(right / sum(weight.values()))
    assert expected_auc(np.full(50, 0.3)) == pytest.approx(0.5)


def test_the_ceiling_is_what_drawn_clicks_show(log):
    chance = log[TRUTH].to_numpy()
    rng = np.random.default_rng(0)
    drawn = [roc_auc_score(rng.random(len(chance)) < chance, chance) for _ in range(20)]
    assert expected_auc(chance) == pytest.approx(np.mean(drawn), abs=0.004)


def test_popularity_falls_as_zipf_says_and_new_ads_come(log):
    shown = log["ad_id"].value_counts()
    assert shown.iloc[0] > 20 * shown.iloc[len(shown) // 2]
    half = len(log) // 2
    assert set(log["ad_id"][half:]) - set(log["ad_id"][:half])


def test_what_belongs_together_stays_together(log):
    for one, other in (("ad_id", "task_id"), ("ad_id", "creative_type"), ("residence", "city_rank")):
        assert (log.groupby(one)[other].nunique() == 1).all()
    assert log["task_id"].nunique() <= -(-300 // ADS_PER_TASK)


def test_an_ad_is_shown_on_the_days_it_runs_only():
    log = simulate_ads(20_000, seed=5, ads=50)
    days = (log["time"] - log["time"].min().normalize()).dt.days
    seen = pd.crosstab(days, log["ad_id"]) > 0
    world = build_world(50, np.random.default_rng(5))
    running = pd.DataFrame(world.running, columns=[f"sim-ad-{i:02}" for i in range(1, 51)])
    assert not (seen & ~running[seen.columns]).to_numpy().any()


def test_the_effects_are_those_of_the_description(log):
    by = log.groupby("network_type")[TRUTH].mean()
    assert by["wifi"] > by["5g"] > by["4g"] > by["3g"]
    moving = log[log["creative_type"] == "video"].groupby("network_type")[TRUTH].mean()
    assert moving["3g"] / moving["4g"] < 0.6 * by["4g"] / by["4g"]


def test_one_seed_gives_one_log():
    pd.testing.assert_frame_equal(simulate_ads(500, seed=1), simulate_ads(500, seed=1))
    assert not simulate_ads(500, seed=1).equals(simulate_ads(500, seed=2))


def test_every_id_says_that_it_is_simulated_and_is_taken_for_a_category(log):
    schema = infer_schema(log[COLUMNS])
    for name in ("residence", "device_series", "ad_id", "task_id", "slot_id"):
        assert log[name].str.startswith("sim-").all()
        assert schema[name].kind == "categorical"
    assert schema["time"].kind == "datetime"


def test_a_million_rows_take_seconds():
    start = time.process_time()
    assert len(simulate_ads(1_000_000)) == 1_000_000
    assert time.process_time() - start < 10


@pytest.mark.parametrize("asked", [{"rows": 0}, {"rows": 5, "ads": 1}, {"rows": 5, "click_rate": 1.0}])
def test_what_cannot_be_meant_is_refused(asked):
    with pytest.raises(UsageError):
        simulate_ads(**asked)


def test_the_command_writes_the_log_and_a_note_that_says_what_it_is(tmp_path, run_tabllm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_tabllm("simulate-ads", "2000", "--seed", "4", "--truth", "-o", "ads.csv")
    assert done.code == 0, done.err
    assert "Nothing in them was measured" in done.err
    table = read_table("ads.csv")
    expected = simulate_ads(2000, seed=4, truth=True)
    assert list(table) == [*COLUMNS, TRUTH]
    assert table["ad_id"].tolist() == expected["ad_id"].tolist()
    note = json.loads(Path("ads.csv.simulated.json").read_text())
    assert note["simulated"] is True
    assert (note["rows"], note["seed"], note["clicks"]) == (2000, 4, int(expected[CLICK].sum()))
    assert note["ceiling_auc"] == pytest.approx(expected_auc(expected[TRUTH].to_numpy()))
    assert run_tabllm("simulate-ads", "2000", "-o", "ads.csv").code == 2


def test_the_command_keeps_the_truth_back_unless_asked(tmp_path, run_tabllm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_tabllm("simulate-ads", "100", "-o", "ads.parquet").code == 0
    assert list(read_table("ads.parquet")) == COLUMNS
