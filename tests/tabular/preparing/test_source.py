"""What a run keeps of its file: enough to find the held-out rows again, and no row."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from tabular.errors import RunError, TableError, UsageError
from tabular.preparing.source import find_rows, read_source, source_of


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"a": range(50), "b": [f"v{i % 3}" for i in range(50)]})
    table.to_csv("t.csv", index=False)
    return table


def write_run(source, folder="run"):
    from pathlib import Path

    Path(folder).mkdir(parents=True)
    (Path(folder) / "config.json").write_text(json.dumps({"model": "x", "source": source}))


@pytest.mark.parametrize(("holdout", "count"), [(0.2, 10), (7, 7), (0.001, 1), (0, 0)])
def test_learned_and_held_out_rows_are_the_whole_table(table, holdout, count):
    learned, held = source_of("t.csv", table, "run", holdout=holdout, seed=3).split(table)
    assert (0 if held is None else len(held)) == count
    both = pd.concat([learned] if held is None else [learned, held]).sort_values("a", ignore_index=True)
    pd.testing.assert_frame_equal(both, table)


def test_rows_are_found_again_also_where_only_some_were_learned(table):
    source = source_of("t.csv", table, "runs/run", holdout=0.2, learned_rows=20, seed=1)
    write_run(source.__dict__, "runs/run")
    learned, held = find_rows("runs/run")
    assert (len(learned), len(held)) == (20, 10)
    assert not set(learned["a"]) & set(held["a"])
    pd.testing.assert_frame_equal(learned, source.split(table)[0])
    assert source.learned_positions(table).tolist() == learned["a"].tolist()


def test_whole_people_are_held_back_and_found_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"user_id": [f"u{i % 60}" for i in range(300)], "spend": range(300)})
    table.to_csv("t.csv", index=False)
    source = source_of("t.csv", table, "run", holdout=0.2, seed=1)
    assert source.people == ("user_id",)
    write_run(json.loads(json.dumps(source.__dict__)))
    learned, held = find_rows("run")
    assert len(held) == 60
    assert set(learned["user_id"]).isdisjoint(held["user_id"])
    # An older run drew rows, and is judged by those.
    write_run({name: value for name, value in source.__dict__.items() if name != "people"}, "old")
    assert set(find_rows("old")[0]["user_id"]) & set(find_rows("old")[1]["user_id"])
    write_run({**source.__dict__, "people": ["lost"]}, "damaged")
    with pytest.raises(RunError, match="no column 'lost'"):
        find_rows("damaged")


def test_a_file_that_moved_or_changed_is_told_of_with_the_way_out(table, tmp_path):
    source = source_of("t.csv", table, "run", holdout=5)
    write_run(source.__dict__)
    moved = (tmp_path / "t.csv").rename(tmp_path / "moved.csv")
    with pytest.raises(UsageError, match=r"t\.csv.*--data FILE"):
        find_rows("run")
    assert len(find_rows("run", moved)[1]) == 5
    moved.write_text(moved.read_text() + "50,v1\n")
    with pytest.raises(TableError, match=r"moved\.csv is not as it was.*--data FILE"):
        find_rows("run", moved)


def test_a_run_without_source_needs_the_file_named(table):
    write_run(None)
    assert read_source("run") is None
    with pytest.raises(UsageError, match="--data FILE"):
        find_rows("run")
    assert len(find_rows("run", "t.csv")[0]) == 50


def test_too_large_a_holdout_is_refused(table):
    with pytest.raises(UsageError, match="49 of the 50 rows"):
        source_of("t.csv", table, "run", holdout=49)


@pytest.mark.parametrize(
    "damage", [{"rows": "many"}, {"holdout_rows": 99}, {"file": 3}, {"colour": 1}, {"people": [3]}]
)
def test_a_damaged_source_is_no_crash(table, damage):
    write_run({**replace(source_of("t.csv", table, "run", holdout=5)).__dict__, **damage})
    with pytest.raises(RunError, match="damaged"):
        find_rows("run")
