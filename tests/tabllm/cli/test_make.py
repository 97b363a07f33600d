"""A holdout by itself, and the whole way in one command."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def quick(monkeypatch, toy, visits):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)


def test_a_run_knows_the_rows_that_it_held_back(run_tabllm, visits_table):
    assert run_tabllm("fit", "visits.csv", "-m", "toy", "--holdout", "20%").code == 0
    assert run_tabllm("sample", "visits-run", "-o", "synthetic.csv").code == 0
    assert len(pd.read_csv("synthetic.csv")) == 240
    done = run_tabllm("eval", "visits-run", "synthetic.csv", "--json", "report.json")
    assert done.code == 0, done.err
    assert json.loads(Path("report.json").read_text())["rows"] == {"real": 240, "synthetic": 240, "holdout": 60}
    config = Path("visits-run/config.json").read_text()
    assert json.loads(config)["source"]["file"] == "visits.csv"
    assert str(visits_table["spend"].max()) not in config


def test_without_a_table_the_run_is_sampled(run_tabllm):
    assert run_tabllm("fit", "visits.csv", "-m", "toy", "--holdout", "60").code == 0
    done = run_tabllm("eval", "visits-run", "--html", "report.html")
    assert done.code == 0, done.err
    assert "240 real · 240 synthetic · 60 holdout rows" in done.out
    assert "sampled from visits-run" in Path("report.html").read_text()


def test_what_cannot_be_judged_says_what_to_name(run_tabllm):
    assert "nothing to compare visits.csv with" in run_tabllm("eval", "visits.csv").message
    assert "--data" in run_tabllm("eval", "visits.csv", "visits.csv", "--data", "visits.csv").message
    assert run_tabllm("fit", "visits.csv", "-m", "toy", "--holdout", "20%").code == 0
    Path("visits.csv").rename("moved.csv")
    outcome = run_tabllm("eval", "visits-run")
    assert outcome.code == 2
    assert "--data FILE" in outcome.message
    assert run_tabllm("eval", "visits-run", "--data", "moved.csv").code == 0


@pytest.mark.parametrize("share", ["0", "100%", "much", "1.5", "-3", "nan", "inf"])
def test_a_holdout_is_a_fraction_or_a_number_of_rows(run_tabllm, share):
    outcome = run_tabllm("fit", "visits.csv", "-m", "toy", f"--holdout={share}")
    assert outcome.code == 2
    assert share in outcome.message


def test_a_holdout_does_not_go_with_differential_privacy(run_tabllm):
    outcome = run_tabllm("fit", "visits.csv", "--dp-epsilon", "3", "--dp-public-schema", "--holdout", "20%")
    assert outcome.code == 2
    assert "no noise covers that" in outcome.message


def test_make_fits_samples_and_reports(run_tabllm):
    done = run_tabllm("make", "visits.csv", "-m", "toy", "-n", 100)
    assert done.code == 0, done.err
    assert "240 real · 100 synthetic · 60 holdout rows" in done.out
    left = {path.name for path in Path("visits-made").iterdir()}
    assert left == {".tabllm", "run", "synthetic.csv", "report.json", "report.html", "made.json"}
    page = Path("visits-made/report.html").read_text()
    assert "60 rows of visits.csv" in page


def test_make_goes_on_where_it_was_interrupted(run_tabllm, toy):
    toy.trouble["sample"] = KeyboardInterrupt()
    first = run_tabllm("make", "visits.csv", "-m", "toy")
    assert (first.code, first.out) == (130, "")
    assert "the same command goes on" in first.err
    toy.trouble.clear()
    toy.trouble["fit"] = AssertionError("the fit is done already")
    again = run_tabllm("make", "visits.csv", "-m", "toy")
    assert again.code == 0, again.err
    assert "fitted by an earlier call" in again.err
    assert len(pd.read_csv("visits-made/synthetic.csv")) == 240


def test_make_does_not_mix_two_orders(run_tabllm):
    assert run_tabllm("make", "visits.csv", "-m", "toy").code == 0
    outcome = run_tabllm("make", "visits.csv", "-m", "toy", "--seed", 1)
    assert outcome.code == 2
    assert "--force" in outcome.message
    assert run_tabllm("make", "visits.csv", "-m", "toy", "--seed", 1, "--force").code == 0
    Path("photos").mkdir()
    Path("photos/cat.jpg").write_text("cat")
    assert "cat.jpg" in run_tabllm("make", "visits.csv", "-m", "toy", "-o", "photos").message


def test_a_missing_table_leaves_no_folder(run_tabllm):
    assert run_tabllm("make", "lost.csv", "-m", "toy").code == 2
    assert not Path("lost-made").exists()


def test_a_wrong_target_leaves_no_folder(run_tabllm):
    outcome = run_tabllm("make", "visits.csv", "-m", "toy", "--target", "lost")
    assert outcome.code == 2
    assert not Path("visits-made").exists()
