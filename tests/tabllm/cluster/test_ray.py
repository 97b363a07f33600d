"""Workers of a Ray on this machine: the same files whoever makes them, and whoever is lost."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.40'")

from tabllm.cluster import InProcess, open_folder, run_job
from tabllm.cluster import ray_executor as module
from tabllm.cluster.folders import MANIFEST
from tabllm.cluster.ray_executor import RayExecutor
from tabllm.cluster.working import one_thread
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


def studied(table, folder, **options):
    """Two generators and one that fails, compared: what came of each."""
    from tabllm.comparing.study import Settings, run_study

    train, holdout = table[:150].reset_index(drop=True), table[150:].reset_index(drop=True)
    settings = Settings(None, 0, 60, {"steps": 5, "embedding_dim": 4, "device": "cpu"})
    return run_study(["tvae", "ctgan", "tabddpm"], train, holdout, settings, folder, **options)


def judged(outcomes):
    """All of it but the seconds."""
    reports = [each.report and each.report.to_dict() | {"seconds": None} for each in outcomes]
    return [(each.model, report, each.error, each.rows) for each, report in zip(outcomes, reports, strict=True)]


def test_generators_are_compared_by_workers_as_by_this_process(visits_table, tmp_path):
    with one_thread():
        expected = studied(visits_table, tmp_path / "here")
    victims, executor = [], RayExecutor(2)

    def end_one():
        victims.append(psutil.Process(list(executor.pids.values())[-1]))
        os.kill(victims[0].pid, signal.SIGKILL)

    executor.progress = reporter = AtFirstPart(end_one)
    found = studied(visits_table, tmp_path / "there", workers=executor, progress=reporter)
    victims[0].wait(20)
    assert judged(found) == judged(expected)
    assert found[2].error is not None
    again = studied(visits_table, tmp_path / "there", workers=RayExecutor(1))
    assert judged(again) == judged(expected)
    assert [each.resumed for each in again] == [True, True, False]


def test_trials_are_made_by_workers_as_by_this_process(visits_table, tmp_path):
    pytest.importorskip("optuna")
    from tabllm.tuning.study import run_search
    from tabllm.tuning.trials import Search

    search = Search("tvae", "clicked", steps=3, fixed={"device": "cpu", "calibrate": False}, parallel=2)
    with one_thread():
        expected = run_search(visits_table, search, tmp_path / "here", trials=4)
    executor = RayExecutor(2)

    def end_one():
        os.kill(next(iter(executor.pids.values())), signal.SIGKILL)

    executor.progress = reporter = AtFirstPart(end_one)
    run_search(visits_table, search, tmp_path / "there", trials=3, workers=executor, progress=reporter)
    found = run_search(visits_table, search, tmp_path / "there", trials=4, workers=RayExecutor(1))
    assert [(trial.settings, trial.outcome, trial.scores) for trial in found.trials] == [
        (trial.settings, trial.outcome, trial.scores) for trial in expected.trials
    ]


class Halves:
    """Takes so many seconds for a number, or none."""

    def __init__(self, seconds):
        self.seconds = seconds

    def make(self, number, takes_long):
        if takes_long:
            time.sleep(self.seconds)
        return number / 2


def test_what_is_ended_in_the_middle_gives_nothing_to_what_comes_next():
    class Over(Exception):
        pass

    def check():
        if over and executor.began is not None:
            raise Over

    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import it
    over, executor = [True], RayExecutor(1)
    with executor.ready(Halves, 2, device="cpu", noun="trial", check=check) as run:
        with pytest.raises(Over):
            list(run({1: (1, True), 2: (2, True)}))
        over.clear()
        assert dict(run({3: (3, False), 4: (4, False)})) == {3: 1.5, 4: 2.0}
