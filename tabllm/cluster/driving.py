"""Runs a job: what is there already counts, the rest is made, and the manifest says what is whole."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from tabular.errors import OutputError
from tabular.progress import Reporter

from .executors import Executor
from .folders import MANIFEST, Folder
from .job import Job, PartFacts, Work

__all__ = ["Done", "counted", "run_job"]

#: Seconds between two writings of the manifest: what was finished since the last one is made again after a power cut.
MANIFEST_EVERY = 5.0
#: Seconds in which a file of another machine must be seen: NFS remembers for up to a minute that there was none.
SEEN_SECONDS = 90.0


@dataclass
class Done:
    """What stands in a folder.

    Attributes:
        rows: of all parts that are whole.
        resumed: how many of them were there at the start.
        parts: how many parts are whole.
    """

    rows: int = 0
    resumed: int = 0
    parts: int = 0


def run_job(
    work: Work,
    folder: Folder,
    executor: Executor,
    *,
    force: bool = False,
    label: str = "Sampling",
    progress: Reporter | None = None,
    done: Done | None = None,
) -> Done:
    """Make all parts of ``work`` that are not whole yet.

    Args:
        folder: :func:`.folders.open_folder` of :attr:`.job.Work.out`.
        force: whether parts of another job may be removed.
        done: counts as the work goes on, for a caller that wants to know after an interruption.

    Raises:
        OutputError: if the folder holds parts of another job, a worker wrote elsewhere, or the disk is full.
        TabllmError: what a part raised.
    """
    progress, done = progress or Reporter(), done or Done()
    with folder.claimed() as notes:
        for note in notes:
            progress.note(note)
        whole = _taken_up(work.job, folder, progress, force=force)
        _make_missing(work, folder, executor, whole, label, progress, done)
    return done


def _make_missing(
    work: Work,
    folder: Folder,
    executor: Executor,
    whole: dict[int, PartFacts],
    label: str,
    progress: Reporter,
    done: Done,
) -> None:
    """Make the parts that are not ``whole``, which they are added to."""
    job = work.job
    done.resumed = done.rows = sum(facts.rows for facts in whole.values())
    done.parts = len(whole)
    missing = [part for part in range(job.parts) if part not in whole]
    if done.resumed and missing:
        progress.note(f"Going on after {done.resumed:,} rows in {counted(done.parts)} of {folder.name}.")
    _write(job, folder, whole)
    written = time.monotonic()
    try:
        # Closed at once where this is interrupted: no worker may write any more.
        with progress.task(label, job.rows, "rows") as task, closing(executor.run(work, missing)) as finished:
            task.advance(done.rows)
            for facts in finished:
                _check_seen(job, folder, facts)
                whole[facts.part] = facts
                done.rows, done.parts = done.rows + facts.rows, len(whole)
                task.advance(facts.rows)
                if time.monotonic() - written > MANIFEST_EVERY:
                    _write(job, folder, whole)
                    written = time.monotonic()
    finally:
        _write(job, folder, whole)
    if len(whole) < job.parts:
        raise OutputError(f"{folder.name} is not whole: {job.parts - len(whole):,} of {job.parts:,} parts are missing.")


def counted(parts: int) -> str:
    """``1 part``, ``2 parts``."""
    return f"{parts:,} part{'s' * (parts != 1)}"


def _taken_up(job: Job, folder: Folder, progress: Reporter, *, force: bool) -> dict[int, PartFacts]:
    """The parts that are there and whole, by their numbers. Parts of another job are removed, or refused."""
    try:
        found = folder.manifest()
        other = None if found is None else job.difference(found["job"])
    except OutputError:
        if not force:
            raise
        found, other = None, "damaged"
    if other is not None:
        if not force:
            raise OutputError(
                f"{folder.name} holds parts of another command ({other}); add --force to replace them, or name "
                "another folder with -o."
            )
        folder.clear()
        return {}
    sizes = folder.sizes()
    if found is None:
        if sizes and not force:
            raise OutputError(
                f"{folder.name} holds Parquet parts without a manifest; add --force to replace them, or name another "
                "folder with -o."
            )
        folder.clear()
        return {}
    whole, damaged = {}, 0
    for facts in filter(None, map(_facts, found["parts"])):
        name = job.file(facts.part)
        if sizes.get(name) == facts.bytes and folder.sha256(name) in (facts.sha256, None):
            whole[facts.part] = facts
        elif name in sizes:
            damaged += 1
    if damaged:
        progress.note(f"{counted(damaged)} in {folder.name} had been damaged: to be made again.")
    return {part: facts for part, facts in whole.items() if 0 <= part < job.parts}


def _facts(entry: Any) -> PartFacts | None:
    """A part of a manifest, as far as it can be read."""
    try:
        facts = PartFacts(**entry)
    except TypeError:
        return None
    numbers = (facts.part, facts.rows, facts.bytes)
    return facts if all(type(number) is int for number in numbers) and isinstance(facts.sha256, str) else None


def _check_seen(job: Job, folder: Folder, facts: PartFacts) -> None:
    """Raise :class:`OutputError` where the file that a worker wrote is not seen here, even after a while.

    A network file system tells one machine late what another one wrote.
    """
    until = time.monotonic() + SEEN_SECONDS
    while folder.size(job.file(facts.part)) != facts.bytes:
        if time.monotonic() < until:
            time.sleep(SEEN_SECONDS / 100)
            continue
        raise OutputError(
            f"{folder.name}{job.file(facts.part)}, which a worker wrote, is not seen on this machine; the folder must "
            "lie on a disk that all machines share, or in an object store."
        )


def _write(job: Job, folder: Folder, whole: dict[int, PartFacts]) -> None:
    parts = [asdict(whole[part]) for part in sorted(whole)]
    rows = sum(facts.rows for facts in whole.values())
    manifest = {"job": job.to_dict(), "whole": len(whole) == job.parts, "rows": rows, "parts": parts}
    folder.put(MANIFEST, (json.dumps(manifest, separators=(",", ":")) + "\n").encode())
