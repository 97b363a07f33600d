"""``--faker LOCALE``: made-up persons of a country, in the schema, the run and the rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm import pipeline
from tabular.personal.faker_words import faker_words

pytest.importorskip("faker", reason="faker is not installed here")


@pytest.fixture
def people(tmp_path, monkeypatch) -> pd.DataFrame:
    """90 orders of 30 people, in ``people.csv`` of the working directory."""
    monkeypatch.chdir(tmp_path)
    who = np.random.default_rng(0).permutation(np.repeat(np.arange(30), 3))
    names = [f"{('Anna', 'Peter', 'Laura')[i % 3]} Mey{'bcdefghijk'[i // 3]}r" for i in who]
    table = pd.DataFrame({"name": names, "amount": who * 1.5})
    table.to_csv("people.csv", index=False)
    return table


def test_a_fit_by_a_schema_of_faker_needs_it_no_more(run_tabllm, people, monkeypatch):
    assert run_tabllm("schema", "people.csv", "--faker", "de_DE", "-o", "schema.json").code == 0
    assert dict(json.loads(Path("schema.json").read_text())["columns"][0]["words"]).keys() == {"family", "given"}
    known = {"given": set(faker_words("de_DE", "given")), "family": set(faker_words("de_DE", "family"))}
    tiny = ["-m", "tvae", "--steps", "2", "--device", "cpu"]
    assert run_tabllm("fit", "people.csv", *tiny, "--faker", "de_DE", "-o", "direct").code == 0
    monkeypatch.setitem(sys.modules, "faker", None)
    assert run_tabllm("fit", "people.csv", *tiny, "--schema", "schema.json", "-o", "by-file").code == 0
    made = {}
    for run in ("direct", "by-file"):
        assert run_tabllm("sample", run, "-n", "90", "--seed", "5", "-o", f"{run}.csv").code == 0
        made[run] = pd.read_csv(f"{run}.csv")
        given, family = zip(*made[run]["name"].str.split(" "), strict=True)
        assert set(given) <= known["given"]
        assert set(family) <= known["family"]
        assert made[run]["name"].value_counts().tolist() == people["name"].value_counts().tolist()
    pd.testing.assert_frame_equal(made["direct"], made["by-file"])
    held = b"".join(path.read_bytes() for path in Path("direct").iterdir() if path.is_file())
    assert not [value for value in set(people["name"]) if value.encode() in held]
    assert "the words they are made of" in Path("direct/README.md").read_text()


@pytest.mark.parametrize("command", ["fit", "make", "schema"])
def test_a_locale_that_is_none_is_a_usage_error_with_near_ones(run_tabllm, people, command):
    done = run_tabllm(command, "people.csv", "--faker", "de_XX")
    assert done.code == 2
    assert "de_DE" in done.message


def test_a_missing_package_is_one_sentence(run_tabllm, people, monkeypatch):
    monkeypatch.setitem(sys.modules, "faker", None)
    monkeypatch.setitem(sys.modules, "faker.config", None)
    done = run_tabllm("fit", "people.csv", "--faker", "de_DE")
    assert done.code == 2
    assert "pip install faker" in done.message


def test_a_schema_file_and_faker_contradict_each_other(run_tabllm, people):
    done = run_tabllm("fit", "people.csv", "--faker", "de_DE", "--schema", "schema.json")
    assert done.code == 2
    assert "tabllm schema DATA --faker de_DE" in done.message


def test_make_passes_the_locale_on(run_tabllm, people, monkeypatch):
    asked = []

    def take(order, *_, **__):
        asked.append(order.faker)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "make_table", take)
    run_tabllm("make", "people.csv", "--faker", "en_US")
    assert asked == ["en_US"]
