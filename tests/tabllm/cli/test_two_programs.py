"""Two commands at once, and a command that a signal ends: nothing is mixed, replaced unasked or left half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tabllm.cli.signals import signals_as_interrupts
from tabular.storage.locking import claimed


@pytest.fixture
def waiting(toy):
    """``waiting("save", "fit", ...)``: a command in a process of its own that waits at that moment of the toy's."""
    from toy import tabllm_command

    children = []

    def start(moment, *arguments):
        child = subprocess.Popen(
            tabllm_command(*arguments), stderr=subprocess.PIPE, text=True, env={**os.environ, "TOY_WAITS_AT": moment}
        )
        children.append(child)
        while child.stderr.readline() != "waiting\n":
            assert child.poll() is None
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stderr.close()


def names():
    return sorted(entry.name for entry in Path().iterdir())


def test_two_samples_to_one_file_are_not_mixed(run, run_tabllm, waiting):
    run_tabllm("sample", run, "-n", "120", "-o", "whole.csv")
    first = waiting("sample", "sample", str(run), "-n", "120", "-o", "s.csv")
    for options in ((), ("--seed", "5"), ("--force",)):
        second = run_tabllm("sample", run, "-n", "120", "-o", "s.csv", *options)
        assert second.code == 1
        assert f"s.csv is being written by another tabllm (process {first.pid}, since" in second.message
    first.kill()
    first.wait()
    assert names() == [".s.csv.lock", "s.csv.partial", "visits-run", "visits.csv", "whole.csv"]
    done = run_tabllm("sample", run, "-n", "120", "-o", "s.csv")
    assert "Going on after 50 rows in s.csv.partial/." in done.err
    assert Path("s.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert names() == ["s.csv", "visits-run", "visits.csv", "whole.csv"]


def test_of_two_fits_to_one_run_the_second_is_refused_at_once(visits, toy, run_tabllm, waiting):
    first = waiting("fit", "fit", "visits.csv", "-m", "toy", "-o", "runs/new")
    second = run_tabllm("fit", visits, "-m", "toy", "-o", "runs/new", "--force")
    assert f"runs/new is being written by another tabllm (process {first.pid}" in second.message
    assert run_tabllm("fit", visits, "-m", "toy", "-o", "runs/other").code == 0


@pytest.mark.parametrize("command", ["impute", "schema"])
def test_commands_that_write_one_file_claim_it(run, run_tabllm, command):
    arguments = {"impute": (run, "visits.csv"), "schema": ("visits.csv",)}[command]
    import threading

    claims = claimed("out.csv")  # as another program would: in another thread
    for call in (claims.__enter__, lambda: claims.__exit__(None, None, None)):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        outcome = run_tabllm(command, *arguments, "-o", "out.csv")
        assert ("is being written by another" in outcome.err) == (call == claims.__enter__)


def test_a_run_that_came_meanwhile_is_kept_without_force_and_so_is_the_checkpoint(visits, toy, run_tabllm, monkeypatch):
    save = toy.save

    def late(self, directory):
        if not Path("visits-run").exists():
            save(self, Path("theirs"))
            Path("theirs").rename("visits-run")
        save(self, directory)

    monkeypatch.setattr(toy, "save", late)
    outcome = run_tabllm("fit", visits, "-m", "toy")
    assert outcome.code == 1
    assert "visits-run was made by another program meanwhile, and is not replaced; add --force" in outcome.message
    assert names() == ["visits-run", "visits-run.partial", "visits.csv"]
    refused = run_tabllm("fit", visits, "-m", "toy")
    assert "add --force to replace it, going on from visits-run.partial/, or name another" in refused.message
    assert run_tabllm("fit", visits, "-m", "toy", "--force").code == 0
    assert names() == ["visits-run", "visits.csv"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
@pytest.mark.parametrize("moment", ["save", "sample"])
def test_a_signal_ends_a_command_as_ctrl_c_does(run, waiting, number, code, moment):
    command = {"save": ("fit", "visits.csv", "-m", "toy", "-o", "new"), "sample": ("sample", str(run), "-o", "s.csv")}
    child = waiting(moment, *command[moment])
    child.send_signal(number)
    said = child.stderr.read()
    assert child.wait() == code
    assert said.startswith("Interrupted; ")
    assert "the same command goes on from there" in said
    left = {"save": "new.partial", "sample": "s.csv.partial"}[moment]
    assert set(names()) - {"visits-run", "visits.csv"} == {left}


def test_what_a_kill_leaves_is_told_and_cleaned_by_the_next_command(visits, toy, run_tabllm, waiting):
    run_tabllm("fit", visits, "-m", "toy")
    child = waiting("save", "fit", "visits.csv", "-m", "toy", "--force")
    child.kill()
    child.wait()
    assert json.loads(Path("visits-run/config.json").read_text())["model"] == "toy", "the old run stands"
    assert len(list(Path().glob(".visits-run.*.part"))) == 1
    refused = run_tabllm("fit", visits, "-m", "toy")
    assert refused.code == 2
    assert "MB that a killed command had left." in refused.err
    assert "visits-run exists already" in refused.err
    assert run_tabllm("fit", visits, "-m", "toy", "--force").code == 0
    assert names() == ["visits-run", "visits.csv"]


def test_signals_reach_who_waits_for_ctrl_c_and_nohup_stays_nohup():
    from tabular.storage.checkpoint import deferred_interrupt

    with signals_as_interrupts() as received:
        with deferred_interrupt() as interrupted:
            signal.raise_signal(signal.SIGTERM)
            assert interrupted(), "no step is cut in half"
        assert received.number == signal.SIGTERM
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell script
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.signal(signal.SIGINT, before)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals_as_interrupts() as received:
        signal.raise_signal(signal.SIGHUP)
        assert received.number is None
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "visits.csv", "-m", "toy", "-o", "web", "-f"),
        ("export", "visits-run", "-o", "web", "-f"),
        ("models", "quantize", "./model", "--bits", "4", "-o", "web", "-f"),
        ("compare", "visits.csv", "--models", "toy", "-o", "web"),
        ("ctr", "visits.csv", "--click", "clicked", "--test-share", "0.5", "-m", "toy", "-o", "web"),
        ("augment", "visits.csv", "--target", "clicked", "--study", "-m", "toy", "-o", "web"),
        ("tune", "visits.csv", "-m", "toy", "-o", "web"),
        ("fit", "visits.csv", "-m", "toy", "-o", "mine"),
        ("sample", "visits-run", "-o", "mine.csv"),
    ],
)
def test_no_command_touches_a_folder_that_tabllm_did_not_write(run, run_tabllm, arguments):
    for folder in ("web", "mine.partial", "mine.csv.partial"):
        Path(folder).mkdir()
        (Path(folder) / "config.json").write_text('{"model": "mine", "compilerOptions": {}}')
    outcome = run_tabllm(*arguments)
    assert outcome.code == 1, outcome.err
    assert "tabllm wrote" in outcome.err.splitlines()[-1]
    for folder in ("web", "mine.partial", "mine.csv.partial"):
        assert os.listdir(folder) == ["config.json"]


def test_rows_of_a_run_that_was_fitted_anew_are_not_mixed_with_the_old_ones(run, toy, run_tabllm, visits_table):
    toy.trouble["sample"] = KeyboardInterrupt()
    run_tabllm("sample", run, "-n", "120", "-o", "s.csv")
    toy.trouble.clear()
    visits_table.assign(spend=0.5).to_csv("visits.csv", index=False)
    assert run_tabllm("fit", "visits.csv", "-m", "toy", "-f").code == 0
    done = run_tabllm("sample", run, "-n", "120", "-o", "s.csv")
    assert "s.csv.partial/ held the rows of another command, which are thrown away." in done.err
    assert set(pd.read_csv("s.csv")["spend"]) == {0.5}
