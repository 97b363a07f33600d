"""How many threads compute, and how they wait: a processor is shared with other programs.

The threads of one operation wait for the slowest. Beside another busy program that is the one that shares its core with
it, and a fit on all of two cores takes three to ten times as long, on one of them a quarter more.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["allowed_cores", "free_cores", "one_thread_an_operation", "share_processor", "spin_briefly"]

#: What the user may have set: then nothing is changed.
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
#: How long the use of the processor is measured: /proc/stat counts in hundredths of a second.
MEASURE_SECONDS = 0.2


def spin_briefly() -> None:
    """Let OpenMP's threads spin for about a millisecond while they wait, then sleep; the user's own settings win.

    libgomp (Linux) spins for some 16 ms by default and libomp (macOS) for 200: a core taken from others for nothing.
    Sleeping at once (``OMP_WAIT_POLICY=passive``) made a fit of nano half as long again on an idle machine, 3,000 turns
    a third, and 30,000 none by more than timings vary. Both read it when they are loaded, so it comes before torch.
    """
    if not any(name in os.environ for name in _WAITING):
        os.environ["GOMP_SPINCOUNT"], os.environ["KMP_BLOCKTIME"] = "30000", "1"


def allowed_cores() -> int:
    """The cores that this process may use: a container or ``taskset`` may grant fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def free_cores() -> int:
    """Threads to compute with: ``OMP_NUM_THREADS``, else the cores that other programs leave free, at least 1.

    Less than half a core in all does not count: a desktop is never wholly idle. Measured once in a process, since
    results can differ in their last digits with the number of threads, and the same seed is to give the same rows.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal():
        return max(1, int(wanted))
    return max(1, min(allowed_cores(), int(_idle_cores() + 0.5)))


def _idle_cores() -> float:
    """How many cores of the machine are idle while this thread sleeps."""
    import psutil

    return float((os.cpu_count() or 1) * (1 - psutil.cpu_percent(interval=MEASURE_SECONDS) / 100))


@functools.cache
def share_processor() -> str | None:
    """Let torch compute on the free cores; return one sentence for the user where those are fewer than all."""
    import torch

    before, free = torch.get_num_threads(), free_cores()
    if free >= before:  # a smaller number is the caller's own choice
        return None
    torch.set_num_threads(free)
    return (
        f"Other programs are busy: computing with {free} thread{'s' * (free != 1)} in place of {before} "
        "(OMP_NUM_THREADS sets another number)."
    )


#: By how many threads torch computed outside of :func:`one_thread_an_operation`.
_outside: ContextVar[int | None] = ContextVar("outside", default=None)


@contextlib.contextmanager
def one_thread_an_operation() -> Iterator[int]:
    """Inside, torch computes each operation by one thread; yields by how many it did outside, where this is nested too.

    Sums of several threads differ in their last digits with their number, and so would rows.
    """
    import torch

    before = torch.get_num_threads()
    threads = _outside.get() or before
    token = _outside.set(threads)
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)
        _outside.reset(token)
