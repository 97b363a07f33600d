#!/usr/bin/env python3
"""Feeds mutated inputs to every reader: each must give a result or one sentence, in 20 s and 1 GB.

    python scripts/fuzz_inputs.py --count 1000000 --state fuzz.json
    python scripts/fuzz_inputs.py --replay "schema:4711"

Every input is drawn from its kind and its number alone, so a number is enough to see it again. What has been done is
written to --state; the same call goes on from there. At the end a table tells, per kind, how many inputs were read and
refused, by which errors, the slowest, and how far one input raised the peak of the memory. The exit code is 1 if an
input led to anything else than a result or a TabllmError, took longer than 20 s, or 1 GB.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzzing.targets import TARGETS, Target

from tabular.errors import TabllmError
from tabular.plain_json import FieldError

#: What one input may take.
MOST_SECONDS, MOST_MB = 20, 1000
#: Inputs of a piece of work: so many are lost when the script is killed.
CHUNK = {"schema": 5000, "conditions": 5000}
DEFAULT_CHUNK = 500


@dataclass
class Tally:
    """What became of some inputs of one kind; ``faults`` are (number, what happened)."""

    inputs: int = 0
    read: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0
    peak_mb: float = 0.0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another piece of work found."""
        self.inputs, self.read = self.inputs + other.inputs, self.read + other.read
        self.errors = self.errors + other.errors
        self.slowest, self.peak_mb = max(self.slowest, other.slowest), max(self.peak_mb, other.peak_mb)
        self.seconds, self.faults = self.seconds + other.seconds, [*self.faults, *other.faults]


class TooSlow(BaseException):
    """Not an ``Exception``, so that no reader takes it for a fault of the input."""


def try_numbers(target: Target, numbers: range) -> Tally:
    """Feed the inputs ``numbers`` of one kind, and count."""
    tally = Tally()
    for number in numbers:
        before, began = _memory_mb(), time.perf_counter()
        fault = None
        try:
            feed(target, number)
            tally.read += 1
        except (TabllmError, FieldError) as error:
            tally.errors[type(error).__name__] += 1
            if "\n" in str(error):
                fault = f"an error of several lines: {error}"
        except (Exception, TooSlow) as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__}: {str(error)[:150]} ({Path(place.filename).name}:{place.lineno})"
        took = time.perf_counter() - began
        grown = _memory_mb() - before
        if fault is None and (took > MOST_SECONDS or grown > MOST_MB):
            fault = f"{took:.1f} s and {grown:,.0f} MB"
        if fault is not None:
            tally.faults.append((number, fault))
        tally.inputs += 1
        tally.seconds += took
        tally.slowest, tally.peak_mb = max(tally.slowest, took), max(tally.peak_mb, grown)
    return tally


def feed(target: Target, number: int) -> None:
    """Make one input and feed it."""
    rng = random.Random(f"{target.name}:{number}")
    target.feed(target.make(rng), rng)


def _memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


_targets: dict[str, Target] = {}


def _target(kind: str) -> Target:
    if kind not in _targets:
        _targets[kind] = TARGETS[kind](Path(tempfile.mkdtemp(prefix="fuzz-")))
    return _targets[kind]


def _work(kind: str, start: int, count: int) -> tuple[str, int, dict[str, Any]]:
    """In a worker: one piece of work, with limits."""
    target = _target(kind)
    if sys.platform == "linux":  # beyond what the process holds already
        held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (held + 3 * MOST_MB * 10**6, resource.getrlimit(resource.RLIMIT_AS)[1]))
    signal.signal(signal.SIGALRM, _too_slow)
    tally = Tally()
    try:
        for number in range(start, start + count):
            signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
            faulthandler.dump_traceback_later(5 * MOST_SECONDS, exit=True)  # where no Python runs to hear the alarm
            tally.add(try_numbers(target, range(number, number + 1)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    return kind, start, vars(tally)


def _too_slow(number: int, frame: Any) -> None:
    raise TooSlow(f"more than {MOST_SECONDS} s")


def _begin_worker() -> None:
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)


def _plan(kinds: list[str], count: int) -> Iterator[tuple[str, int, int]]:
    total = sum(TARGETS[kind].share for kind in kinds)
    for kind in kinds:
        wanted = max(1, round(count * TARGETS[kind].share / total))
        size = CHUNK.get(kind, DEFAULT_CHUNK)
        yield from ((kind, start, min(size, wanted - start)) for start in range(0, wanted, size))


def run(kinds: list[str], count: int, seconds: float, jobs: int, state: Path | None) -> dict[str, Tally]:
    """All pieces of work that the state does not hold yet."""
    done: dict[str, dict[str, Any]] = json.loads(state.read_text()) if state is not None and state.exists() else {}
    pieces = [piece for piece in _plan(kinds, count) if f"{piece[0]}:{piece[1]}:{piece[2]}" not in done]
    random.Random(0).shuffle(pieces)
    began, running, lost = time.monotonic(), {}, []
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    while pieces or running:
        while pieces and len(running) < jobs and time.monotonic() - began < seconds:
            piece = pieces.pop()
            running[pool.submit(_work, *piece)] = piece
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            piece = running.pop(future)
            try:
                done[":".join(map(str, piece))] = future.result()[2]
            except BrokenProcessPool as error:  # a crash, or 100 s in which no Python ran
                lost.append(piece)
                print(f"A worker died at {piece} ({error}).", file=sys.stderr)
                pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin_worker)
            if state is not None:
                state.write_text(json.dumps(done))
            if sys.stderr.isatty():
                told = sum(entry["inputs"] for entry in done.values())
                print(f"\r{told:,} inputs, {time.monotonic() - began:.0f} s ", end="", file=sys.stderr)
    pool.shutdown()
    tallies: dict[str, Tally] = {kind: Tally() for kind in kinds}
    for name, entry in done.items():
        kind = name.split(":")[0]
        if kind in tallies:
            tallies[kind].add(Tally(**{**entry, "errors": Counter(entry["errors"])}))
    for kind, start, size in lost:
        tallies[kind].faults.append((start, f"a worker died in the {size:,} inputs from here on"))
    return tallies


def show(tallies: dict[str, Tally]) -> int:
    """Draw the table and the faults; return the exit code."""
    print("| kind | inputs | read | refused, by error | ms each | slowest s | peak MB | faults |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for kind, tally in tallies.items():
        errors = ", ".join(f"{name} {count:,}" for name, count in tally.errors.most_common())
        each = 1000 * tally.seconds / max(tally.inputs, 1)
        print(
            f"| {kind} | {tally.inputs:,} | {tally.read:,} | {errors} | {each:.2f} | {tally.slowest:.2f} | "
            f"{tally.peak_mb:,.0f} | {len(tally.faults)} |"
        )
    print(f"\n{sum(tally.inputs for tally in tallies.values()):,} inputs")
    for kind, tally in tallies.items():
        seen: Counter[str] = Counter(fault for _, fault in tally.faults)
        for fault, times in seen.most_common(20):
            number = next(n for n, f in tally.faults if f == fault)
            print(f"{kind}:{number}  {times:,} x  {fault}")
    return int(any(tally.faults for tally in tallies.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="inputs of all kinds together")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing new after so long")
    parser.add_argument("--kinds", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--state", type=Path, help="what was done already, to go on from")
    parser.add_argument("--replay", metavar="KIND:NUMBER", help="feed one input, with its traceback")
    options = parser.parse_args()
    if options.replay:
        kind, _, number = options.replay.rpartition(":")
        target = _target(kind)
        print(repr(target.make(random.Random(f"{kind}:{number}")))[:5000])
        feed(target, int(number))
        return
    sys.exit(show(run(options.kinds, options.count, options.seconds, options.jobs, options.state)))


if __name__ == "__main__":
    main()
