"""Makes parts on the workers of a Ray cluster, or of a Ray that is started on this machine alone."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import shutil
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from tabular.errors import EngineError, TabllmError, UsageError
from tabular.machine.threads import allowed_cores
from tabular.progress import Reporter

from .executors import Executor
from .job import PartFacts, Work
from .working import Worker, packed_run

__all__ = ["RayExecutor", "check_ray"]

#: How often one part may end its worker before the work stops.
MOST_LOSSES = 3
#: A worker is taken for hung after so many times the slowest part so far, but not before so many seconds; while no part
#: has been finished, after so many.
HUNG_TIMES, HUNG_SECONDS, FIRST_SECONDS = 10.0, 120.0, 3600.0
#: Seconds between two looks for hung workers.
WAIT_SECONDS = 1.0


def check_ray() -> None:
    """Raise :class:`UsageError` if Ray is not installed."""
    import importlib.util

    if importlib.util.find_spec("ray") is None:
        raise UsageError("--cluster ray needs Ray: pip install 'ray>=2.40'.")


def _versions() -> dict[str, str]:
    """What the bytes of a part depend on, beside the job."""
    import pyarrow
    import torch

    import tabllm

    return {"tabllm": tabllm.__version__, "pyarrow": pyarrow.__version__, "torch": torch.__version__}


class Remote:
    """What runs in a worker's process: :class:`.working.Worker`, whose errors are given back as they are."""

    worker: Worker

    def load(self, work: Work, sent: Mapping[str, bytes] | None, versions: Mapping[str, str]) -> Any:
        """Load the run; the process' number and its machine, or the error."""
        other = {name: version for name, version in _versions().items() if version != versions[name]}
        if other:
            name, version = next(iter(other.items()))
            return EngineError(
                f"The worker {platform.node()} has {name} {version}, and this machine {versions[name]}; rows could "
                "differ, so install the same version."
            )
        try:
            self.worker = Worker(work, sent=sent)
        except TabllmError as error:
            return error
        return os.getpid(), platform.node()

    def make(self, part: int) -> Any:
        """The facts of a part, or the error."""
        try:
            return self.worker.make(part)
        except TabllmError as error:
            return error


@dataclass
class _Call:
    """What a worker is doing: loading the run (no part), or making a part."""

    actor: Any
    part: int | None
    since: float


class RayExecutor(Executor):
    """Workers of one thread each; a lost or hung worker is replaced, and its part made again.

    Args:
        workers: how many; absent, as many as the cluster has processors (or GPUs).
        address: ``"local"`` starts Ray here; ``"auto"`` finds the cluster of this machine; or an address of one.

    Attributes:
        pids: worker -> its process, ``None`` where that is on another machine.
        began: when the first part was begun, by ``time.monotonic()``: workers start and load the run before.

    Raises:
        UsageError: if Ray is not installed.
        EngineError: if there is no such cluster.
    """

    def __init__(self, workers: int | None = None, *, address: str = "local", progress: Reporter | None = None) -> None:
        check_ray()
        self.workers, self.address, self.progress = workers, address, progress or Reporter()
        self.pids: dict[Any, int | None] = {}
        self.began: float | None = None

    def run(self, work: Work, parts: Sequence[int]) -> Generator[PartFacts, None, None]:
        if not parts:
            return
        import ray

        with self._connected():
            sent = None
            if self.address != "local" and (packed := packed_run(work.run)) is not None:
                sent = ray.put(packed)
            gpus = 1 if work.device not in ("cpu", "auto") else 0
            workers = min(self.workers or self._width(gpus), len(parts))
            remote = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(Remote)
            yield from _Pool(self, remote, work, sent).run(parts, workers)

    def _width(self, gpus: int) -> int:
        import ray

        return max(1, int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1)))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Inside, Ray is there; what was started for it is ended."""
        # Ray tells its makers of each use, unless it is told not to.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Its workers give way to every other program (niceness 15), and beside busy ones get next to nothing.
        os.environ.setdefault("RAY_worker_niceness", "0")
        logging.getLogger("ray").setLevel(logging.ERROR)
        import ray

        if ray.is_initialized():  # by the caller, who ends it
            yield
            return
        local: dict[str, Any] = {"num_cpus": self.workers or allowed_cores(), "include_dashboard": False}
        try:
            with _kept_signals():
                context: Any = ray.init(
                    address=self.address,
                    log_to_driver=False,
                    configure_logging=False,
                    **(local if self.address == "local" else {}),
                )
        except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise EngineError(
                f"There is no Ray cluster at {self.address} ({reason}); start one with 'ray start --head', or take "
                "--address local."
            ) from None
        try:
            yield
        finally:
            ray.shutdown()
            if self.address == "local":  # its logs, which it keeps for good
                shutil.rmtree(context.address_info["session_dir"], ignore_errors=True)


@contextlib.contextmanager
def _kept_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself, and would end the process without a word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Pool:
    """The workers of one call of :meth:`RayExecutor.run`.

    Args:
        remote: the class of the workers, as Ray has it.
        sent: reference to the files of the run.
    """

    def __init__(self, executor: RayExecutor, remote: Any, work: Work, sent: Any) -> None:
        self.executor, self.remote, self.work, self.sent = executor, remote, work, sent
        self.calls: dict[Any, _Call] = {}
        self.losses: Counter[int | None] = Counter()
        self.slowest: float | None = None

    def run(self, parts: Sequence[int], workers: int) -> Iterator[PartFacts]:
        """Make ``parts``; see :class:`Executor`."""
        import ray

        waiting = deque(parts)
        try:
            for _ in range(workers):
                self._start()
            while waiting or any(call.part is not None for call in self.calls.values()):
                finished, _ = ray.wait(list(self.calls), num_returns=1, timeout=WAIT_SECONDS)
                for ref in finished:
                    call = self.calls.pop(ref)
                    facts = self._result(ref, call, waiting)
                    if facts is not None:
                        yield facts
                self._end_hung(waiting)
        finally:
            for call in self.calls.values():
                ray.kill(call.actor)
            for actor in self.executor.pids:
                ray.kill(actor)
            self.executor.pids.clear()

    def _start(self) -> None:
        actor = self.remote.remote()
        ref = actor.load.remote(self.work, self.sent, _versions())
        self.calls[ref] = _Call(actor, None, time.monotonic())

    def _result(self, ref: Any, call: _Call, waiting: deque[int]) -> PartFacts | None:
        """What a call gave; its worker gets the next part, or is replaced."""
        import ray

        try:
            found = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except ray.exceptions.RayError as error:
            self._lost(call, waiting, "was lost", error)
            return None
        if isinstance(found, TabllmError):
            raise found
        if call.part is None:
            pid, node = found
            self.executor.pids[call.actor] = pid if node == platform.node() else None
            self.losses[None] = 0  # only losses in a row say that no worker can load it
        else:
            self.slowest = max(self.slowest or 0.0, time.monotonic() - call.since)
        if waiting:
            part = waiting.popleft()
            self.executor.began = self.executor.began or time.monotonic()
            self.calls[call.actor.make.remote(part)] = _Call(call.actor, part, time.monotonic())
        return found if isinstance(found, PartFacts) else None

    def _lost(self, call: _Call, waiting: deque[int], how: str, error: Exception | None = None) -> None:
        """Replace the worker of ``call``, and let its part be made again."""
        import ray

        ray.kill(call.actor)  # it may only be out of reach
        self.executor.pids.pop(call.actor, None)
        self.losses[call.part] += 1
        if self.losses[call.part] >= MOST_LOSSES:
            reason = f" ({str(error).splitlines()[0].rstrip('.')})" if error is not None else ""
            what = "could not load the run" if call.part is None else f"was lost over part {call.part:,}"
            raise EngineError(
                f"A worker {what} {MOST_LOSSES} times{reason}; look at the memory of its machine, or take fewer "
                "--workers."
            )
        if call.part is not None:
            self.executor.progress.note(f"A worker {how}; its part {call.part:,} is made again.")
            waiting.appendleft(call.part)
        self._start()

    def _end_hung(self, waiting: deque[int]) -> None:
        """Kill workers whose part takes far longer than all others did."""
        limit = FIRST_SECONDS if self.slowest is None else max(HUNG_SECONDS, HUNG_TIMES * self.slowest)
        now = time.monotonic()
        for ref, call in list(self.calls.items()):
            # One that is loading may wait for a machine to join the cluster.
            if call.part is not None and now - call.since > limit:
                del self.calls[ref]
                if (pid := self.executor.pids.get(call.actor)) is not None:
                    with contextlib.suppress(psutil.Error):  # Ray asks it to end, which it may not hear
                        psutil.Process(pid).kill()
                self._lost(call, waiting, f"did not answer for {now - call.since:,.0f} s")
