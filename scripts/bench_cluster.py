"""Rows per second into a folder of parts: by one process, and by 1, 2 ... workers of a Ray on this machine.

The bundled Adult is learned by ``nano``; each way makes the same rows, and the manifests must be equal::

    python scripts/bench_cluster.py --rows 1e6 --workers 1,2
    python scripts/bench_cluster.py --rows 1e7 --workers 1,2,4 --kill     # one worker is killed after the first part
    python scripts/bench_cluster.py --rows 1e7 --workers '' --interrupt   # without Ray; a command is stopped twice

With ``--interrupt`` the rows are also made by ``tabllm sample``, which is killed (SIGKILL) after a third of the parts,
ended (SIGTERM) after two thirds, and given again each time.

``start`` is until the first part is begun (Ray, processes, loading the run), and ``rows/s`` counts from there. The
memory is that of the driver, and of the largest worker, at the most.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tabllm.cluster import Executor, InProcess, open_folder, run_job
from tabllm.cluster.cutting import sample_job
from tabllm.cluster.folders import MANIFEST
from tabllm.cluster.job import Job, Work
from tabllm.cluster.ray_executor import RayExecutor
from tabllm.demo import load_adult
from tabular.progress import Reporter, Task
from tabular.registry import create, load_run


class AtFirstPart(Reporter):
    """Kills a worker when the first part is there."""

    def __init__(self, executor: RayExecutor) -> None:
        self.executor, self.killed = executor, False

    def note(self, message: str) -> None:
        print("  " + message)

    @contextlib.contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        outer = self

        class First(Task):
            def advance(self, amount: float = 1, text: str = "") -> None:
                if amount and not outer.killed:
                    outer.killed = True
                    os.kill(next(iter(outer.executor.pids.values())), signal.SIGKILL)

        yield First()


class Memory(threading.Thread):
    """The most resident memory of this process, and of the largest of those under it, while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.driver = self.worker = 0
        self.ended = threading.Event()

    def run(self) -> None:
        here = psutil.Process()
        while not self.ended.wait(0.2):
            self.driver = max(self.driver, here.memory_info().rss)
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                if (process.info["cmdline"] or [""])[0].startswith("ray::Remote"):
                    self.worker = max(self.worker, process.info["memory_info"].rss)


def measured(name: str, work: Work, executor: Executor, progress: Reporter | None = None) -> tuple[float, bytes]:
    """Rows per second of one way, and its manifest; a line is printed."""
    shutil.rmtree(work.out, ignore_errors=True)
    folder, memory, begin = open_folder(work.out), Memory(), time.monotonic()
    memory.start()
    run_job(work, folder, executor, progress=progress)
    ended = time.monotonic()
    memory.ended.set()
    memory.join()
    began = getattr(executor, "began", None) or begin
    rate = work.job.rows / (ended - began)
    manifest = Path(work.out, MANIFEST).read_bytes()
    size = sum(part["bytes"] for part in json.loads(manifest)["parts"]) / 1e6
    print(
        f"{name:<22} start {began - begin:5.1f} s  {rate:>10,.0f} rows/s  {size:8,.1f} MB  "
        f"driver {memory.driver / 1e6:6,.0f} MB  worker {memory.worker / 1e6:6,.0f} MB",
        flush=True,
    )
    return rate, manifest


def interrupted(run: Path, job: Job, out: Path) -> bytes:
    """The manifest of ``tabllm sample``, stopped twice on its way; a line is printed."""
    command = [sys.executable, "-m", "tabllm", "sample", str(run), "-n", str(job.rows), "-o", f"{out}/"]
    most, begin = 0, time.monotonic()
    for stop, parts in ((signal.SIGKILL, job.parts // 3), (signal.SIGTERM, 2 * job.parts // 3), (None, job.parts)):
        process = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.DEVNULL)
        while stop and len(list(out.glob("part-*"))) < max(parts, 1) and process.poll() is None:
            time.sleep(0.05)
        if stop:
            process.send_signal(stop)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        most = max(most, used.ru_maxrss)
        print(f"  exit code {process.returncode}, {len(list(out.glob('part-*')))} parts", flush=True)
        assert bool(stop) == bool(process.returncode), "the command was not stopped, or failed"
    took = time.monotonic() - begin
    print(f"{'stopped twice':<22} {took:8.1f} s  {job.rows / took:>10,.0f} rows/s  most memory {most / 1e3:6,.0f} MB")
    return (out / MANIFEST).read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=1_000_000)
    parser.add_argument("--workers", default="1,2", help="numbers of workers, separated by commas")
    parser.add_argument("--steps", type=int, default=50, help="updates of the fit; few will do for a measure of speed")
    parser.add_argument("--run", type=Path, help="a run that is there, in place of a fit")
    parser.add_argument("--kill", action="store_true", help="kill one worker of the last way after the first part")
    parser.add_argument("--interrupt", action="store_true", help="stop a command twice, and let it go on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        run = options.run or Path(made, "run")
        if options.run is None:
            create("nano", steps=options.steps, device="cpu", engine="torch").fit(load_adult("train")).save(run)
        loaded = load_run(run, device="cpu")
        job = sample_job(loaded, run, options.rows, settings={})
        print(f"{job.rows:,} rows in {job.parts:,} parts of {job.part_rows:,}")
        work = Work.of(job, run, str(Path(made, "rows")))
        found = [measured("this process", work, InProcess(loaded))]
        counts = [int(count) for count in options.workers.split(",") if count]
        for place, count in enumerate(counts):
            executor = RayExecutor(count)
            kill = options.kill and place == len(counts) - 1
            progress = AtFirstPart(executor) if kill else None
            name = f"ray, {count} worker{'s' * (count != 1)}{', one killed' * kill}"
            found.append(measured(name, work, executor, progress))
        for count, (rate, _) in zip(counts[1:], found[2:], strict=True):
            print(f"{count} workers: {rate / found[1][0]:.2f} times the rows/s of {counts[0]}")
        assert len({manifest for _, manifest in found}) == 1, "the manifests differ"
        print("All manifests are equal.")
        if options.interrupt:
            # The command's manifest names its settings, too; what must be equal are the parts and their checksums.
            parts = json.loads(interrupted(run, job, Path(made, "stopped")))["parts"]
            assert parts == json.loads(found[0][1])["parts"], "the parts of the stopped command differ"
            print("The parts of the stopped command are equal to them.")


if __name__ == "__main__":
    main()
