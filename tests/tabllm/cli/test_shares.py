"""``tabllm sample --balance`` and ``--fair``: shares that are set, in every format, and usage errors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tabular.io.reading import read_table
from tabular.sampling import strata


@pytest.mark.parametrize("name", ["s.csv", "s.parquet", "s.jsonl.gz"])
def test_balanced_rows_in_every_format(run, run_tabllm, name):
    done = run_tabllm("sample", run, "-n", 120, "--balance", "device,clicked", "-o", name)
    assert done.code == 0, done.err
    assert read_table(name).groupby(["device", "clicked"]).size().tolist() == [20] * 6
    assert "6 combinations of device, clicked occur in 2,000 rows generated to count them" in done.err
    assert "Wrote 120 rows" in done.err


def test_fair_rows_have_the_same_rate_in_every_group(run, run_tabllm):
    done = run_tabllm("sample", run, "-n", 3000, "--fair", "clicked | device", "-o", "s.csv")
    assert done.code == 0, done.err
    made = pd.read_csv("s.csv")
    rates = made.groupby("device")["clicked"].mean()
    assert rates.max() - rates.min() < 0.002
    assert 0.05 < rates.mean() < 0.2


def test_conditions_hold_besides(run, run_tabllm):
    done = run_tabllm("sample", run, "-n", 90, "--balance", "device", "-w", "clicked=1", "-w", "age>=30", "-o", "s.csv")
    assert done.code == 0, done.err
    made = pd.read_csv("s.csv")
    assert made["device"].value_counts().tolist() == [30, 30, 30]
    assert set(made["clicked"]) == {1}
    assert made["age"].min() >= 30


def test_the_same_seed_gives_the_same_file(run, run_tabllm):
    for name, seed in (("a.csv", 5), ("b.csv", 5), ("c.csv", 6)):
        assert run_tabllm("sample", run, "--balance", "clicked", "--seed", seed, "-o", name).code == 0
    a, b, c = (Path(f"{name}.csv").read_text() for name in "abc")
    assert a == b
    assert a != c


def test_an_interrupted_sample_goes_on(run, run_tabllm, toy, monkeypatch):
    monkeypatch.setattr(strata, "PART_ROWS", 60)
    command = ("sample", run, "-n", 200, "--balance", "clicked")
    assert run_tabllm(*command, "-o", "whole.csv").code == 0
    drawn, sample = [], toy.sample_batches

    def broken(self, n, **options):
        drawn.append(n)
        if len(drawn) == 6:  # the probe, two parts of two strata each, and then
            raise KeyboardInterrupt
        return sample(self, n, **options)

    with monkeypatch.context() as patched:
        patched.setattr(toy, "sample_batches", broken)
        done = run_tabllm(*command, "-o", "s.csv")
    assert done.code == 130
    assert "s.csv.partial/ holds 120 rows" in done.err
    done = run_tabllm(*command, "-o", "s.csv")
    assert "Going on after 120 rows" in done.err
    assert Path("s.csv").read_text() == Path("whole.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--balance", "colour"], "no column 'colour'"),
        (["--balance", "age"], "--kind age=categorical"),
        (["--balance", "device,clicked", "-n", "5"], "at least 6"),
        (["--fair", "clicked"], "--fair 'income|sex'"),
        (["--fair", "clicked|"], "--fair 'income|sex'"),
        (["--fair", "clicked|device,clicked"], "named twice"),
        (["--fair", "spend|device"], "spend"),
        (["--fair", "clicked|device", "--balance", "device"], "contradict"),
    ],
)
def test_what_cannot_be_meant_is_refused(run, run_tabllm, arguments, words):
    done = run_tabllm("sample", run, "-o", "s.csv", *arguments)
    assert done.code == 2
    assert words in done.message
    assert not Path("s.csv").exists()
