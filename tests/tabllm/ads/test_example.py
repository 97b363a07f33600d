"""The example table: simulated and said to be, of the promised size, with relations that a person can see."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tabllm.ads.example import example_table


def test_it_is_an_ad_log_of_which_four_per_cent_are_clicked():
    table = example_table()
    assert list(table) == [
        "time",
        "age",
        "gender",
        "city_rank",
        "device_series",
        "device_size",
        "network",
        "slot",
        "creative",
        "spend",
        "clicked",
    ]
    assert len(table) == 8_000
    assert table["clicked"].mean() == pytest.approx(0.04, abs=0.005)
    assert table["time"].is_monotonic_increasing
    pd.testing.assert_frame_equal(table, example_table())
    assert not table.equals(example_table(seed=1))


def test_its_relations_can_be_seen():
    table = example_table()
    rate = table.groupby("slot")["clicked"].mean()
    assert rate["reward"] > 5 * rate["banner"]
    assert table.groupby("device_series")["age"].mean()["sim-tab"] > table["age"].mean() + 3
    by_rank = table["network"].eq("3g").groupby(table["city_rank"]).mean()
    assert by_rank[5] > 5 * by_rank[1]


def test_the_file_says_that_it_is_simulated(tmp_path, monkeypatch, run_tabllm):
    monkeypatch.chdir(tmp_path)
    done = run_tabllm("example", "visits.csv", "-n", 50)
    assert done.code == 0
    assert "simulated" in done.err
    assert pd.read_csv("visits.csv")["device_series"].str.startswith("sim-").all()
    note = json.loads(Path("visits.csv.simulated.json").read_text())
    assert note["simulated"] is True
    assert note["rows"] == 50
    assert "exists already" in run_tabllm("example", "visits.csv").message
