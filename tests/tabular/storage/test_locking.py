"""Two programs do not write one file at once, and what a killed one leaves is tidied."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from tabular.errors import OutputError
from tabular.storage.locking import check_replaceable, claimed

HOLDER = (
    "import sys; from tabular.storage.locking import claimed\n"
    "with claimed(sys.argv[1]):\n    print('claimed', flush=True); sys.stdin.read()"
)


@pytest.fixture
def other():
    """``other(path)``: another program that claims ``path`` until its standard input is closed."""
    programs = []

    def start(path):
        program = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        programs.append(program)
        assert program.stdout.readline() == "claimed\n"
        return program

    yield start
    for program in programs:
        program.kill()
        program.wait()
        program.stdin.close()
        program.stdout.close()


def test_a_second_program_is_told_who_writes(tmp_path, other):
    program = other(tmp_path / "run")
    with pytest.raises(OutputError, match=rf"run is being written by another tabllm \(process {program.pid}, since"):
        claimed(tmp_path / "run").__enter__()
    with claimed(tmp_path / "another"):
        pass


@pytest.mark.parametrize("end", ["well", "killed"])
def test_the_claim_ends_with_its_program_and_leaves_nothing(tmp_path, other, end):
    program = other(tmp_path / "run")
    program.kill() if end == "killed" else program.stdin.close()
    program.wait()
    assert os.listdir(tmp_path) == ([".run.lock"] if end == "killed" else [])
    with claimed(tmp_path / "run") as notes:
        assert notes == []
        assert os.listdir(tmp_path) == [".run.lock"]
    assert os.listdir(tmp_path) == []


def test_a_claim_inside_a_claim_does_nothing_but_another_thread_is_refused(tmp_path):
    refused = []

    def claim():
        try:
            claimed(tmp_path / "run").__enter__()
        except OutputError as error:
            refused.append(error)

    with claimed(tmp_path / "run"), claimed(tmp_path / "." / "run"):
        thread = threading.Thread(target=claim)
        thread.start()
        thread.join()
        assert len(refused) == 1
    assert os.listdir(tmp_path) == []


def test_one_of_two_waits_where_it_is_asked_to(tmp_path):
    order = []

    def second():
        with claimed(tmp_path / "a.json", wait=True):
            order.append("second")

    with claimed(tmp_path / "a.json"):
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert os.listdir(tmp_path) == []


def test_a_lock_file_that_its_owner_removed_meanwhile_is_not_held(tmp_path, monkeypatch):
    """Between the opening and the locking of the file, the former owner may end and remove it."""
    from tabular.storage import locking

    lock, taken = tmp_path / ".run.lock", locking._lock

    def late(descriptor, wait):
        if not late.called:
            late.called = True
            lock.unlink()
        taken(descriptor, wait)

    late.called = False
    monkeypatch.setattr(locking, "_lock", late)
    with claimed(tmp_path / "run"):
        assert lock.exists()


def test_what_a_killed_program_left_is_removed_and_told(tmp_path):
    (tmp_path / ".run.0123abcd.part").mkdir()
    (tmp_path / ".run.0123abcd.part" / "weights").write_bytes(bytes(2_000_000))
    for name in (".run.0123abcd.old", ".run.part", ".other.0123abcd.part", "run.0123abcd.part"):
        (tmp_path / name).write_text("kept" if name[-1] != "d" else "")
    (tmp_path / "..run.0123abcd.part.4567cdef.part").mkdir()
    (tmp_path / "..run.0123abcd.part.lock").touch()
    (tmp_path / "run").mkdir()
    with claimed(tmp_path / "run") as notes:
        assert "Removed .run.0123abcd.part, 2.0 MB that a killed command had left." in notes
    assert sorted(os.listdir(tmp_path)) == [".other.0123abcd.part", ".run.part", "run", "run.0123abcd.part"]


def test_a_folder_that_a_killed_program_had_moved_aside_comes_back(tmp_path):
    (tmp_path / ".run.0123abcd.old").mkdir()
    (tmp_path / ".run.0123abcd.old" / "config.json").write_text("{}")
    with claimed(tmp_path / "run") as notes:
        assert notes == ["Put run back, which a killed command had moved aside."]
    assert os.listdir(tmp_path / "run") == ["config.json"]


def test_a_file_system_without_locks_is_told_of_and_nothing_is_removed_there(tmp_path, monkeypatch):
    def refuse(descriptor, wait):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("tabular.storage.locking._lock", refuse)
    (tmp_path / ".run.0123abcd.part").mkdir()
    with claimed(tmp_path / "run") as notes:
        assert "has no locks" in notes[0]
    assert os.listdir(tmp_path) == [".run.0123abcd.part"]


def test_what_appears_under_a_claim_is_replaced_only_where_that_was_allowed(tmp_path):
    for replace in (True, False):
        with claimed(tmp_path / "made.csv", replace=replace):
            check_replaceable(tmp_path / "made.csv")
            (tmp_path / "made.csv").write_text("another program's")
            if replace:
                check_replaceable(tmp_path / "made.csv")
            else:
                with pytest.raises(OutputError, match=r"made by another program meanwhile.*--force"):
                    check_replaceable(tmp_path / "made.csv")
        (tmp_path / "made.csv").unlink()


@pytest.mark.parametrize("path", ["-", "/dev/null", "/"])
def test_what_is_no_file_is_not_claimed(path):
    with claimed(path) as notes:
        assert notes == []


@pytest.mark.parametrize("step", ["_lock", "_release"])
def test_ctrl_c_at_any_moment_of_a_claim_leaves_no_lock_file(tmp_path, monkeypatch, step):
    from tabular.storage import locking

    real = getattr(locking, step)

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(locking, step, interrupted)
    with pytest.raises(KeyboardInterrupt), claimed(tmp_path / "out.csv"):
        pass
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
