"""What a job depends on, and which rows each of its parts holds."""

from __future__ import annotations

import shutil

import pytest

from tabllm.cluster.cutting import sample_job
from tabllm.cluster.job import Job, run_fingerprint
from tabular.errors import ConditionError, UsageError


def test_parts_hold_all_rows_once():
    job = Job("sample", "a", 25, 10, 0)
    assert [job.span(part) for part in range(job.parts)] == [(0, 10), (10, 20), (20, 25)]
    assert [job.file(part) for part in (0, 999_999, 1_000_000)] == [
        "part-000000.parquet",
        "part-999999.parquet",
        "part-1000000.parquet",
    ]


def test_a_job_tells_in_what_another_differs():
    job = Job("sample", "a", 25, 10, 0, {"where": ["b=1"]})
    assert job.difference(job.to_dict()) is None
    assert job.difference({**job.to_dict(), "run": "b"}) == "another run"
    assert job.difference({**job.to_dict(), "rows": 3000}) == "-n 3,000, not 25"
    assert job.difference({**job.to_dict(), "seed": 1}) == "--seed 1, not 0"
    assert job.difference({**job.to_dict(), "settings": {}}) == "where None, not ['b=1']"


def test_a_copy_of_a_run_has_its_fingerprint_and_a_changed_one_has_not(small_run, tmp_path):
    copy = shutil.copytree(small_run, tmp_path / "copy")
    assert run_fingerprint(copy) == run_fingerprint(small_run)
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    assert run_fingerprint(copy) != run_fingerprint(small_run)


def test_what_cannot_be_cut_is_refused(small_run, loaded, toy, monkeypatch):
    with pytest.raises(ConditionError, match="colour"):
        sample_job(loaded, small_run, 10, settings={"where": ["colour=1"]})
    with pytest.raises(UsageError, match="cannot be made in parts of their own"):
        sample_job(toy(), small_run, 10, settings={})


def test_a_table_whose_rows_stand_in_order_is_refused(small_run, loaded, monkeypatch):
    from dataclasses import replace

    from tabular.rules import Rule

    schema = replace(loaded.schema, rules=(Rule("increasing(clicked)"),))
    monkeypatch.setattr(loaded, "schema_", schema)
    with pytest.raises(UsageError, match="in the order of 'clicked'"):
        sample_job(loaded, small_run, 10, settings={})
