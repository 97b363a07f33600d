"""Commands where something usual is missing: a home, a terminal, UTF-8, a clock that only goes forward."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tabllm.cli.session import Session
from tabular.errors import OutputError
from tabular.io.writing import TableWriter
from tabular.terminal import terminal

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def make_latin(monkeypatch):
    """Sets standard output as ``LC_ALL=de_DE.ISO-8859-1`` has it; called in a test, after pytest has set its own."""

    def made() -> io.TextIOWrapper:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="iso-8859-1")
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return made


def written(stream) -> bytes:
    stream.flush()
    return stream.buffer.getvalue()


def test_an_empty_environment_will_do(tmp_path):
    """No HOME, no TERM, no terminal, and LANG=C beside names that are not ASCII."""
    (tmp_path / "größe.csv").write_text("größe,stadt\n1,東京\n2,Köln\n3,Köln\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tabllm", "schema", "größe.csv", "--json", "-"],
        cwd=tmp_path,
        env={"LANG": "C", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert [column["name"] for column in json.loads(done.stdout)["columns"]] == ["größe", "stadt"]


def test_a_home_that_nobody_has_is_a_folder_that_is_not_there(visits, run_tabllm):
    outcome = run_tabllm("fit", visits, "-m", "~nobody-has-this-name/gpt2")
    assert outcome.code == 2
    assert outcome.message.startswith("Error: ~nobody-has-this-name/gpt2 is not there")


def test_a_terminal_shows_what_its_encoding_holds(make_latin):
    latin = make_latin()
    terminal().print("Köln 東京")
    assert written(latin) == "Köln ??\n".encode("iso-8859-1")


def test_json_is_ascii_where_standard_output_is_not_utf8(make_latin):
    latin = make_latin()
    Session().write_json({"stadt": "東京"}, "-")
    assert json.loads(written(latin)) == {"stadt": "東京"}


def test_rows_that_standard_output_cannot_hold_are_refused(make_latin):
    latin = make_latin()
    with TableWriter("-") as writer:
        writer.write(pd.DataFrame({"stadt": ["Köln"]}))
    assert written(latin) == "stadt\nKöln\n".encode("iso-8859-1")
    writer = TableWriter("-")
    with pytest.raises(OutputError, match=r"'東京' cannot be written in .*, the encoding of standard output"), writer:
        writer.write(pd.DataFrame({"stadt": ["東京"]}))


def test_a_clock_that_jumps_changes_no_rows(run, toy, run_tabllm, monkeypatch):
    """An hour back at each look, and files of the future: what is done is told by content and count, not by times."""
    assert run_tabllm("sample", run, "-n", "120", "-o", "whole.csv").code == 0
    now = iter(range(2_000_000_000, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    monkeypatch.setattr(time, "time_ns", lambda: next(now) * 10**9)
    toy.trouble["sample"] = KeyboardInterrupt()
    assert run_tabllm("sample", run, "-n", "120", "-o", "s.csv").code == 130
    del toy.trouble["sample"]
    for path in Path("s.csv.partial").iterdir():
        os.utime(path, (2_500_000_000, 2_500_000_000))
    outcome = run_tabllm("sample", run, "-n", "120", "-o", "s.csv")
    assert outcome.code == 0
    assert "Going on after 50 rows" in outcome.err
    assert Path("s.csv").read_bytes() == Path("whole.csv").read_bytes()
