"""Names, values and messages of a stranger's file do nothing to the terminal that they are shown on."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular.progress import RichReporter
from tabular.terminal import escape, folded, json_safe, plain, terminal

#: Markup, a picture, a colour, a line, a column of 8-bit control sequences, text from right to left, half a pair.
HOSTILE = ["[/b]", "price [eur]", ":smile:", "\x1b[31mred", "two\nlines", "\x9b2Jgone", "a\u202egnp.exe", "bell\x07\r"]
#: What must never reach the terminal, line feeds apart.
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown_of(name: str) -> str:
    """How a name looks."""
    return name.encode("unicode_escape").decode() if OBEYED.search(name) or "\n" in name else name


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """``a [red].csv``, whose names and values are all hostile, and another one like it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    rng = np.random.default_rng(0)
    values = np.array(HOSTILE)
    for file in ("a [red].csv", "b[bold].csv"):
        table = pd.DataFrame({name: rng.choice(values, 80) for name in HOSTILE[:6]})
        for name in HOSTILE[6:]:
            table[name] = rng.normal(size=80).round(3)
        table.to_csv(file, index=False, lineterminator="\r\n")  # which quotes every carriage return
    return "a [red].csv"


def checked(told, *parts: str) -> str:
    assert told.code == 0, told.err
    for stream in (told.out, told.err):
        assert not OBEYED.search(stream), OBEYED.search(stream)
        assert "\N{SMILING FACE WITH OPEN MOUTH AND SMILING EYES}" not in stream
    for part in parts:
        assert part in told.out
    return told.out


def test_schema(hostile, run_tabllm):
    out = checked(run_tabllm("schema", hostile), *map(shown_of, HOSTILE))
    assert r"two\nlines" in out


def test_json_on_the_terminal(hostile, run_tabllm):
    told = run_tabllm("schema", hostile, "--json", "-")
    checked(told)
    assert [column["name"] for column in json.loads(told.out)["columns"]] == HOSTILE


def test_eval_of_one_and_of_several_tables(hostile, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    options = ["--target", "[/b]", "--protect", ":smile:", "--holdout", hostile]
    checked(run_tabllm("eval", hostile, "b[bold].csv", *options, "--details"), *map(shown_of, HOSTILE[:4]))
    checked(run_tabllm("eval", hostile, hostile, "b[bold].csv", "--html", "r.html"), "a [red]", "b[bold]")
    assert not re.search("[\x1b\x80-\x9f\u202a-\u202e]", Path("r.html").read_text(encoding="utf-8"))


def test_fit_and_info(hostile, run_tabllm):
    checked(run_tabllm("fit", hostile, "-m", "tvae", "--epochs", "1", "-o", "run[x]\x1b"))
    checked(run_tabllm("info", "run[x]\x1b"), *map(shown_of, HOSTILE), r"run[x]\x1b")


def test_compare(hostile, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    told = run_tabllm("compare", hostile, "--models", "tvae", "--epochs", "1", "--target", "[/b]")
    checked(told)


@pytest.mark.parametrize("name", HOSTILE)
def test_errors(hostile, run_tabllm, name):
    for command in (
        ["schema", f"{name}.csv"],
        ["eval", hostile, hostile, "--target", name + "!"],
        ["sample", name],
        ["fit", hostile, "-m", name],
        [name],
        ["schema", f"--{name}"],
    ):
        told = run_tabllm(*command)
        assert told.code != 0
        assert not OBEYED.search(told.message)


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800", "\\", "a\\\\"])
def test_notes_are_shown_as_they_are(name):
    reporter, stream = RichReporter(), io.StringIO()
    reporter.console = terminal(file=stream, width=200)
    reporter.note(f"{name}: 3 rows")
    assert stream.getvalue() == f"{shown_of(name)}: 3 rows\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_so_are_labels_of_bars(name):
    reporter, stream = RichReporter(), io.StringIO()
    reporter.console = terminal(file=stream, width=200, force_terminal=True, color_system=None)
    with reporter.task(name, 10, "rows") as task:
        task.advance(5, f"{name}!")
    drawn = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", stream.getvalue())  # how rich moves the cursor
    assert shown_of(name) in drawn
    assert not OBEYED.search(drawn.replace("\r", ""))


def test_what_escapes_the_drawing_code_does_not_escape_the_console():
    stream = io.StringIO()
    terminal(file=stream).print("\x1b]0;title :smile:")
    assert stream.getvalue() == "\\x1b]0;title :smile:\n"


def test_words_of_every_script_stay():
    for text in ("Grüße", "日本語", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "👩‍💻", "a\\b [c]"):
        assert plain(text) == text
    assert plain("a\nb", lines=True) == "a\nb"
    assert escape("[b]") == r"\[b]"
    assert json.loads(json_safe('{"a": "\x7f\u202e"}')) == {"a": "\x7f\u202e"}


@pytest.mark.parametrize("width", [60, 80])
def test_a_line_about_the_work_is_folded_between_words_at_a_terminal_only(monkeypatch, width):
    line = "Wrote 8,000 simulated rows to visits.csv, 335 of them clicked; nothing in them was measured."
    assert folded(line) == line  # for a program
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = folded(line, indent=7).splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= width
    assert " ".join(part.strip() for part in lines) == line
