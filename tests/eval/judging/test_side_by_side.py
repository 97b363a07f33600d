"""Several tables side by side: their names, the best of each line, the terminal and the JSON."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from eval import compare
from eval.judging.side_by_side import (
    headline_of_several,
    line_of,
    reports_as_json,
    side_by_side,
    to_markdown,
    unique_names,
)
from eval.judging.verdicts import verdicts
from eval.screen.several import render_several


@pytest.fixture
def reports(people, monkeypatch):
    """A fair sample, and one whose ages are all wrong."""
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    real, held = people(300, 0), people(300, 2)
    made = {"fair": people(300, 1), "old": people(300, 3).assign(age=90)}
    return {n: compare(real, t, holdout=held, target="clicked", threads=1) for n, t in made.items()}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["out/nano.csv", "ctgan-0.5.csv.gz"], ["nano", "ctgan-0.5"]),
        (["a/synthetic.csv", "b/synthetic.csv"], ["a/synthetic", "b/synthetic"]),
        (["x.csv", "x.parquet"], ["x.csv", "x.parquet"]),
        (["x.csv", "x.csv", "y.csv"], ["x (1)", "x (2)", "y"]),
        (["noending"], ["noending"]),
    ],
)
def test_names_are_stems_made_unique(paths, names):
    assert unique_names(paths) == names


@pytest.mark.parametrize(("better", "best"), [("higher", "c"), ("lower", "a"), ("half", "b"), ("one", "c")])
def test_the_best_is_marked(better, best):
    assert line_of("", better, 2, {"a": 0.1, "b": 0.4, "c": 0.9, "d": None}).best == best


def test_nothing_is_best_of_one():
    assert line_of("", "lower", 2, {"a": 0.1, "b": None}).best is None


def test_nothing_is_best_of_two_that_read_the_same():
    assert line_of("", "lower", 2, {"a": 0.101, "b": 0.104, "c": 0.3}).best is None
    assert line_of("", "lower", 3, {"a": 0.101, "b": 0.104, "c": 0.3}).best == "a"


def test_the_better_table_is_best_at_what_it_is_better_at(reports):
    lines = {line.label: line for table in side_by_side(reports) for line in table.lines}
    assert lines["KS or total variation, %"].best == "fair"
    assert lines["KS or total variation, %"].values[0] == reports["fair"].fidelity.shape_error_percent
    assert lines["KS or total variation, %"].baseline == reports["fair"].fidelity.shape_floor_percent
    assert lines["AUC"].baseline == reports["old"].utility.real.metrics["auc"]
    assert "| Best |" in to_markdown(side_by_side(reports)[0])


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_terminal_shows_every_verdict_of_every_table(reports, encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    render_several(reports, side_by_side(reports), Console(file=stream, width=110))
    stream.flush()
    text = raw.getvalue().decode(encoding)
    for word in ("fair", "old", "Columns", "Privacy", "Baseline", "PR-AUC", "Utility: predicting clicked"):
        assert word in text
    assert f"{reports['old'].fidelity.shape_error_percent:.2f} %" in text


def test_json_of_several_names_each(reports):
    data = json.loads(json.dumps(reports_as_json(reports, side_by_side(reports)), allow_nan=False))
    assert [report["name"] for report in data["reports"]] == ["fair", "old"]
    assert data["tables"][0]["lines"][0]["values"].keys() == {"fair", "old"}
    one = {"fair": reports["fair"]}
    assert reports_as_json(one) == reports["fair"].to_dict()


def test_what_leaks_cannot_be_the_best(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    real, held = people(600, 0), people(600, 2)
    made = {"copy": real.sample(frac=1, random_state=0), "fresh": people(600, 1), "other": people(600, 3)}
    reports = {n: compare(real, t, holdout=held, target="clicked", threads=1) for n, t in made.items()}
    fidelity, utility = side_by_side(reports)
    assert fidelity.barred == utility.barred == ("copy",)
    line = fidelity.lines[0]
    assert line.values[0] == max(line.values)  # the copy is nearest of all, and yet not named
    assert {line.best for line in (*fidelity.lines, *utility.lines)} <= {"fresh", "other", None}
    assert all(any(line.best is not None for line in table.lines) for table in (fidelity, utility))
    assert "copy leaks training rows" in to_markdown(fidelity)


def test_one_sentence_says_who_passes_most_and_who_leaks(reports, monkeypatch):
    counts = {name: sum(v.level == "good" for v in verdicts(report)) for name, report in reports.items()}
    assert counts["fair"] > counts["old"]
    assert headline_of_several(reports) == f"fair passes {counts['fair']} of 6 checks; old passes {counts['old']}."
    monkeypatch.setattr("eval.judging.side_by_side.is_guarded", lambda report: report is not reports["fair"])
    assert headline_of_several(reports) == f"old passes {counts['old']} of 6 checks; fair leaks training rows."
    same = {"a": reports["old"], "b": reports["old"]}
    assert headline_of_several(same) == f"a, b pass {counts['old']} of 6 checks."
