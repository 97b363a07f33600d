"""Columns that name persons are named loudly, and the way out that is told holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def log(tmp_path, monkeypatch) -> pd.DataFrame:
    """300 visits of 60 people, in ``log.csv`` of the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    who = rng.integers(0, 60, 300)
    table = pd.DataFrame(
        {
            "email": [f"p{i}@example.org" for i in who],
            "name": [f"{('Anna', 'Ben', 'Eve')[i % 3]} {('Meyer', 'Li')[i % 2]}" for i in who],
            "ip": [f"10.0.{i}.{i * 4 % 250}" for i in who],
            "user_id": who,
            "device": rng.choice(["ios", "web"], 300),
            "clicked": rng.integers(0, 2, 300),
        }
    )
    table.to_csv("log.csv", index=False)
    return table


def lines_about_persons(text: str) -> list[str]:
    return [line for line in text.splitlines() if "PERSONAL DATA" in line or "real values of persons" in line]


def test_schema_marks_the_columns_and_says_it(run_tabllm, log):
    done = run_tabllm("schema", "log.csv", "-o", "schema.json")
    (line,) = lines_about_persons(done.err)
    assert "email (e-mail), name (person name), ip (IP address) and user_id (device or user id) are made up" in line
    assert "IP address" in done.out
    columns = json.loads(Path("schema.json").read_text())["columns"]
    marks = {column["name"]: column.get("personal") for column in columns}
    assert marks == {
        "email": "e-mail",
        "name": "person name",
        "ip": "IP address",
        "user_id": "device or user id",
        "device": None,
        "clicked": None,
    }


@pytest.mark.parametrize("model", ["tvae", "nano"])
def test_surrogates_come_back_together_as_often_and_no_real_value_is_left(run_tabllm, log, model):
    done = run_tabllm("fit", "log.csv", "--steps", "2", "--device", "cpu", "-m", model, "-o", "run")
    assert len(lines_about_persons(done.err)) == 1
    assert run_tabllm("sample", "run", "-n", "300", "-o", "made.csv").code == 0
    made = pd.read_csv("made.csv")
    for name in ("email", "name", "ip", "user_id"):
        assert not set(made[name].astype(str)) & set(log[name].astype(str))
        often, real = (np.sort(t[name].value_counts().to_numpy()) for t in (made, log))
        assert np.abs(often - real).sum() < 0.05 * len(log)
    assert made.groupby("user_id")[["email", "ip", "name"]].nunique().max().max() == 1
    held = b"".join(path.read_bytes() for path in Path("run").glob("*") if path.is_file())
    assert not [value for name in ("email", "name", "ip") for value in set(log[name]) if value.encode() in held]
    assert run_tabllm("eval", "log.csv", "made.csv", "--json", "report.json").code == 0
    identifying = json.loads(Path("report.json").read_text())["privacy"]["identifying"]
    assert identifying["synthetic_percent"] == 0


def test_real_values_are_kept_where_that_is_asked_and_warned_of(run_tabllm, log):
    small = ["--steps", "2", "--device", "cpu", "-m", "tvae"]
    done = run_tabllm("fit", "log.csv", *small, "-o", "loud", "--kind", "email=categorical", "--drop", "ip")
    assert [line[:8] for line in lines_about_persons(done.err)] == ["WARNING:", "PERSONAL"]
    assert "REAL VALUES OF PERSONS" in Path("loud/README.md").read_text()
    columns = {c["name"]: c["kind"] for c in json.loads(Path("loud/schema.json").read_text())["columns"]}
    assert columns["email"] == "categorical"
    assert "ip" not in columns


def test_a_table_without_persons_is_met_with_silence(run_tabllm, visits):
    done = run_tabllm("fit", visits, "-m", "tvae", "--steps", "2", "--device", "cpu")
    assert done.code == 0
    assert "persons" not in done.err
