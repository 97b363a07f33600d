"""Work on the workers of a Ray cluster, or of a Ray that is started on this machine alone: parts, and whole tasks."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import platform
import shutil
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from tabular.errors import EngineError, TabllmError, UsageError
from tabular.machine.threads import allowed_cores
from tabular.progress import Reporter

from .executors import Executor
from .job import PartFacts, Work
from .studying import Run, Workers
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
    """What runs in a worker's process: something that makes things, whose errors are given back as they are."""

    worker: Any

    def load(self, begin: Callable[..., Any], sent: Any, versions: Mapping[str, str]) -> Any:
        """Make the worker; the process' number and its machine, or the error."""
        other = {name: version for name, version in _versions().items() if version != versions[name]}
        if other:
            name, version = next(iter(other.items()))
            return EngineError(
                f"The worker {platform.node()} has {name} {version}, and this machine {versions[name]}; rows could "
                "differ, so install the same version."
            )
        try:
            self.worker = begin(sent)
        except TabllmError as error:
            return error
        return os.getpid(), platform.node()

    def make(self, *given: Any) -> Any:
        """What the worker makes, or the error."""
        try:
            return self.worker.make(*given)
        except TabllmError as error:
            return error


@dataclass
class _Call:
    """What a worker is doing: getting ready (no part), or making a part."""

    actor: Any
    part: int | None
    since: float


class RayExecutor(Executor, Workers):
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
        packed = packed_run(work.run) if self.address != "local" else None
        pool = _Pool(self, partial(_part_worker, work), packed, device=work.device, noun="part", ends_hung=True)
        with pool.open():
            yield from (facts for _, facts in pool.run({part: (part,) for part in parts}))

    @contextlib.contextmanager
    def ready(
        self, begin: Callable[[Any], Any], sent: Any, *, device: str, noun: str, check: Callable[[], None] | None = None
    ) -> Iterator[Run]:
        # As bytes: of an object Ray gives a worker arrays that cannot be written to, and a generator may write to its
        # own. The fits of some settings take far longer than others: none is taken for hung.
        pool = _Pool(self, partial(_study_worker, begin), pickle.dumps(sent), device=device, noun=noun, check=check)
        with pool.open():
            yield pool.run

    def _width(self, gpus: int) -> int:
        import ray

        return max(1, int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1)))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Inside, Ray is there; what was started for it is ended."""
        # Ray tells its makers of each use, unless it is asked not to.
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


def _part_worker(work: Work, sent: Mapping[str, bytes] | None) -> Worker:
    return Worker(work, sent=sent)


def _study_worker(begin: Callable[[Any], Any], sent: bytes) -> Any:
    return begin(pickle.loads(sent))


class _Pool:
    """The workers of one piece of work.

    Args:
        begin: (what is sent to each worker) -> the object whose ``make`` it calls.
        sent: see ``begin``.
        device: of each worker; other than the processor it is a GPU.
        noun: of what a worker makes, with a number.
        ends_hung: whether a worker that takes far longer than others is replaced.
        check: called now and then; what it raises ends the work.
    """

    def __init__(
        self,
        executor: RayExecutor,
        begin: Callable[[Any], Any],
        sent: Any,
        *,
        device: str,
        noun: str,
        ends_hung: bool = False,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.executor, self.begin, self.sent, self.noun = executor, begin, sent, noun
        self.ends_hung, self.check = ends_hung, check
        self.gpus = 0 if device in ("cpu", "auto") else 1
        self.calls: dict[Any, _Call] = {}
        self.idle: list[Any] = []
        self.losses: Counter[int | None] = Counter()
        self.slowest: float | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Inside, there are workers."""
        import ray

        with self.executor._connected():
            self.remote = ray.remote(num_cpus=1, num_gpus=self.gpus, max_restarts=0)(Remote)
            if self.sent is not None:
                self.sent = ray.put(self.sent)
            try:
                yield
            finally:
                for actor in {*(call.actor for call in self.calls.values()), *self.executor.pids}:
                    ray.kill(actor)
                self.executor.pids.clear()

    def run(self, tasks: Mapping[int, tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """Make what ``tasks`` say (number -> the arguments of ``make``), and yield each when it is done."""
        import ray

        self.tasks, waiting = tasks, deque(tasks)
        wanted = min(self.executor.workers or self.executor._width(self.gpus), len(tasks))
        while self.idle and waiting:
            self._give(self.idle.pop(), waiting)
        while len(self.calls) < wanted:
            self._start()
        try:
            while waiting or any(call.part is not None for call in self.calls.values()):
                finished, _ = ray.wait(list(self.calls), num_returns=1, timeout=WAIT_SECONDS)
                for ref in finished:
                    call = self.calls.pop(ref)
                    found = self._result(ref, call, waiting)
                    if found is not None and call.part is not None:
                        yield call.part, found
                if self.ends_hung:
                    self._end_hung(waiting)
                if self.check is not None:
                    self.check()
        finally:  # where the work was ended before all is made: what comes next gets none of it
            for ref, call in list(self.calls.items()):
                if call.part is not None:
                    del self.calls[ref]
                    self._kill(call.actor)

    def _start(self) -> None:
        actor = self.remote.remote()
        ref = actor.load.remote(self.begin, self.sent, _versions())
        self.calls[ref] = _Call(actor, None, time.monotonic())

    def _give(self, actor: Any, waiting: deque[int]) -> None:
        """Let a worker make what comes next, or wait."""
        if not waiting:
            self.idle.append(actor)
            return
        part = waiting.popleft()
        self.executor.began = self.executor.began or time.monotonic()
        self.calls[actor.make.remote(*self.tasks[part])] = _Call(actor, part, time.monotonic())

    def _result(self, ref: Any, call: _Call, waiting: deque[int]) -> Any:
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
            self.losses[None] = 0  # only losses in a row say that no worker can get ready
        else:
            self.slowest = max(self.slowest or 0.0, time.monotonic() - call.since)
        self._give(call.actor, waiting)
        return found

    def _lost(self, call: _Call, waiting: deque[int], how: str, error: Exception | None = None) -> None:
        """Replace the worker of ``call``, and let its part be made again."""
        self._kill(call.actor)  # it may only be out of reach
        self.losses[call.part] += 1
        if self.losses[call.part] >= MOST_LOSSES:
            reason = f" ({str(error).splitlines()[0].rstrip('.')})" if error is not None else ""
            what = "could not get ready" if call.part is None else f"was lost over {self.noun} {call.part:,}"
            raise EngineError(
                f"A worker {what} {MOST_LOSSES} times{reason}; look at the memory of its machine, or take fewer "
                "--workers."
            )
        if call.part is not None:
            self.executor.progress.note(f"A worker {how}; its {self.noun} {call.part:,} is made again.")
            waiting.appendleft(call.part)
        self._start()

    def _kill(self, actor: Any) -> None:
        import ray

        ray.kill(actor)
        self.executor.pids.pop(actor, None)

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
