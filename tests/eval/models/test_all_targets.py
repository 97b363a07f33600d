"""Every column as target, on tables of which it is known what can be learned."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from eval import compare
from eval.models.all_targets import measure_all_targets
from eval.page.html import page
from eval.screen.report import render


def test_what_synthetic_rows_no_longer_teach_stands_first(people, tables):
    real, synthetic = people(600, 0), people(600, 1)
    synthetic["income"] = np.random.default_rng(0).permutation(synthetic["income"])
    found, notes = measure_all_targets(tables(real, synthetic, people(400, 2)), threads=1)
    by_name = {each.name: each for each in found.columns}
    assert found.columns[0].name in ("income", "age")  # each was predicted from the other
    assert by_name["income"].metric == "r2"
    assert by_name["income"].real > 0.8
    assert by_name["income"].kept < 0.3
    assert by_name["income"].kept_floor > 0.9
    assert by_name["clicked"].metric == "auc"
    assert by_name["clicked"].kept > 0.8
    assert found.kept_percent < found.floor_percent
    assert "loses most" in found.words
    assert (found.rows, found.test_rows, notes) == (600, 400, [])


def test_a_column_that_nothing_predicts_is_not_counted(tables):
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200), "c": rng.choice(list("xy"), 200)})
    found, _ = measure_all_targets(tables(noise.iloc[:100], noise.iloc[:100], noise.iloc[100:]), threads=1)
    assert found.predictable == sum(each.kept is not None for each in found.columns) < 3
    if not found.predictable:
        assert found.kept_percent is None


def test_many_categories_are_folded_and_gaps_left_out(tables):
    rng = np.random.default_rng(0)
    city = rng.integers(12, size=300)
    table = pd.DataFrame({"city": [f"city {i}" for i in city], "zone": city * 10.0, "flat": 1})
    table.loc[::7, "city"] = None
    found, _ = measure_all_targets(tables(table, table), threads=1)
    by_name = {each.name: each for each in found.columns}
    assert set(by_name) == {"city", "zone"}  # one value cannot be predicted
    assert by_name["city"].real == pytest.approx(by_name["city"].synthetic, abs=0.1)
    assert by_name["city"].real > 0.9


def test_a_report_has_it_where_asked_for_on_every_face(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    report = compare(people(200, 0), people(200, 1), holdout=people(100, 2), threads=1, all_targets=True)
    assert {each.name for each in report.all_targets.columns} == set(people(1, 0))
    again = type(report).from_dict(report.to_dict())
    assert again.all_targets == report.all_targets
    assert again.all_targets.words == report.all_targets.words
    console = Console(width=80, file=io.StringIO())
    render(report, console)
    for face in (page(report), console.file.getvalue()):
        assert "Every column as target" in face
        assert "of what real rows teach" in " ".join(face.split())
