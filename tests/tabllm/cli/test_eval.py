"""``tabllm eval`` with one table and with several, its page, and ``tabllm compare --html``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def made(visits, visits_table, monkeypatch):
    """Two synthetic tables of one name in two folders, and a holdout."""
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    for folder, seed in (("first", 1), ("second", 2)):
        Path(folder).mkdir()
        visits_table.sample(frac=1, replace=True, random_state=seed).to_csv(f"{folder}/made.csv", index=False)
    visits_table.sample(100, random_state=3).to_csv("held.csv", index=False)
    return ("eval", visits, "first/made.csv", "second/made.csv", "--holdout", "held.csv", "--target", "clicked")


def test_one_table_as_a_page(made, run_tabllm):
    done = run_tabllm(*made[:3], "--html", "report.html", "--json", "report.json")
    assert done.code == 0, done.err
    assert "Real against synthetic" in done.out
    assert json.loads(Path("report.json").read_text("utf-8"))["rows"]["real"] == 300
    text = Path("report.html").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "Synthetic table made beside the real one" in text


def test_several_tables_stand_side_by_side(made, run_tabllm):
    done = run_tabllm(*made, "--html", "report.html", "--json", "report.json")
    assert done.code == 0, done.err
    for word in ("side by side", "first/made", "second/made", "leak training rows", "Utility: predicting clicked"):
        assert word in done.out
    data = json.loads(Path("report.json").read_text("utf-8"))
    assert [report["name"] for report in data["reports"]] == ["first/made", "second/made"]
    assert all(report["utility"]["target"] == "clicked" for report in data["reports"])
    assert "second/made" in Path("report.html").read_text("utf-8")


def test_a_claim_of_differential_privacy_is_held_against_the_attack(made, run_tabllm):
    done = run_tabllm(*made[:3], *made[4:], "--protect", "device", "--claim", "1,1e-5", "--json", "report.json")
    assert done.code == 0, done.err
    claim = json.loads(Path("report.json").read_text("utf-8"))["privacy"]["claim"]
    assert (claim["epsilon"], claim["delta"]) == (1, 1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--claim", "1"), "1,1e-5"),
        (("--claim", "1,2"), "1,1e-5"),
        (("--protect", "colour"), "colour"),
    ],
)
def test_what_cannot_be_meant_is_refused(made, run_tabllm, options, words):
    done = run_tabllm(*made, *options)
    assert done.code == 2
    assert words in done.message


def test_json_of_several_on_standard_output_is_all_there_is(made, run_tabllm):
    assert len(json.loads(run_tabllm(*made, "--json", "-").out)["reports"]) == 2


@pytest.mark.parametrize("place", ["no/such/report.html", "first", "visits.csv/report.html"])
@pytest.mark.parametrize("command", ["eval", "compare"])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(made, toy, run_tabllm, monkeypatch, place, command):
    monkeypatch.setattr("tabular.io.reading.read_table", lambda *_, **__: pytest.fail("the work began"))
    arguments = made if command == "eval" else ("compare", "visits.csv", "--models", "toy")
    done = run_tabllm(*arguments, "--html", place)
    assert done.code == 1
    assert place.split("/")[0] in done.message


def test_an_old_page_is_replaced_whole_or_not_at_all(made, run_tabllm, monkeypatch):
    Path("report.html").write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    done = run_tabllm(*made[:3], "--quiet", "--html", "report.html")
    assert done.code == 1
    assert "full" in done.err
    assert Path("report.html").read_text() == "old"
    assert not [path for path in Path().iterdir() if path.name.endswith(".part")]


def test_a_page_may_go_to_a_device(made, run_tabllm):
    assert run_tabllm(*made[:3], "--html", "/dev/null").code == 0
    assert not Path("/dev/null").is_file()


def test_a_comparison_of_generators_as_a_page(visits, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    done = run_tabllm("compare", visits, "--models", "toy,filler", "--target", "clicked", "--html", "c.html")
    assert done.code == 0, done.err
    text = Path("c.html").read_text("utf-8")
    for word in ("2 synthetic tables", "fit, seconds", "rows per second", "filler"):
        assert word in text
