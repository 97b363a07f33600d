"""Linked tables on the command line: schema, fit, sample, eval and info, and what does not go with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

KEY = "users.id=events.user_id"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(60), rng.integers(0, 4, 60))
    users = pd.DataFrame({"id": np.arange(60) + 100, "age": rng.integers(18, 80, 60), "land": ["de", "fr"] * 30})
    users["spent"] = rng.integers(100, 900, 60) / 4
    events = pd.DataFrame({"user_id": user + 100, "page": rng.choice(list("abc"), len(user))})
    lands = pd.DataFrame({"land": ["de", "fr", "it"], "name": ["Germany", "France", "Italy"]})
    Path("real").mkdir()
    users.to_csv("real/users.csv", index=False, sep=";", decimal=",")
    events.to_csv("real/events.csv.gz", index=False)
    lands.to_csv("real/lands.csv", index=False)


def test_tables_are_learned_made_and_judged(run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.links.comparison.DRAWS", 1)
    monkeypatch.setattr("eval.links.comparison.DETECTION_DRAWS", 1)
    real = ["real/users.csv", "real/events.csv.gz", "real/lands.csv"]
    done = run_tabllm("schema", *real, "-o", "links.json", "--json", "keys.json")
    assert done.code == 0, done.err
    assert f"--key {KEY}" in done.out
    assert json.loads(Path("links.json").read_text())["keys"] == ["lands.land=users.land", KEY]
    assert json.loads(Path("keys.json").read_text())["keys"][1] == {"key": KEY, "share": 1.0, "alike": 1.0}
    done = run_tabllm("fit", *real, "--links", "links.json", "--keep", "lands", "--steps", "2", "-o", "run")
    assert done.code == 0, done.err
    assert "its 3 real rows" in " ".join(done.err.split())
    done = run_tabllm("sample", "run", "-n", "40", "-o", "made", "--seed", "1")
    assert done.code == 0, done.err
    users, events = pd.read_csv("made/users.csv", sep=";", decimal=","), pd.read_csv("made/events.csv.gz")
    assert len(users) == 40
    assert users["spent"].dtype == float
    assert events["user_id"].isin(users["id"]).all()
    assert Path("made/lands.csv").read_text() == Path("real/lands.csv").read_text()
    assert "exists already" in run_tabllm("sample", "run", "-o", "made").message
    done = run_tabllm("eval", "run", "made", "--json", "report.json", "--html", "report.html")
    assert done.code == 0, done.err
    assert "Detection of parents with their children" in done.out
    assert [key["valid_percent"] for key in json.loads(Path("report.json").read_text())["keys"]] == [100, 100]
    assert "synthetic tables" in Path("report.html").read_text()
    assert run_tabllm("info", "run").code == 0
    assert "several linked tables" in run_tabllm("impute", "run", "real/users.csv", "-o", "x.csv").message
    done = run_tabllm(
        "sample", "run", "-n", "20", "-o", "some", "-w", "age>=50 and users.land=de", "-w", "rows of events>0"
    )
    assert done.code == 0, done.err
    users, events = pd.read_csv("some/users.csv", sep=";", decimal=","), pd.read_csv("some/events.csv.gz")
    assert len(users) == 20
    assert (users["age"] >= 50).all()
    assert set(users["land"]) == {"de"}
    assert users["id"].isin(events["user_id"]).all()
    assert "without a parent: users" in run_tabllm("sample", "run", "-o", "x", "-w", "page=a").message
    assert "name a folder" in run_tabllm("sample", "run", "-o", "-").message
    assert run_tabllm("sample", "run", "-n", "5", "-o", "plain", "--no-refine").code == 0
    assert "--target judges single rows" in run_tabllm("eval", "run", "made", "--target", "age").message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "add --key PARENT.COLUMN=CHILD.COLUMN"),
        (["--key", "users.id=events.user"], "has the columns 'user_id', 'page'"),
        (["--key", KEY, "--holdout", "20%"], "--holdout is for a single table"),
        (["--key", KEY, "--dp-epsilon", "3"], "--dp-epsilon is for a single table"),
        (["--key", KEY, "--time", "page"], "is not TABLE.COLUMN"),
        (["--links", "absent.toml"], "no file absent.toml"),
        (["--key", KEY, "--precision", "4bit"], "--precision is for a single table"),
    ],
)
def test_what_does_not_go_with_linked_tables_is_refused(run_tabllm, options, told):
    done = run_tabllm("fit", "real/users.csv", "real/events.csv.gz", *options)
    assert done.code == 2
    assert told in done.message
