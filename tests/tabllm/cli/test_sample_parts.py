"""``tabllm sample`` into a folder of parts."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest

from tabllm.cli.options import AtLeast


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    from tabular.registry import create

    folder = tmp_path_factory.mktemp("parts") / "run"
    table = pd.DataFrame({"device": ["ios", "web"] * 30, "clicked": [0, 1] * 30})
    create("nano", steps=1, device="cpu", engine="torch").fit(table).save(folder)
    return folder


def test_a_folder_gets_parts_and_a_second_call_makes_none(small_run, run_tabllm, tmp_path):
    out = f"{tmp_path}/rows/"
    first = run_tabllm("sample", small_run, "-n", "2e2", "-o", out, "-w", "clicked=1")
    assert first.code == 0, first.err
    assert f"Wrote 200 rows in 1 part to {out}" in first.err
    rows = pd.read_parquet(out)
    assert len(rows) == 200
    assert set(rows["clicked"]) == {1}
    second = run_tabllm("sample", small_run, "-n", 200, "-o", out[:-1], "-w", "clicked=1")
    assert second.code == 0
    assert "holds all 200 rows in 1 part already" in second.err
    other = run_tabllm("sample", small_run, "-n", 200, "-o", out)
    assert other.code == 1
    assert "holds parts of another command (where ['clicked=1'], not None)" in other.message
    assert run_tabllm("sample", small_run, "-n", 200, "-o", out, "--force").code == 0
    assert json.loads((tmp_path / "rows/_manifest.json").read_text())["whole"] is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "rows/", "--balance", "device"], "--balance does not go with a folder of parts"),
        (["-o", "rows.csv", "--workers", "2"], "--workers is about the workers of a cluster"),
        (["-o", "rows.csv", "--address", "auto"], "--address is about the workers of a cluster"),
        (["-o", "nowhere://rows"], "There is no file system for nowhere://rows"),
    ],
)
def test_what_does_not_go_together_is_refused(small_run, run_tabllm, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    refused = run_tabllm("sample", small_run, *options)
    assert refused.code == 2
    assert said in refused.message
    assert not list(tmp_path.iterdir())


def test_a_cluster_is_refused_without_ray_and_for_one_file(small_run, run_tabllm, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    without = run_tabllm("sample", small_run, "-o", f"{tmp_path}/rows/", "--cluster", "ray")
    assert without.code == 2
    assert "pip install 'ray" in without.message
    monkeypatch.setattr("importlib.util.find_spec", lambda name: sys)
    one = run_tabllm("sample", small_run, "-o", f"{tmp_path}/rows.csv", "--cluster", "ray")
    assert one.code == 2
    assert "writes a folder of Parquet parts" in one.message


@pytest.mark.parametrize(("text", "number"), [("1e9", 10**9), ("2.5E6", 2_500_000), ("1,000", 1000), ("3e+2", 300)])
def test_a_number_of_rows_may_be_a_power_of_ten(text, number):
    assert AtLeast(1).convert(text, None, None) == number


@pytest.mark.parametrize("text", ["1.25e1", "1e", "e5", "1e99", "1e999", "0e5", "inf"])
def test_what_is_no_whole_number_is_refused(text):
    import click

    with pytest.raises(click.BadParameter):
        AtLeast(1).convert(text, None, None)
