"""The demo goes the whole way: learn, make, compare, and say what to type next."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tabular import registry


@pytest.fixture
def quick(toy, tmp_path, monkeypatch):
    """The toy in the place of ``nano``."""
    monkeypatch.chdir(tmp_path)
    registry.register("nano", "toy:Toy")


def test_the_demo_leaves_tables_run_and_report(quick, run_tabllm):
    done = run_tabllm("demo", "--rows", 400, "--epochs", 1)
    assert done.code == 0, done.err
    assert "Real against synthetic" in done.out
    assert "$ tabllm make visits.csv" in done.err
    left = {entry.name for entry in Path("demo-run").iterdir()}
    assert left == {
        ".tabllm",
        "adult.csv",
        "adult-holdout.csv",
        "made.json",
        "synthetic.csv",
        "report.html",
        "report.json",
        "run",
    }
    assert len(pd.read_csv("demo-run/synthetic.csv")) == 400
    assert json.loads(Path("demo-run/report.json").read_text())["rows"] == {
        "real": 400,
        "synthetic": 400,
        "holdout": 16_281,
    }


def test_a_second_demo_replaces_the_first(quick, run_tabllm):
    for _ in range(2):
        assert run_tabllm("--quiet", "demo", "--rows", 200, "-o", "d").code == 0


def test_the_commands_that_the_demo_suggests_work(quick, run_tabllm):
    assert run_tabllm("demo", "--rows", 200).code == 0
    assert run_tabllm("sample", "demo-run/run", "-n", 50, "--where", "income=>50K", "-o", "rich.csv").code == 0
    assert set(pd.read_csv("rich.csv")["income"]) == {">50K"}


def test_the_demo_does_not_mix_with_other_files(quick, run_tabllm):
    Path("photos").mkdir()
    Path("photos/cat.jpg").write_text("cat")
    outcome = run_tabllm("demo", "-o", "photos")
    assert outcome.code == 2
    assert "photos holds something else (cat.jpg)" in outcome.message


def test_the_demo_needs_a_place_to_write(quick, run_tabllm):
    Path("file").write_text("")
    outcome = run_tabllm("demo", "-o", "file/demo")
    assert outcome.code == 1
    assert "file could not be made (File exists); choose another folder" in outcome.message


def test_ctrl_c_in_the_demo(quick, toy, run_tabllm):
    toy.trouble["fit"] = KeyboardInterrupt()
    outcome = run_tabllm("--quiet", "demo", "--rows", 200)
    assert outcome.code == 130
    assert outcome.message.startswith("Interrupted; ")
