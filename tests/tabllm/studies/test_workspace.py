"""A workspace that is killed, damaged, or asked for something else: never one thing's fingerprint on another's work."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from tabllm.studies.workspace import Workspace, fingerprint, folder_of
from tabular import registry
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter


class Listening(Reporter):
    def __init__(self) -> None:
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    registry.register("toy", "toy:Toy")
    from toy import Toy

    monkeypatch.setattr(Toy, "trouble", {})
    return Toy


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"device": ["ios", "web"] * 20, "spend": range(40)})


def rows_of(table, folder, *, seed=0, rows=30, reporter=None):
    work = Workspace(folder, reporter or Reporter())
    return work.synthetic(
        "toy",
        table,
        infer_schema(table),
        {"seed": seed},
        asked=[rows, seed],
        sample=lambda learned: learned.sample(rows, seed=seed),
    )


@pytest.mark.parametrize("moment", range(8))
def test_a_kill_before_any_rename_under_other_settings_poisons_neither(toy, table, tmp_path, monkeypatch, moment):
    first = rows_of(table, tmp_path / "work")
    other = rows_of(table, tmp_path / "uninterrupted", seed=1, rows=20)
    renames, rename = [], os.replace

    def killed_at(*paths):
        renames.append(paths)
        if len(renames) == moment + 1:
            raise SystemExit("killed")
        rename(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed_at)
        try:
            rows_of(table, tmp_path / "work", seed=1, rows=20)
        except SystemExit:
            pass
        else:
            assert len(renames) <= moment
    for _ in range(2):
        pd.testing.assert_frame_equal(rows_of(table, tmp_path / "work").table, first.table)
        pd.testing.assert_frame_equal(rows_of(table, tmp_path / "work", seed=1, rows=20).table, other.table)


def test_what_is_there_is_neither_fitted_nor_sampled_again(toy, table, tmp_path):
    first = rows_of(table, tmp_path)
    toy.trouble["fit"] = AssertionError("fitted again")
    assert rows_of(table, tmp_path, rows=20).table.equals(first.table[:20])  # the run is as it was
    toy.trouble["sample"] = AssertionError("sampled again")
    again = rows_of(table, tmp_path, rows=20)
    assert again.resumed
    assert again.fit_seconds == first.fit_seconds


@pytest.mark.parametrize("keep", [0, 4, 200, -1])
def test_half_a_file_beside_a_run_is_told_of_and_made_anew(toy, table, tmp_path, keep):
    first = rows_of(table, tmp_path)
    path = tmp_path / "synthetic.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    listening = Listening()
    again = rows_of(table, tmp_path, reporter=listening)
    assert not again.resumed
    assert listening.notes == [f"{path} is damaged; its rows are made anew."]
    pd.testing.assert_frame_equal(again.table, first.table)


def test_a_damaged_run_is_fitted_again(toy, table, tmp_path):
    first = rows_of(table, tmp_path)
    (tmp_path / "synthetic.parquet").unlink()
    (tmp_path / "run" / "table.parquet").write_bytes(b"PAR1")
    listening = Listening()
    again = rows_of(table, tmp_path, reporter=listening)
    pd.testing.assert_frame_equal(again.table, first.table)
    assert "cut short" in listening.notes[0]


def test_facts_are_of_their_fingerprint_alone(tmp_path):
    work = Workspace(tmp_path, listening := Listening())
    work.keep("a.json", "one", {"value": 3})
    assert work.facts("a.json", "one", lambda facts: facts["value"]) == 3
    assert work.facts("a.json", "two", lambda facts: facts["value"]) is None
    assert work.facts("b.json", "one", lambda facts: facts["value"]) is None
    assert listening.notes == []
    assert work.facts("a.json", "one", lambda facts: facts["other"]) is None
    assert listening.notes == [f"{tmp_path / 'a.json'} is damaged; it is made anew."]


def test_a_fingerprint_is_of_settings_and_rows(table):
    assert fingerprint([1], table) == fingerprint([1], table.copy())
    others = [fingerprint([2], table), fingerprint([1], table[::-1]), fingerprint([1], table, table), fingerprint([1])]
    assert len({fingerprint([1], table), *others}) == 5


def test_models_have_folders_of_their_own(tmp_path):
    assert folder_of(tmp_path, "org/name") == tmp_path / "org--name"
    assert folder_of(tmp_path, "./base") == tmp_path / "base"
