"""``tabllm compare``: several generators side by side, resumable, one failure its own."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from eval.judging.side_by_side import to_markdown
from tabllm.comparing.study import Outcome, Settings, holdout_split, run_study
from tabllm.comparing.tables import fidelity_table, utility_table
from tabular import CTGAN


@pytest.fixture
def place(visits, toy):
    return toy


def compared(run_tabllm, *more):
    done = run_tabllm(
        "compare", "visits.csv", "--models", "toy,filler", "--target", "clicked", "--json", "c.json", *more
    )
    return done, json.loads(Path("c.json").read_text()) if done.code == 0 else None


def test_the_two_tables_in_three_forms(place, run_tabllm):
    done, facts = compared(run_tabllm, "--markdown", "c.md", "--seed", "1")
    assert done.code == 0, done.err
    fidelity, utility, between, _ = facts["tables"]
    assert fidelity["title"] == "Fidelity"
    assert utility["title"] == "Utility: predicting clicked"
    assert between["title"] == "From each other: KS or total variation, %"
    # The filler is the toy by another name, and makes the same rows of the same seed.
    assert [line["values"] for line in between["lines"]] == [{"toy": None, "filler": 0}, {"toy": 0, "filler": None}]
    by_label = {line["label"]: line for line in fidelity["lines"]}
    # The toy gives real rows back, so it is about as near to the real table as real rows are.
    line = by_label["KS or total variation, %"]
    assert set(line["values"]) == {"toy", "filler"}
    assert 0 < line["baseline"] < 15
    assert all(0 < value < 15 for value in line["values"].values())
    # That is what the checks for copying are for: nothing that leaks is the best, not even the quickest.
    assert fidelity["barred"] == ["toy", "filler"]
    assert all(line["best"] is None for line in (*fidelity["lines"], *utility["lines"]))
    assert "toy, filler leak training rows" in " ".join(done.out.split())
    accuracy = next(line for line in utility["lines"] if line["label"] == "accuracy")
    mae = next(line for line in utility["lines"] if line["label"] == "MAE")
    assert mae["baseline"] == pytest.approx(1 - accuracy["baseline"])
    shown = done.out
    text = Path("c.md").read_text()
    for name in ("Fidelity", "Baseline", "toy", "filler", "pair trends", "recall"):
        assert name in shown
        assert name in text
    assert f"| accuracy | {accuracy['baseline']:.4f} |" in text


def test_what_is_done_is_not_done_again(place, run_tabllm):
    _, first = compared(run_tabllm)
    place.trouble["fit"] = AssertionError("fitted again")
    done, second = compared(run_tabllm)
    assert done.code == 0, done.err
    assert "toy: done by an earlier call." in done.err
    assert second == first
    done, _ = compared(run_tabllm, "--seed", "2")
    assert done.code == 1
    assert "fitted again" in done.err


def test_an_interruption_leaves_what_is_done(place, run_tabllm, monkeypatch):
    first = run_tabllm("compare", "visits.csv", "--models", "toy", "--target", "clicked")
    assert first.code == 0
    place.trouble["fit"] = KeyboardInterrupt()
    done, _ = compared(run_tabllm)
    assert done.code == 130
    assert "visits-compare/ holds what is done" in done.err
    assert (Path("visits-compare/filler/run.partial") / "state").exists()
    place.trouble.clear()
    done, facts = compared(run_tabllm)
    assert done.code == 0
    assert [model["model"] for model in facts["models"]] == ["toy", "filler"]
    assert not Path("visits-compare/filler/run.partial").exists()


def test_a_kill_under_other_settings_leaves_the_earlier_study_as_it_was(place, run_tabllm, monkeypatch):
    """Between the rows and the report of a call with other settings, where a fingerprint could speak of the wrong."""
    asked = ("compare", "visits.csv", "--models", "toy,filler", "--target", "clicked", "-n", "100")
    assert run_tabllm(*asked, "--json", "first.json").code == 0

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tabllm.comparing.study.compare", killed)
        assert run_tabllm(*asked[:-1], "50").code == 130
    done = run_tabllm(*asked, "--json", "again.json")
    assert done.code == 0, done.err
    assert "filler: done by an earlier call." in done.err
    first, again = (json.loads(Path(name).read_text()) for name in ("first.json", "again.json"))
    assert again["tables"][2] == first["tables"][2]
    for name in ("toy", "filler"):
        assert len(pd.read_parquet(f"visits-compare/{name}/synthetic.parquet")) == 100


def test_rows_that_were_cut_short_are_made_anew(place, run_tabllm):
    _, first = compared(run_tabllm)
    path = Path("visits-compare/toy/synthetic.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    place.trouble["fit"] = AssertionError("fitted again")
    done, again = compared(run_tabllm)
    assert done.code == 0, done.err
    assert f"{path} is damaged; its rows are made anew." in " ".join(done.err.split())
    assert [table["lines"] for table in again["tables"][1:]] == [table["lines"] for table in first["tables"][1:]]
    assert len(pd.read_parquet(path)) == 240


def test_one_failure_does_not_lose_the_others(place, run_tabllm, monkeypatch):
    def out_of_memory(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(CTGAN, "fit", out_of_memory)
    done = run_tabllm("compare", "visits.csv", "--models", "ctgan,toy", "--target", "clicked", "--json", "c.json")
    assert done.code == 0, done.err
    facts = {model["model"]: model for model in json.loads(Path("c.json").read_text())["models"]}
    assert facts["ctgan"]["error"] == "RuntimeError: out of memory"
    assert facts["toy"]["report"]
    assert "ctgan failed" in done.out
    assert run_tabllm("compare", "visits.csv", "--models", "ctgan").code == 1


def test_a_generator_that_can_make_rows_for_a_class_is_told_the_target(visits_table, tmp_path, toy, monkeypatch):
    given = []
    monkeypatch.setattr("tabllm.studies.workspace.create", lambda name, **options: given.append(options) or toy())
    train, held = holdout_split(visits_table, 0)
    for model, target in (("tabddpm", "clicked"), ("tabddpm", "age"), ("tvae", "clicked")):
        run_study([model], train, held, Settings(target, 0, None, {}), tmp_path / model / target)
    assert [options.get("target") for options in given] == ["clicked", None, None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--models", "nano,ctgam"], "did you mean 'ctgan'"),
        (["--models", " , "], "names no model"),
        (["--target", "nothing"], "nothing"),
        (["--json", "no/such/place.json"], "no/such"),
        (["--rows", "12"], "holdout table has 2 rows"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(place, run_tabllm, arguments, words):
    done = run_tabllm("compare", "visits.csv", *arguments)
    assert done.code in (1, 2)
    assert words in done.message
    assert not Path("visits-compare").exists()


def test_a_fifth_is_held_apart():
    table = pd.DataFrame({"a": range(103)})
    train, held = holdout_split(table, 0)
    assert len(held) == 21
    assert sorted([*train["a"], *held["a"]]) == list(range(103))
    assert train["a"].is_monotonic_increasing
    pd.testing.assert_frame_equal(held, holdout_split(table, 0)[1])
    assert not held.equals(holdout_split(table, 1)[1])


def test_tables_of_nothing():
    failed = [Outcome("a", error="no")]
    assert fidelity_table(failed).names == ()
    assert utility_table(failed) is None


def test_a_numeric_target_has_its_own_lines(visits_table, tmp_path, toy):
    train, held = holdout_split(visits_table, 0)
    outcomes = run_study(["toy"], train, held, Settings("age", 0, None, {}), tmp_path)
    table = utility_table(outcomes)
    assert [line.label for line in table.lines] == ["MAE", "RMSE", "R2"]
    assert table.lines[0].best is None
    assert "| MAE |" in to_markdown(table)


def test_a_comparison_that_hardly_trains_is_called_a_toy(place, run_tabllm, monkeypatch):
    monkeypatch.setattr(place, "planned_epochs", lambda self, rows: 300)
    done, _ = compared(run_tabllm, "--epochs", "3")
    assert "A toy comparison: with 3 epochs" in " ".join(done.out.split())
    assert "toy up to 300" in " ".join(done.out.split())
    done, _ = compared(run_tabllm, "--epochs", "200")
    assert "A toy comparison" not in done.out
