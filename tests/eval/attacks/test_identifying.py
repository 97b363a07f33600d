"""Real values of persons, and combinations that only one row or person has, are counted and change the verdict."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from eval import compare, write_html
from eval.attacks.combinations import lone_combinations
from eval.attacks.identifying import identifying_cells
from eval.facts.report import Report
from eval.judging.side_by_side import side_by_side
from eval.judging.verdicts import verdicts
from eval.screen.report import render
from tabular import infer_schema


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 10)


def visitors(rows: int, seed: int, *, first: int = 0) -> pd.DataFrame:
    """Visits of 50 people, numbered from ``first``."""
    rng = np.random.default_rng(seed)
    who = rng.integers(first, first + 50, rows)
    return pd.DataFrame(
        {
            "email": [f"p{i}@example.org" for i in who],
            "phone": 4_000_000_000 + who * 7_919,
            "age": rng.integers(18, 80, rows),
            "clicked": rng.integers(0, 2, rows),
        }
    )


def privacy_verdict(report: Report):
    return next(verdict for verdict in verdicts(report) if verdict.subject == "Privacy")


def test_real_values_of_persons_are_counted_by_column_and_in_all(tables):
    real, made = visitors(300, 0), visitors(200, 1, first=1_000)
    made.loc[:49, "email"] = real["email"][:50]
    made.loc[:19, "email"] = None
    found = identifying_cells(tables(real, made, visitors(100, 2)))
    assert {column.name: column.personal for column in found.columns} == {"email": "e-mail", "phone": "phone"}
    by_name = {column.name: column for column in found.columns}
    assert by_name["email"].synthetic_percent == pytest.approx(100 * 30 / 180)
    assert by_name["email"].holdout_percent == 100
    assert by_name["phone"].synthetic_percent == 0
    assert found.synthetic_percent == pytest.approx(100 * 30 / 380)


def test_a_table_without_persons_has_no_such_line(people, tables):
    assert identifying_cells(tables(people(100, 0), people(100, 1))) is None


def test_what_rare_values_were_folded_into_is_nobody(tables):
    real = visitors(300, 0)
    schema = infer_schema(real, rare_below=1_000)
    made = real.assign(email="(other)")
    found = identifying_cells(tables(real, made, schema=schema))
    assert {column.name: column.synthetic_percent for column in found.columns}["email"] == 0


@pytest.mark.parametrize("holdout", [None, visitors(200, 2)])
def test_real_persons_make_a_cross_with_and_without_a_holdout(holdout):
    report = compare(visitors(300, 0), visitors(300, 1), holdout=holdout, target="clicked")
    verdict = privacy_verdict(report)
    assert (verdict.level, verdict.word) == ("poor", "names real people")
    assert "100.0 %" in verdict.figure


def test_every_face_says_it(tmp_path):
    real = visitors(300, 0)
    report = compare(real, visitors(300, 1), target="clicked")
    stream = io.StringIO()
    render(report, Console(file=stream, width=80))
    write_html(report, tmp_path / "report.html")
    other = compare(real, visitors(300, 1, first=1_000), target="clicked")
    labels = {line.label: line for table in side_by_side({"a": report, "b": other}) for line in table.lines}
    line = labels["identifying cells that are real values, %"]
    page = (tmp_path / "report.html").read_text().lower()
    for text in (stream.getvalue().lower(), page):
        assert "identifying cells that are real values" in text
    assert "combinations of only one training row, %" in stream.getvalue()
    assert "combinations that only one training row has" in page
    assert (line.values, line.best) == ((100.0, 0.0), "b")
    assert Report.from_dict(report.to_dict()) == report


def test_persons_made_anew_are_not_judged_as_categories():
    real = visitors(300, 0)
    schema = infer_schema(real, overrides={"email": "categorical"})
    report = compare(real, visitors(300, 1, first=1_000), target="clicked", schema=schema)
    assert "email" not in [column.name for column in report.fidelity.columns if column.error_percent is not None]
    assert any("made anew in: email" in note for note in report.notes)
    assert privacy_verdict(report).level == "open"


def test_rows_that_hold_lone_combinations_are_told_from_honest_new_rows(people, tables):
    real, holdout = people(1_000, 0), people(1_000, 2)
    copied = pd.concat([real.head(300), people(700, 1)], ignore_index=True)
    by_heart, _ = lone_combinations(tables(real, copied, holdout), seed=0)
    honest, _ = lone_combinations(tables(real, people(1_000, 1), holdout), seed=0)
    assert by_heart.excess_percent > 5
    assert abs(honest.excess_percent) < 2


def test_people_learned_by_heart_are_counted_against_a_holdout_of_others(surveys, tables):
    real, others = surveys.survey(100, 10), surveys.survey(40, 10, first=100)
    scenario = surveys.survey(60, 10, first=500).iloc[:, len(surveys.PERSON) :]
    by_heart = pd.concat([real[surveys.PERSON].iloc[:600].reset_index(drop=True), scenario], axis=1)
    honest = surveys.survey(60, 10, first=900)
    found, notes = lone_combinations(tables(real, by_heart, others), seed=0)
    assert (found.people, found.columns, found.shared) == (100, tuple(surveys.PERSON), False)
    assert (found.synthetic_percent, found.holdout_percent) == (100, 0)
    assert "100 people" in notes[0]
    assert lone_combinations(tables(real, honest, others), seed=0)[0].synthetic_percent == 0


def test_a_holdout_of_the_same_people_is_no_reference(surveys, tables):
    rows = surveys.survey(100, 12)
    real, holdout = rows[:1_000].reset_index(drop=True), rows[1_000:].reset_index(drop=True)
    found, notes = lone_combinations(tables(real, holdout, holdout), seed=0)
    assert found.shared
    assert found.excess_percent == 0
    assert any("hold out whole people" in note for note in notes)


def test_people_by_heart_make_a_cross(surveys):
    real, others = surveys.survey(100, 10), surveys.survey(40, 10, first=100)
    report = compare(real, real.sample(500, random_state=0), holdout=others, target="label")
    verdict = privacy_verdict(report)
    assert (verdict.level, verdict.word) == ("poor", "knows many rows")
