"""A report in a notebook: short, a table, a DataFrame, one way to keep it; and tables of any library."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import eval as evaluation
from eval import compare, compare_several
from tabular.errors import UsageError


@pytest.fixture
def both(people):
    return people(60, 0), people(60, 1)


@pytest.fixture
def report(both):
    return compare(*both, target="clicked")


def test_a_report_is_short_and_shows_its_verdicts(report):
    assert repr(report).startswith("<Report: 60 synthetic beside 60 real rows; Columns ")
    shown = report._repr_html_()
    assert all(verdict in shown for verdict in report.to_frame()["word"])


def test_a_report_is_ok_where_nothing_is_poor(report, people):
    assert report.ok == ("poor" not in set(report.to_frame()["level"]))
    shuffled = people(60, 1).assign(income=-1.0)
    assert not compare(people(60, 0), shuffled).ok


def test_a_report_is_kept_by_the_ending_of_its_file(report, tmp_path):
    report.save(tmp_path / "r.html")
    report.save(tmp_path / "r.json")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report.to_dict()))
    with pytest.raises(UsageError, match=r"\.html.*\.json"):
        report.save(tmp_path / "r.pdf")


def test_several_reports_do_the_same_together(both, people, tmp_path):
    real, synthetic = both
    several = compare_several(real, {"a": synthetic, "b": people(60, 2)})
    assert set(several.to_frame()["table"]) == {"a", "b"}
    assert repr(several).count("\n") == 1
    assert "b" in several._repr_html_()
    several.save(tmp_path / "r.json")
    assert set(json.loads((tmp_path / "r.json").read_text())["reports"]) == {"a", "b"}
    several.save(tmp_path / "r.html")


def test_arrow_tables_are_compared(both):
    real, synthetic = (pa.Table.from_pandas(table, preserve_index=False) for table in both)
    assert compare(real, synthetic, target="clicked").to_frame().equals(compare(*both, target="clicked").to_frame())


def test_the_package_shows_its_names():
    assert {"compare", "compare_several", "write_html"} <= set(dir(evaluation))


def test_labels_that_are_numbers_are_named_as_they_are(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    real, made = (people(200, seed) for seed in (0, 1))
    labels = list(real.columns)
    report = compare(
        real.set_axis(range(len(labels)), axis=1),
        made.set_axis(range(len(labels)), axis=1),
        target=labels.index("clicked"),
        protect=[labels.index("device")],
        threads=1,
    )
    assert report.target == str(labels.index("clicked"))
    assert [column.name for column in report.bias.columns] == [str(labels.index("device"))]
