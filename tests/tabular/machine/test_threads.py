"""A fit leaves the processor to others: its threads sleep where they wait, and are no more than the free cores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tabular.machine import devices, threads
from tabular.progress import Reporter

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def machine(monkeypatch):
    """``machine(cores, idle)``: how many cores there are, and how many of them nobody uses."""

    def be(cores: int, idle: float) -> None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(threads, "allowed_cores", lambda: cores)
        monkeypatch.setattr(threads, "_idle_cores", lambda: idle)

    for cached in (threads.free_cores, threads.share_processor):
        cached.cache_clear()
    before = torch.get_num_threads()
    yield be
    torch.set_num_threads(before)
    for cached in (threads.free_cores, threads.share_processor):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("cores", "idle", "free"),
    [(2, 2.0, 2), (2, 1.7, 2), (2, 1.0, 1), (2, 0.1, 1), (10, 8.8, 9), (2, 40.0, 2), (1, 0, 1)],
)
def test_as_many_threads_compute_as_cores_are_free(machine, cores, idle, free):
    machine(cores, idle)
    assert threads.free_cores() == free


def test_the_environment_of_the_user_wins(machine, monkeypatch):
    machine(8, 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "6,2")
    assert threads.free_cores() == 6


def test_torch_gives_way_to_busy_programs_and_the_user_is_told(machine):
    class Noted(Reporter):
        said = ()

        def note(self, message):
            self.said = (*self.said, message)

    machine(2, 0.9)
    torch.set_num_threads(2)
    progress = Noted()
    devices.prepare_processor(progress)
    assert torch.get_num_threads() == 1
    assert progress.said == (
        "Other programs are busy: computing with 1 thread in place of 2 (OMP_NUM_THREADS sets another number).",
    )


def test_a_number_of_threads_that_the_caller_chose_is_never_raised(machine):
    machine(8, 8.0)
    torch.set_num_threads(1)
    assert threads.share_processor() is None
    assert torch.get_num_threads() == 1


def test_idle_cores_are_measured():
    assert 0 <= threads._idle_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("first", ["tabular", "eval", "tabllm", "tabllm.cli.main"])
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ("30000", "1", None)),
        ({"OMP_WAIT_POLICY": "active"}, (None, None, "active")),
        ({"GOMP_SPINCOUNT": "7"}, ("7", None, None)),
    ],
)
def test_threads_are_told_to_sleep_before_a_library_loads_unless_the_user_says_otherwise(first, given, found):
    names = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY")
    env = {name: value for name, value in os.environ.items() if name not in names}
    program = f"import {first}, os, sys; print([os.environ.get(n) for n in {names}], 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**env, **given}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{list(found)} False"


def test_one_thread_an_operation_tells_the_threads_outside_of_all_nested_uses():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with threads.one_thread_an_operation() as outer, threads.one_thread_an_operation() as inner:
            found = (outer, inner, torch.get_num_threads())
        assert found == (3, 3, 1)
        assert torch.get_num_threads() == 3
        with threads.one_thread_an_operation() as again:
            assert again == 3
    finally:
        torch.set_num_threads(before)
