"""``tabllm tune`` and ``tabllm fit --settings``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna")


def tuned(run_tabllm, *more):
    return run_tabllm("tune", "visits.csv", "-m", "tvae", "--steps", 2, "--set", "device=cpu", *more)


def test_the_way_from_a_search_to_a_fit(visits, run_tabllm):
    done = tuned(run_tabllm, "--trials", 2, "--json", "t.json", "--markdown", "t.md")
    assert done.code == 0, done.err
    assert "trials that no other beats" in done.out
    assert "(default)" in done.out
    assert "tabllm fit visits.csv --settings visits-tune/best.json" in done.err
    assert "| trial | score |" in Path("t.md").read_text()
    facts = json.loads(Path("t.json").read_text())
    assert [trial["number"] for trial in facts["trials"]] == [0, 1]
    assert facts["trials"][0]["settings"]["loss_factor"] == 2
    assert facts["search"]["target"] == "clicked"  # guessed, as the evaluation does
    best = json.loads(Path("visits-tune/best.json").read_text())
    assert best["settings"] == facts["settings"]
    assert best["settings"]["steps"] == 2

    done = run_tabllm("fit", "visits.csv", "--settings", "visits-tune/best.json", "-o", "run")
    assert done.code == 0, done.err
    config = json.loads(Path("run/config.json").read_text())
    assert config["model"] == "tvae"
    assert config["fit"]["steps"] == 2
    # A second call with as many trials has nothing left to do.
    again = tuned(run_tabllm, "--trials", 2, "--json", "again.json")
    assert again.code == 0
    assert json.loads(Path("again.json").read_text()) == facts


def test_what_is_given_to_fit_goes_before_the_file(visits, run_tabllm):
    Path("s.json").write_text('{"model": "tvae", "settings": {"epochs": 40.5, "embedding_dim": 8, "batch_size": 100}}')
    done = run_tabllm("fit", "visits.csv", "--settings", "s.json", "--steps", 3, "--batch-size", 50, "-o", "run")
    assert done.code == 0, done.err
    config = json.loads(Path("run/config.json").read_text())
    assert config["options"]["embedding_dim"] == 8
    assert (config["fit"]["steps"], config["fit"]["batch_size"]) == (3, 50)


def test_a_plain_object_is_settings_too(visits, run_tabllm):
    Path("s.json").write_text('{"steps": 2, "compress_dims": [8], "decompress_dims": [8]}')
    done = run_tabllm("fit", "visits.csv", "-m", "tvae", "--settings", "s.json", "-o", "run")
    assert done.code == 0, done.err
    done = run_tabllm("fit", "visits.csv", "--settings", "s.json", "-o", "other")
    assert done.code == 2
    assert "names no model" in done.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"model": "tvae", "settings": {"embeding_dim": 8}}',
            "no option 'embeding_dim'; did you mean 'embedding_dim'",
        ),
        ('{"model": "ctgan", "settings": {}}', "s.json holds settings of 'ctgan', not of 'tvae'"),
        ('{"settings": [1]}', "holds no settings"),
        ("[1, 2]", "holds no settings"),
        ("{", "cannot be read as JSON"),
        ('{"model": 3, "settings": {}}', "names the model 3"),
        ('{"settings": {"batch_size": -1}}', "batch_size must be above 0, not -1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(visits, run_tabllm, text, words):
    Path("s.json").write_text(text)
    done = run_tabllm("fit", "visits.csv", "-m", "tvae", "--settings", "s.json", "-o", "run")
    assert done.code == 2
    assert words in done.message
    assert not Path("run").exists()


def test_settings_that_are_not_there(visits, run_tabllm):
    done = run_tabllm("fit", "visits.csv", "--settings", "none.json")
    assert done.code == 2
    assert "There is no file none.json" in done.message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "ctgam"], "did you mean 'ctgan'"),
        (["-m", "toy"], "'toy' has no settings to search"),
        (["--epochs", "3", "--steps", "3"], "contradict each other"),
        (["--share", "0"], "0.0 is not in the range 0<x<=1"),
        (["--utility-weight", "2"], "2.0 is not in the range 0<=x<=1"),
        (["--minutes", "0"], "0.0 is not in the range x>0"),
        (["--trials", "0"], "0 is not in the range x>=1"),
        (["--target", "nothing"], "nothing"),
        (["--set", "layers"], "is not NAME=VALUE"),
        (["--set", "layer=3"], "no option 'layer'; did you mean 'layers'"),
        (["--set", "epochs=3"], "--set epochs would undo --epochs"),
        (["--json", "no/such/place.json"], "no/such"),
        (["-o", "visits.csv"], "visits.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused(visits, toy, run_tabllm, arguments, words):
    done = run_tabllm("--quiet", "tune", "visits.csv", *arguments)
    assert done.code in (1, 2)
    assert words in done.message
    assert not Path("visits-tune").exists()


def test_without_optuna_the_way_out_is_named(visits, run_tabllm, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = run_tabllm("tune", "visits.csv")
    assert done.code == 1
    assert "pip install optuna" in done.message


def test_an_interruption_says_where_to_go_on(visits, run_tabllm, monkeypatch):
    from tabular import TVAE

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(TVAE, "fit", interrupted)
    done = tuned(run_tabllm, "--trials", 2)
    assert done.code == 130
    assert "visits-tune/ holds what is done: the same command goes on" in done.err
