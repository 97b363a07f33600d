"""The whole report: what is refused at the door, and what must not make it stumble."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from eval import Report, compare
from tabular.errors import RunError, TableError, UsageError
from tabular.progress import Reporter


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 10)


def assert_is_json(report):
    """The report survives a strict JSON reader and comes back equal."""
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert Report.from_dict(json.loads(text)) == report


def test_a_whole_report(people, tmp_path):
    report = compare(people(400, 0), people(300, 1), holdout=people(200, 2), target="clicked", threads=1)
    assert (report.rows.real, report.rows.synthetic, report.rows.holdout) == (400, 300, 200)
    assert report.target == report.utility.target == "clicked"
    parts = {"read", "fidelity", "trends", "margins", "metrics", "detection", "utility", "bias", "privacy"}
    assert set(report.seconds) == parts
    assert report.fidelity.shape_floor_percent is not None
    assert_is_json(report)
    report.to_json(tmp_path / "report.json")
    assert Report.from_dict(json.loads((tmp_path / "report.json").read_text("utf-8"))) == report


def test_the_seed_decides_everything_but_the_time(people):
    def figures():
        return {**compare(people(200, 0), people(200, 1), seed=5, threads=1).to_dict(), "seconds": None}

    assert figures() == figures()


def test_a_guessed_target_is_said(people):
    report = compare(people(100, 0), people(100, 1), threads=1)
    assert report.target == "clicked"
    assert "The target was guessed: 'clicked'." in report.notes


def test_no_target_in_sight_leaves_utility_open(people):
    columns = ["device", "age", "income"]
    report = compare(people(100, 0)[columns], people(100, 1)[columns], threads=1)
    assert report.utility is None
    assert report.target is None


def test_missing_and_extra_columns_are_named(people):
    synthetic = people(50, 1).rename(columns={"age": "years"})
    with pytest.raises(TableError, match=r"synthetic.*lacks 'age'.*besides 'years'"):
        compare(people(50, 0), synthetic)


def test_columns_may_come_in_any_order(people):
    real, synthetic = people(60, 0), people(60, 1)
    assert (
        compare(real, synthetic[synthetic.columns[::-1]], threads=1).fidelity
        == compare(real, synthetic, threads=1).fidelity
    )


def test_too_few_rows_are_refused(people):
    with pytest.raises(TableError, match="synthetic table has 5 rows"):
        compare(people(50, 0), people(5, 1))
    with pytest.raises(TableError, match="empty"):
        compare(people(50, 0).head(0), people(50, 1))


def test_an_unknown_target_is_refused(people):
    with pytest.raises(UsageError, match="'nope'"):
        compare(people(50, 0), people(50, 1), target="nope")


def test_a_holdout_that_is_none_is_called_out(people):
    real = people(100, 0)
    report = compare(real, people(100, 1), holdout=real.head(50), threads=1)
    assert any("100 % of the holdout rows" in note for note in report.notes)
    assert not any("of the holdout rows" in n for n in compare(real, real, holdout=people(50, 2), threads=1).notes)


def test_repeated_column_names_are_refused(people):
    with pytest.raises(TableError, match="'age'"):
        compare(people(50, 0).rename(columns={"income": "age"}), people(50, 1))


def test_every_part_is_reported_as_progress(people):
    class Counter(Reporter):
        done = 0

        def task(self, label, total, unit):
            from contextlib import contextmanager

            @contextmanager
            def run():
                yield self

            self.total = total
            return run()

        def advance(self, amount=1, text=""):
            self.done += amount

    counter = Counter()
    compare(people(50, 0), people(50, 1), threads=1, progress=counter)
    assert counter.done == counter.total


def awkward():
    """Every odd column at once, 40 rows."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": rng.normal(size=40),
            "with_gaps": np.where(np.arange(40) % 3 == 0, np.nan, np.arange(40) % 5),
            "constant": 7,
            "empty": np.nan,
            "empty_text": pd.Series([None] * 40, dtype=object),
            "category": rng.choice(["a", "b"], 40),
            "when": pd.date_range("2024-01-01", periods=40, freq="7h"),
            "flag": rng.random(40) < 0.5,
            "id": [f"U{i:06d}" for i in range(40)],
            "remark": [
                f"row {i} of the table says {['yes', 'no', 'maybe'][i % 3]} in {i * 7} words" for i in range(40)
            ],
            "[bold]brackets[/]": rng.choice(["[red]", "[/]"], 40),
        }
    )


@pytest.mark.parametrize("holdout", [False, True])
def test_awkward_tables_are_survived(holdout):
    table = awkward()
    synthetic = table.sample(frac=1, random_state=0)
    report = compare(table, synthetic, holdout=table.copy() if holdout else None, target="flag", threads=1)
    assert report.fidelity.shape_error_percent == 0
    assert report.trends.error_percent == pytest.approx(0, abs=1e-9)
    assert any("left out" in note for note in report.notes)
    assert any("Wholly missing" in note for note in report.notes)
    assert_is_json(report)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"number": np.nan}, id="all missing"),
        pytest.param({"number": np.inf}, id="infinite"),
        pytest.param({"number": 1e300}, id="beyond squares"),
        pytest.param({"number": 1e-300}, id="tiny"),
        pytest.param({"category": "unheard of"}, id="unseen category"),
        pytest.param({"constant": 8}, id="another constant"),
        pytest.param({"empty": 1.0}, id="filled"),
        pytest.param({"when": pd.NaT}, id="no instants"),
        pytest.param({"flag": True}, id="one class"),
        pytest.param({"number": 0.0, "with_gaps": 0.0, "category": "a"}, id="collapsed"),
    ],
)
@pytest.mark.parametrize("target", ["flag", "number", "category"])
def test_broken_synthetic_tables_are_survived(change, target):
    table = awkward()
    report = compare(table, table.assign(**change), holdout=table, target=target, threads=1)
    assert report.fidelity.shape_error_percent is not None
    assert_is_json(report)


@pytest.mark.parametrize("name", ["constant", "empty"])
def test_a_target_without_two_values_leaves_utility_open(name):
    assert compare(awkward(), awkward(), target=name, threads=1).utility is None


def test_twenty_rows_of_one_column():
    table = pd.DataFrame({"x": np.arange(20) + 0.5})
    report = compare(table, table, holdout=table, target="x", threads=1)
    assert report.utility is None
    assert report.trends.error_percent is None
    assert_is_json(report)


def test_a_table_of_nothing_but_gaps():
    table = pd.DataFrame({"a": [None] * 20, "b": [np.nan] * 20})
    report = compare(table, table, holdout=table, threads=1)
    assert report.fidelity.shape_error_percent is None
    assert_is_json(report)


def test_a_table_that_only_has_identifiers_and_text():
    report = compare(awkward()[["id", "remark"]], awkward()[["id", "remark"]], holdout=awkward()[["id", "remark"]])
    assert report.detection is None
    assert report.fidelity.shape_error_percent is None
    assert_is_json(report)


def test_a_report_of_a_newer_version_or_of_something_else_is_refused():
    with pytest.raises(RunError, match="newer"):
        Report.from_dict({"version": 99, "fidelity": {}})
    with pytest.raises(RunError, match="not a report"):
        Report.from_dict({"hello": 1}, origin="x.json")
    with pytest.raises(RunError, match="whole"):
        Report.from_dict({"fidelity": {}})


def test_importing_eval_loads_nothing_heavy():
    code = (
        "import sys, eval; print([m for m in ('pandas', 'xgboost', 'sklearn', 'torch', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
