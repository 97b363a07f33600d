"""What stands on standard output and what on standard error; help, version, completion."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import tabllm
from tabllm.cli.main import SECTIONS

COMMANDS = [name for section in SECTIONS.values() for name in section]


@pytest.fixture
def json_commands(run, visits, run_tabllm):
    assert run_tabllm("sample", run, "-o", "synthetic.csv").code == 0
    return {
        "schema": ("schema", visits),
        "info": ("info", run),
        "doctor": ("doctor",),
        "eval": ("eval", visits, "synthetic.csv", "--target", "clicked"),
    }


@pytest.mark.parametrize("command", ["schema", "info", "doctor", "eval"])
def test_json_on_standard_output_is_all_there_is(json_commands, command, run_tabllm):
    done = run_tabllm(*json_commands[command], "--json", "-")
    assert done.code == 0
    assert isinstance(json.loads(done.out), dict)


@pytest.mark.parametrize("command", ["schema", "info", "doctor"])
def test_json_in_a_file_goes_with_the_drawing_unless_quiet(json_commands, command, run_tabllm):
    assert run_tabllm(*json_commands[command], "--json", "facts.json").out != ""
    assert isinstance(json.loads(Path("facts.json").read_text()), dict)
    quiet = run_tabllm("--quiet", *json_commands[command], "--json", "facts.json")
    assert (quiet.out, quiet.err) == ("", "")


def test_quiet_work_says_nothing(visits, toy, run_tabllm):
    done = run_tabllm("--quiet", "fit", visits, "-m", "toy")
    assert (done.code, done.out, done.err) == (0, "", "")
    done = run_tabllm("--quiet", "sample", "visits-run", "-o", "s.csv")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_quiet_may_stand_behind_the_command(run, run_tabllm):
    done = run_tabllm("sample", run, "-n", 2, "-o", "s.csv", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_quiet_still_says_what_went_wrong(run_tabllm):
    assert "nope.csv" in run_tabllm("--quiet", "fit", "nope.csv").message


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(command, run_tabllm):
    # A group has no examples of its own; its commands have.
    for words in (
        [("models", name) for name in ("list", "pull", "info", "quantize")] if command == "models" else [(command,)]
    ):
        done = run_tabllm(*words, "--help")
        assert done.code == 0
        shown = " ".join(words)
        assert f"$ tabllm {shown}" in done.out or f"$ tabllm --quiet {shown}" in done.out
        assert max(map(len, done.out.splitlines())) <= 110


def test_the_help_lists_every_command(run_tabllm):
    done = run_tabllm("--help")
    assert done.code == 0
    assert all(f"  {command} " in done.out for command in COMMANDS)


def test_version(run_tabllm):
    assert run_tabllm("--version").out == f"tabllm {tabllm.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_and_where_to_put_it(shell, run_tabllm):
    done = run_tabllm("completion", shell)
    assert done.code == 0
    assert "_TABLLM_COMPLETE" in done.out
    assert "To install" in done.out


def test_tab_completes_commands_options_and_models(run_tabllm, toy, monkeypatch):
    monkeypatch.setenv("_TABLLM_COMPLETE", "bash_complete")
    for words, expected in (("tabllm sam", "sample"), ("tabllm fit --ep", "--epochs"), ("tabllm fit -m na", "nano")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert expected in run_tabllm().out


class TestClosedStreams:
    """``>&-``: the caller has closed a standard stream before we began."""

    def run(self, closed: str, *arguments: str) -> subprocess.CompletedProcess:
        command = shlex.join([sys.executable, "-m", "tabllm", *arguments])
        return subprocess.run(f"{command} {closed}", shell=True, capture_output=True, text=True, check=False)

    @pytest.mark.parametrize(
        "arguments",
        [("schema", "visits.csv"), ("schema", "visits.csv", "--json", "-"), ("simulate-ads", "50", "-o", "-")],
    )
    def test_results_without_standard_output_are_refused_in_one_sentence(self, visits, arguments):
        done = self.run(">&-", *arguments)
        assert done.returncode == 1
        assert re.fullmatch(r"Error: Standard output is closed[^\n]*\n", done.stderr)

    def test_a_file_does_not_take_the_number_of_standard_output(self, visits):
        done = self.run("<&- >&-", "simulate-ads", "50", "-o", "ads.csv")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert len(Path("ads.csv").read_text().splitlines()) == 51

    def test_an_error_without_standard_error_has_its_exit_code(self, visits):
        assert self.run("2>&-", "schema", "nothing.csv").returncode == 2
        assert self.run(">&- 2>&-", "schema", "visits.csv").returncode == 1
