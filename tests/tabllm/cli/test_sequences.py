"""Histories on the command line: fit, sample, extend and eval of a log, and what does not go with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def log(tmp_path, monkeypatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    user = np.sort(rng.integers(0, 60, 240))
    time = pd.Timestamp("2026-03-02") + pd.to_timedelta(rng.integers(0, 40, 240), "D")
    table = pd.DataFrame({"user": [f"u{n:03d}" for n in user], "day": time, "page": rng.choice(list("abc"), 240)})
    table.to_csv("log.csv", index=False)
    return table


def test_a_log_is_learned_made_continued_and_judged(run_tabllm, log, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    monkeypatch.setattr("eval.sequences.comparison.DRAWS", 1)
    done = run_tabllm("fit", "log.csv", "--by", "user", "--time", "day", "--steps", "2", "--holdout", "20%")
    assert done.code == 0, done.err
    assert re.search(r"Learned \d+ rows of 3 columns of \d+ users", " ".join(done.err.split()))
    done = run_tabllm("sample", "log-run", "-n", "15", "-o", "made.csv")
    assert done.code == 0, done.err
    assert "rows of 15 users" in done.err
    assert pd.read_csv("made.csv")["user"].nunique() == 15
    done = run_tabllm("extend", "log-run", "log.csv", "--events", "2", "-o", "next.csv")
    assert done.code == 0, done.err
    assert len(pd.read_csv("next.csv")) == 2 * log["user"].nunique()
    done = run_tabllm("eval", "log-run", "--json", "report.json", "--html", "page.html")
    assert done.code == 0, done.err
    assert "Detection of whole users" in done.out
    report = json.loads(Path("report.json").read_text())
    assert report["by"] == "user"
    assert "users are held out" in report["notes"][-1]
    assert "Values of a user" in Path("page.html").read_text()
    assert (
        "makes users with all their events"
        in run_tabllm("sample", "log-run", "-o", "x.csv", "--balance", "page").message
    )
    assert "are not pushed: copy it" in run_tabllm("push", "log-run", "somebody/log").message
    log.assign(page=log["page"].where(log.index % 3 > 0)).to_csv("holes.csv", index=False)
    done = run_tabllm("impute", "log-run", "holes.csv", "-o", "filled.csv")
    assert "Filled 80 cells in 240 rows" in done.err
    pd.testing.assert_frame_equal(
        pd.read_csv("filled.csv").drop(columns="page"), pd.read_csv("log.csv")[["user", "day"]]
    )
    log.to_parquet("log.parquet")
    assert "belong together" in run_tabllm("impute", "log-run", "log.parquet", "-o", "filled/").message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--by", "user"], "add --time COL"),
        (["--time", "day"], "add --by COL"),
        (["--by", "user", "--time", "hour"], "no such column"),
        (["--by", "user", "--time", "day", "-m", "tvae"], "leave out -m tvae"),
        (["--by", "user", "--time", "day", "--dp-epsilon", "3"], "--dp-epsilon does not go with --by"),
        (["--by", "user", "--time", "day", "--train-rows", "50"], "--train-rows does not go with --by"),
        (["-m", "sequences"], "need --by and --time"),
    ],
)
def test_what_does_not_go_with_histories_is_refused(run_tabllm, options, told):
    outcome = run_tabllm("fit", "log.csv", *options)
    assert outcome.code == 2
    assert told in outcome.message


def test_commands_about_rows_refuse_histories(run_tabllm):
    assert "learns no single rows" in run_tabllm("compare", "log.csv", "-m", "sequences").message
    assert "tune has no --by" in run_tabllm("tune", "log.csv", "--by", "user").message
    assert "name both" in run_tabllm("eval", "log.csv", "log.csv", "--by", "user").message
    outcome = run_tabllm("eval", "log.csv", "log.csv", "--by", "user", "--time", "day", "--protect", "page")
    assert "--protect judges single rows" in outcome.message
