"""Workers of a Ray on this machine: the same files whoever makes them, and whoever is lost."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager

import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.40'")

from tabllm.cluster import InProcess, open_folder, run_job
from tabllm.cluster import ray_executor as module
from tabllm.cluster.folders import MANIFEST
from tabllm.cluster.ray_executor import RayExecutor
from tabular.errors import EngineError, RunError
from tabular.progress import Reporter, Task

PARTS = 5


@pytest.fixture(scope="module", autouse=True)
def one_ray():
    """One Ray for all tests of this file: its start takes seconds."""
    import ray

    with RayExecutor(2)._connected():
        yield
    assert not ray.is_initialized()


class AtFirstPart(Reporter):
    """Does something when the first part is there."""

    def __init__(self, then):
        self.then, self.notes = then, []

    def note(self, message):
        self.notes.append(message)

    @contextmanager
    def task(self, label, total, unit):
        outer = self

        class First(Task):
            def advance(self, amount=1, text=""):
                if amount and outer.then is not None:
                    outer.then()
                    outer.then = None

        yield First()


@pytest.fixture(scope="module")
def manifest_in_process(tmp_path_factory, small_run, loaded):
    from tabllm.cluster.cutting import sample_job
    from tabllm.cluster.job import Work
    from tabllm.nano.table_lm import PART_ROWS

    out = tmp_path_factory.mktemp("alone") / "rows"
    work = Work.of(sample_job(loaded, small_run, (PARTS - 1) * PART_ROWS + 10, settings={}), small_run, str(out))
    run_job(work, open_folder(str(out)), InProcess(loaded))
    return (out / MANIFEST).read_bytes()


def test_one_worker_gives_what_this_process_gives(manifest_in_process, work_to, tmp_path):
    out = tmp_path / "rows"
    run_job(work_to(out, parts=PARTS), open_folder(str(out)), RayExecutor(1))
    assert (out / MANIFEST).read_bytes() == manifest_in_process


def lose_one(how, work_to, tmp_path, parts: int, executor: RayExecutor):
    """Sample into ``rows`` with a worker that gets a signal after the first part; the folder, what was said, it."""
    out, victims = tmp_path / "rows", []

    def end_one():
        victims.append(psutil.Process(next(iter(executor.pids.values()))))
        os.kill(victims[0].pid, how)

    executor.progress = reporter = AtFirstPart(end_one)
    run_job(work_to(out, parts=parts), open_folder(str(out)), executor, progress=reporter)
    assert sorted(path.name for path in out.iterdir() if path.suffix != ".parquet") == [".tabllm", MANIFEST]
    victims[0].wait(20)
    return out, [note for note in reporter.notes if "is made again" in note]


def test_the_parts_of_a_killed_worker_are_made_again(manifest_in_process, work_to, tmp_path):
    out, said = lose_one(signal.SIGKILL, work_to, tmp_path, PARTS, RayExecutor(2))
    assert said
    assert "A worker was lost; its part" in said[0]
    assert (out / MANIFEST).read_bytes() == manifest_in_process


def test_the_part_of_a_hung_worker_is_made_again(manifest_in_process, work_to, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HUNG_SECONDS", 5.0)
    monkeypatch.setattr(module, "HUNG_TIMES", 3.0)
    out, said = lose_one(signal.SIGSTOP, work_to, tmp_path, PARTS, RayExecutor(2))
    assert said
    assert "did not answer for" in said[0]
    assert (out / MANIFEST).read_bytes() == manifest_in_process


def test_what_a_worker_raises_is_raised_here(work_to, tmp_path):
    from dataclasses import replace

    work = work_to(tmp_path / "rows")
    with pytest.raises(RunError, match="was changed since the work began"):
        run_job(replace(work, job=replace(work.job, run="another")), open_folder(work.out), RayExecutor(1))
    assert json.loads((tmp_path / "rows" / MANIFEST).read_text())["parts"] == []


def test_there_is_no_cluster_at_an_address(monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)

    def init(**options):
        raise ConnectionError("Could not find any running Ray instance.\nMore.")

    monkeypatch.setattr("ray.init", init)
    executor = RayExecutor(address="auto")
    with pytest.raises(EngineError, match="no Ray cluster at auto"), executor._connected():
        pass
