"""``tabllm score``, and the attack on a run that ``tabllm eval`` makes of the same probabilities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabular.preparing.source import save_run, source_of


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A folder with ``visits.csv`` and a run of ``nano`` that learned all but a third of its rows."""
    folder = tmp_path_factory.mktemp("score")
    rng = np.random.default_rng(0)
    visits = pd.DataFrame({"device": rng.choice(["ios", "android", "web"], 240), "age": rng.integers(18, 60, 240)})
    visits["spend"] = (rng.gamma(2, 10, 240)).round(2)
    visits["clicked"] = (rng.random(240) < 0.3).astype(int)
    visits.to_csv(folder / "visits.csv", index=False)
    table = pd.read_csv(folder / "visits.csv")
    source = source_of(folder / "visits.csv", table, folder / "run", holdout=80)
    model = TableLM(steps=2, layers=1, width=16, heads=2).fit(source.split(table)[0])
    save_run(model, folder / "run", source)
    return folder


def test_rows_are_written_with_their_scores(here, run_tabllm):
    odd = pd.read_csv("visits.csv", dtype=str).iloc[:50]
    odd.loc[7, "device"] = "toaster"
    odd.loc[9] = odd.loc[8]
    odd.to_csv("odd.csv", index=False)
    done = run_tabllm("score", "run", "odd.csv", "-o", "scores.csv", "--json", "facts.json")
    assert done.code == 0, done.err
    written = pd.read_csv("scores.csv", dtype=dict.fromkeys(odd, str))
    pd.testing.assert_frame_equal(written[odd.columns.tolist()], odd, check_dtype=False)
    assert written["bits"].to_numpy() == pytest.approx(-written["log_prob"] / np.log(2))
    assert np.isneginf(written["log_prob"][7])
    assert written["least_likely"][7] == "device"
    assert written["percentile"].between(0, 100).all()
    facts = json.loads(Path("facts.json").read_text())
    assert facts["impossible"] == {**facts["impossible"], "device": 1}
    assert facts["compared_with"]["name"] == "80 rows that the run held back"
    assert facts["least_likely"][0]["column"] in odd.columns
    assert facts["equal_rows"]["groups"][0]["row"] == 9
    assert facts["equal_rows"]["rows"] == 2
    assert "Least likely rows" in done.out


def test_some_columns_are_scored_given_others(here, run_tabllm):
    done = run_tabllm("--quiet", "score", "run", "visits.csv", "--column", "clicked", "--given", "age", "--json", "-")
    facts = json.loads(done.out)
    assert facts["columns"] == ["clicked"]
    assert facts["equal_rows"] is None
    assert 0 < facts["bits"]["mean"] < 3


def test_class_probabilities_are_written(here, run_tabllm):
    done = run_tabllm("score", "run", "visits.csv", "--predict", "device", "-o", "p.csv", "--json", "facts.json")
    assert done.code == 0, done.err
    written = pd.read_csv("p.csv")
    classes = [f"device={name}" for name in ("android", "ios", "web")]
    assert written.columns.tolist()[-3:] == classes
    assert written[classes].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    guessed = written[classes].idxmax(axis=1).str.removeprefix("device=")
    assert json.loads(Path("facts.json").read_text())["accuracy"] == pytest.approx(
        (guessed == written["device"]).mean()
    )


def test_what_cannot_be_scored_is_a_usage_error(here, run_tabllm):
    done = run_tabllm("score", "run", "visits.csv", "--column", "colour")
    assert done.code == 2
    assert "no column 'colour'" in done.message
    done = run_tabllm("score", "run", "visits.csv", "--predict", "age")
    assert done.code == 2
    assert "clicked" in done.message
    Path("scores.csv").write_text("mine")
    done = run_tabllm("score", "run", "visits.csv", "-o", "scores.csv")
    assert done.code == 2
    assert Path("scores.csv").read_text() == "mine"


def test_a_shared_run_is_attacked(here, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 2)
    pd.read_csv("visits.csv").iloc[:100].to_csv("synthetic.csv", index=False)
    done = run_tabllm("eval", "run", "synthetic.csv", "--json", "report.json")
    assert done.code == 0, done.err
    assert "training row" in done.out
    found = json.loads(Path("report.json").read_text())["privacy"]["run"]
    assert (found["learned_rows"], found["held_out_rows"]) == (160, 80)
    assert 0 < found["attack"]["auc"]["value"] < 1
    done = run_tabllm("eval", "visits.csv", "synthetic.csv", "--run", "run")
    assert done.code == 2
    assert "--holdout" in done.message
