"""The study: one split, every recipe on the same rows, resumable, one failure its own; and what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from eval.facts.estimates import Estimate
from tabllm.augmenting import study as module
from tabllm.augmenting.classes import classes_of
from tabllm.augmenting.findings import findings, verdict
from tabllm.augmenting.page import PLOTTED, page
from tabllm.augmenting.scoring import HIGHER_IS_BETTER, Scores
from tabllm.augmenting.sheets import draw, sheets, to_json, to_markdown
from tabllm.augmenting.study import RecipeOutcome, Settings, Study, run_study, split_rows
from tabllm.augmenting.training_sets import Recipe
from tabular.errors import TableError, UsageError
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter

SETTINGS = Settings("clicked", model="toy", shares=(0.3, 0.5))
ARMS = ["real alone", "class weights", "synthetic to 30 %", "synthetic to 50 %", "SMOTE to 30 %", "SMOTE to 50 %"]


@pytest.fixture
def clicks() -> pd.DataFrame:
    """800 visits, a tenth of which were clicked: more of them on ios, and where much was spent."""
    rng = np.random.default_rng(0)
    device = rng.choice(["ios", "android", "desktop"], 800)
    spend = rng.gamma(2, 20, 800).round(2)
    odds = np.exp(-4 + 0.03 * spend + 1.5 * (device == "ios"))
    return pd.DataFrame(
        {"device": device, "spend": spend, "clicked": (rng.random(800) < odds / (1 + odds)).astype(int)}
    )


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 20)
    monkeypatch.setattr("eval.models.bootstrap.RESAMPLES", 200)


@pytest.fixture
def studied(clicks, toy, tmp_path):
    return run_study(clicks, SETTINGS, tmp_path / "work")


def test_parts_are_apart_and_each_has_its_share_of_the_class(clicks):
    classes = classes_of(clicks, infer_schema(clicks), "clicked")
    marked = clicks.assign(row=range(800))
    parts = split_rows(marked, classes, 0)
    assert [len(parts.learn), len(parts.validation), len(parts.holdout)] == [448, 112, 240]
    rows = [set(part["row"]) for part in vars(parts).values()]
    assert len(set.union(*rows)) == 800
    rates = [part["clicked"].mean() for part in vars(parts).values()]
    assert max(rates) - min(rates) < 0.01
    assert parts.holdout.equals(split_rows(marked, classes, 0).holdout)
    assert not parts.holdout.equals(split_rows(marked, classes, 1).holdout)


def test_rows_without_a_class_are_in_no_part(clicks):
    holed = clicks.assign(clicked=clicks["clicked"].astype("Int64").mask(np.arange(800) < 50))
    parts = split_rows(holed, classes_of(holed, infer_schema(holed), "clicked"), 0)
    assert sum(map(len, vars(parts).values())) == 750


def test_the_generator_learns_nothing_but_the_rows_to_learn(studied, tmp_path):
    learned = pd.read_parquet(tmp_path / "work/run/table.parquet")
    made = pd.read_parquet(tmp_path / "work/synthetic.parquet")
    assert len(learned) == studied.rows["learn"]
    assert set(made["clicked"]) == {1}
    # The toy gives real rows back: were those of the holdout among them, they would show.
    known = set(map(tuple, learned[["spend", "device"]].to_numpy()))
    assert set(map(tuple, made[["spend", "device"]].to_numpy())) <= known


def test_every_arm_is_judged_with_intervals(studied):
    assert [outcome.recipe.label for outcome in studied.outcomes] == ARMS
    assert not any(outcome.error for outcome in studied.outcomes)
    for outcome in studied.outcomes:
        assert set(outcome.scores.values) == set(HIGHER_IS_BETTER)
        auc = outcome.scores.values["auc"]
        assert 0.5 < auc.low < auc.value < auc.high < 1
        assert (outcome.scores.differences == {}) == (outcome.recipe.kind == "real")
    rows = {outcome.recipe.label: (outcome.rows, outcome.added) for outcome in studied.outcomes}
    real = studied.rows["learn"]
    assert rows["real alone"] == rows["class weights"] == (real, 0)
    half = 448 - 2 * studied.positives["learn"]
    assert rows["synthetic to 50 %"] == rows["SMOTE to 50 %"] == (real + half, half)


def test_what_is_done_is_not_done_again(clicks, toy, studied, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TreeModel", None)
    toy.trouble["fit"] = AssertionError("fitted again")
    again = run_study(clicks, SETTINGS, tmp_path / "work")
    assert all(outcome.resumed for outcome in again.outcomes)
    assert [outcome.scores for outcome in again.outcomes] == [outcome.scores for outcome in studied.outcomes]
    with pytest.raises(TypeError):
        run_study(clicks, replace(SETTINGS, seed=1), tmp_path / "work")


def test_another_generator_or_ratio_leaves_the_other_arms_as_they_are(clicks, toy, studied, tmp_path):
    found = run_study(clicks, replace(SETTINGS, model="filler", shares=(0.5, 0.6)), tmp_path / "work")
    assert {outcome.recipe.label for outcome in found.outcomes if outcome.resumed} == {
        "real alone",
        "class weights",
        "SMOTE to 50 %",
    }
    # The generator is the same again, and what it made was for another ratio.
    toy.trouble["fit"] = AssertionError("fitted again")
    found = run_study(clicks, replace(SETTINGS, model="filler", shares=(0.5,)), tmp_path / "work")
    assert [outcome.resumed for outcome in found.outcomes] == [True, True, False, True]


def test_an_interruption_leaves_what_is_done(clicks, toy, tmp_path):
    toy.trouble["fit"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_study(clicks, SETTINGS, tmp_path)
    assert {path.stem for path in tmp_path.glob("*.json")} == {"real", "weights"}
    assert (tmp_path / "run.partial/state").exists()
    toy.trouble.clear()
    assert [outcome.resumed for outcome in run_study(clicks, SETTINGS, tmp_path).outcomes] == [True] * 2 + [False] * 4
    assert not (tmp_path / "run.partial").exists()


def test_rows_that_were_cut_short_are_made_anew(clicks, toy, studied, tmp_path):
    path = tmp_path / "work/synthetic.parquet"
    path.write_bytes(path.read_bytes()[:100])
    for file in (tmp_path / "work").glob("hybrid*.json"):
        file.unlink()
    toy.trouble["fit"] = AssertionError("fitted again")
    again = run_study(clicks, SETTINGS, tmp_path / "work")
    assert [outcome.scores for outcome in again.outcomes] == [outcome.scores for outcome in studied.outcomes]


def test_a_generator_that_fails_loses_only_its_own_arms_and_is_tried_once(clicks, toy, tmp_path):
    notes = []

    class Listening(Reporter):
        def note(self, message):
            notes.append(message)

    toy.trouble["fit"] = RuntimeError("out of memory")
    found = run_study(clicks, SETTINGS, tmp_path, progress=Listening())
    errors = {outcome.recipe.label: outcome.error for outcome in found.outcomes if outcome.error}
    assert set(errors) == {"synthetic to 30 %", "synthetic to 50 %"}
    assert set(errors.values()) == {"toy: RuntimeError: out of memory"}
    assert sum(note.startswith("Learning ") and "with toy" in note for note in notes) == 1
    assert verdict(found) == "No training set with synthetic rows could be judged."
    assert "synthetic to 30 % failed: toy: RuntimeError: out of memory" in to_markdown(found)


def test_a_holdout_of_ones_own(clicks, toy, tmp_path):
    found = run_study(clicks[:500], SETTINGS, tmp_path, holdout=clicks[500:].reset_index(drop=True))
    assert found.rows == {"learn": 400, "validation": 100, "holdout": 300}


def test_too_few_rows_of_the_class_are_refused(clicks, toy, tmp_path):
    few = pd.concat([clicks[clicks["clicked"] == 0], clicks[clicks["clicked"] == 1].head(30)], ignore_index=True)
    with pytest.raises(TableError, match="needs 10 of them in each part"):
        run_study(few, SETTINGS, tmp_path)
    with pytest.raises(UsageError, match="ratio"):
        run_study(clicks, replace(SETTINGS, shares=(0.01,)), tmp_path)


def test_the_three_faces_tell_the_same(studied):
    console = Console(width=80, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115
    draw(studied, console)
    shown, text, facts = console.export_text(), to_markdown(studied), json.loads(json.dumps(to_json(studied)))
    titles = [sheet.title for sheet in sheets(studied)]
    assert all(title in shown and title in text for title in titles)
    for outcome in facts["outcomes"]:
        value = f"{outcome['scores']['values']['pr_auc']['value']:.4f}"
        assert value in shown
        assert value in text
        assert outcome["recipe"]["label"] in text
    assert facts["verdict"] == verdict(studied)
    assert facts["verdict"] in text
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def test_the_page_holds_every_table_and_a_plot_of_the_differences(studied):
    text = page(studied, {"command": "tabllm augment visits.csv"})
    assert text.startswith("<!DOCTYPE html>")
    for sheet in sheets(studied):
        assert sheet.title in text
        assert all(cell.written in text for row in sheet.rows for cell in row)
    assert text.count("<figure>") == len(PLOTTED)
    assert verdict(studied) in text


# -- what it says ---------------------------------------------------------------------------------------------
def made_up(**certain: dict[str, str]) -> Study:
    """A study of four recipes in which PR-AUC and F1 grow from recipe to recipe, but nothing is certain unless said."""
    recipes = [Recipe("real"), Recipe("weights"), Recipe("hybrid", 0.1), Recipe("smote", 0.1)]
    outcomes = []
    for i, recipe in enumerate(recipes):
        values = {name: Estimate(0.1 + 0.01 * i, 0.05, 0.2) for name in HIGHER_IS_BETTER}
        differences = {name: Estimate(0.01 * i, -0.01, 0.05) for name in HIGHER_IS_BETTER} if i else {}
        outcomes.append(RecipeOutcome(recipe, scores=Scores(0.3, values, differences, certain.get(recipe.kind, {}))))
    return Study("a = 1", "toy", 0, {}, {}, tuple(outcomes))


def test_where_nothing_is_certain_nothing_helps():
    assert verdict(made_up()) == (
        "Synthetic rows do not help here: at no ratio do they beat real rows alone in PR-AUC or in F1 at the best "
        "threshold by more than chance, nor does anything else that was tried."
    )


def test_where_class_weights_win_it_says_so():
    assert verdict(made_up(weights={"pr_auc": "better"})).endswith("by more than chance; what does is class weights.")


def test_where_synthetic_rows_help_it_says_so_and_what_is_ahead_of_them():
    said = verdict(made_up(hybrid={"pr_auc": "better"}))
    assert said.startswith("Synthetic rows help here: synthetic to 10 % beats real rows alone in PR-AUC by more than")
    assert said.endswith("but in one of the two SMOTE to 10 % is ahead of them.")


def test_findings_name_the_best_and_the_worse():
    said = findings(made_up(smote={"pr_auc": "better"}, weights={"log_loss": "worse"}, hybrid={"log_loss": "worse"}))
    assert said[0] == (
        "PR-AUC: SMOTE to 10 % is highest with 0.1300, real rows alone have 0.1000; the difference of 0.0300 "
        "(-0.0100 to 0.0500) is more than chance."
    )
    assert said[2] == (
        "Log loss: real alone is lowest with 0.1000; 2 of the 3 others are certainly worse than real rows alone."
    )
