"""``tabllm augment``: hybrid tables and the study, and usage errors."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tabular.io.reading import read_table
from tabular.sampling import strata


@pytest.fixture
def clicked(visits_table) -> int:
    return int(visits_table["clicked"].sum())


def test_rows_are_added_until_the_class_has_its_share(visits, toy, run_tabllm, visits_table, clicked):
    done = run_tabllm("augment", visits, "--target", "clicked", "--balance", "20%", "-m", "toy", "-o", "h.csv")
    assert done.code == 0, done.err
    made = pd.read_csv("h.csv")
    assert 0.2 <= made["clicked"].mean() < 0.205
    assert made[:300].equals(pd.read_csv(visits))
    assert set(made["clicked"][300:]) == {1}
    assert f"Wrote 300 real and {len(made) - 300} synthetic rows to h.csv" in done.err
    assert f"rose from {clicked / 3:.3g} % to 20" in done.err
    assert Path("visits-augment-run/config.json").is_file()


@pytest.mark.parametrize("name", ["h.csv", "h.parquet", "h.jsonl.gz"])
def test_rows_of_a_run_with_their_provenance_in_every_format(run, visits, run_tabllm, name):
    arguments = ("--rows", 60, "--run", run, "--provenance", "source", "-o", name)
    assert run_tabllm("augment", visits, "--target", "device", "--label", "ios", *arguments).code == 0
    made = read_table(name)
    assert made["source"].value_counts().to_dict() == {"real": 300, "synthetic": 60}
    assert set(made["device"][made["source"] == "synthetic"]) == {"ios"}


def test_every_class_raised_to_the_most_frequent(run, visits, run_tabllm):
    done = run_tabllm("augment", visits, "--target", "device", "--balance", "equal", "--run", run, "-o", "h.csv")
    assert done.code == 0, done.err
    assert len(set(pd.read_csv("h.csv")["device"].value_counts())) == 1


def test_shuffled_rows_are_mixed_by_the_seed(run, visits, run_tabllm):
    for name, seed in (("a.csv", 1), ("b.csv", 1), ("c.csv", 2)):
        arguments = ("--rows", 60, "--run", run, "--provenance", "source", "--shuffle", "--seed", seed, "-o", name)
        assert run_tabllm("augment", visits, "--target", "clicked", *arguments).code == 0
    a, b, c = (Path(f"{name}.csv").read_text() for name in "abc")
    assert a == b
    assert a != c
    assert "synthetic" in set(pd.read_csv("a.csv")["source"][:100])


def test_a_column_may_be_left_out_and_the_file_has_a_default_name(visits, toy, run_tabllm):
    done = run_tabllm("augment", visits, "--target", "clicked", "--rows", 5, "-m", "toy", "--drop", "spend")
    assert done.code == 0, done.err
    assert list(pd.read_csv("visits-augmented.csv")) == ["age", "device", "clicked"]


def test_an_interrupted_fit_and_an_interrupted_sample_go_on(visits, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr(strata, "PART_ROWS", 50)
    command = ("augment", visits, "--target", "clicked", "--rows", 120, "-m", "toy", "-o", "h.csv")
    toy.trouble["fit"] = KeyboardInterrupt()
    done = run_tabllm(*command)
    assert done.code == 130
    assert "visits-augment-run.partial/ holds a checkpoint" in done.err
    toy.trouble.clear()
    toy.trouble["sample"] = KeyboardInterrupt()
    done = run_tabllm(*command)
    assert done.code == 130
    assert "h.csv.partial/ holds 300 rows" in done.err
    toy.trouble.clear()
    toy.trouble["fit"] = AssertionError("fitted again")
    done = run_tabllm(*command)
    assert done.code == 0, done.err
    assert "made with visits-augment-run/, which an earlier call fitted" in done.err
    assert "Going on after 300 rows" in done.err
    assert len(pd.read_csv("h.csv")) == 420


@pytest.mark.parametrize("shuffle", [(), ("--shuffle",)])
def test_real_rows_are_written_as_they_stand_in_the_file(run, visits, run_tabllm, shuffle):
    lines = visits.read_text().splitlines()
    lines[1:] = [f"{line.rpartition(',')[0]}0,{line.rpartition(',')[2]}" for line in lines[1:]]  # a spend such as 1.50
    visits.write_text("\n".join(lines) + "\n")
    command = ("augment", visits, "--target", "clicked", "--rows", 50, "--run", run, "-o", "h.csv", *shuffle)
    done = run_tabllm(*command)
    assert done.code == 0, done.err
    written = Path("h.csv").read_text().splitlines()
    assert len(written) == 351
    assert set(lines) <= set(written)


def test_a_kill_before_the_run_has_its_fingerprint_refuses_nothing(visits, toy, run_tabllm, monkeypatch):
    command = ("augment", visits, "--target", "clicked", "--rows", 5, "-m", "toy", "-o", "h.csv")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tabllm.studies.workspace.write_json", killed)
        assert run_tabllm(*command).code == 130
    done = run_tabllm(*command)
    assert done.code == 0, done.err


def test_the_run_of_one_target_is_not_taken_for_another(visits, run_tabllm):
    command = ("augment", visits, "--rows", 5, "-m", "tabddpm", "--epochs", 1, "--device", "cpu")
    assert run_tabllm(*command, "--target", "clicked", "-o", "a.csv").code == 0
    done = run_tabllm(*command, "--target", "device", "-o", "b.csv")
    assert done.code == 2
    assert "was fitted otherwise" in done.message


def test_a_run_that_was_fitted_otherwise_is_not_taken_up_nor_replaced(visits, toy, run_tabllm):
    command = ("augment", visits, "--target", "clicked", "--rows", 5, "-m", "toy")
    assert run_tabllm(*command, "-o", "a.csv").code == 0
    done = run_tabllm(*command, "-o", "b.csv", "--seed", 3)
    assert done.code == 2
    assert "--run visits-augment-run" in done.message
    assert run_tabllm(*command, "-o", "b.csv", "--seed", 3, "--force").code == 0


def test_a_study_is_drawn_and_written(visits, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    monkeypatch.setattr("eval.models.bootstrap.RESAMPLES", 200)
    monkeypatch.setattr("tabllm.augmenting.study.MIN_POSITIVE", 2)
    command = ("augment", visits, "--target", "clicked", "--study", "-m", "toy", "--ratios", "30%,0.5", "--oversample")
    done = run_tabllm(*command, "--markdown", "s.md", "--json", "s.json", "--html", "s.html")
    assert done.code == 0, done.err
    facts = json.loads(Path("s.json").read_text())
    labels = [outcome["recipe"]["label"] for outcome in facts["outcomes"]]
    assert labels[:4] == ["real alone", "class weights", "synthetic to 30 %", "synthetic to 50 %"]
    assert labels[-1] == "oversampled to 50 %"
    assert facts["verdict"] in Path("s.md").read_text()
    assert facts["verdict"] in Path("s.html").read_text()
    assert facts["verdict"] in " ".join(done.out.split())
    assert Path("visits-study/real.json").is_file()
    done = run_tabllm(*command)
    assert "synthetic to 50 %: done by an earlier call." in done.err


def test_an_interrupted_study_says_that_it_goes_on(visits, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr("tabllm.augmenting.study.MIN_POSITIVE", 2)
    toy.trouble["fit"] = KeyboardInterrupt()
    done = run_tabllm("augment", visits, "--target", "clicked", "--study", "-m", "toy")
    assert done.code == 130
    assert "visits-study/ holds what is done" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "colour", "--rows", "5"], "no column 'colour'"),
        (["--target", "spend", "--rows", "5"], "--kind spend=categorical"),
        (["--target", "clicked", "--balance", "1%"], "% of the rows already"),
        (["--target", "clicked", "--balance", "150%"], "not a fraction such as 0.2 or 20%"),
        (["--target", "clicked", "--label", "7", "--rows", "5"], "never holds '7'"),
        (["--target", "clicked"], "Give one of --raise-to RATE and --rows N"),
        (["--target", "clicked", "--balance", "0.5", "--rows", "5"], "Give one of"),
        (["--target", "clicked", "--rows", "5", "--ratios", "5%"], "--ratios belongs to --study"),
        (["--target", "clicked", "--study", "--rows", "5"], "leave --rows out"),
        (["--target", "clicked", "--study", "--ratios", "1%"], "name higher --ratios"),
        (["--target", "clicked", "--balance", "equal", "--label", "1"], "raises every class"),
        (["--target", "clicked", "--rows", "5", "--provenance", "age"], "choose another"),
        (["--target", "clicked", "--rows", "5", "--drop", "colour"], "no column 'colour' to drop"),
        (["--target", "clicked", "--rows", "5", "--drop", "clicked"], "would drop the target"),
        (["--target", "clicked", "--rows", "5", "-m", "nanno"], "did you mean 'nano'"),
        (["--target", "clicked", "--rows", "5", "-o", "visits.csv"], "exists already"),
        (["--target", "clicked", "--rows", "5", "--run", "visits-run", "--kind", "age=integer"], "leave --kind out"),
        (["--target", "clicked", "--rows", "5", "--run", "visits-run", "--drop", "age"], "visits-run alone has"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(run, visits, run_tabllm, arguments, words):
    before = sorted(Path().iterdir())
    done = run_tabllm("augment", visits, *arguments)
    assert done.code == 2
    assert words in done.message
    assert sorted(Path().iterdir()) == before
