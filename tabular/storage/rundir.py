"""Folders that tabllm writes: a run appears whole or not at all, and only what tabllm wrote is ever replaced.

Every folder bears the file :data:`MARKER`. Files of text are written here likewise.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Any

from ..errors import OutputError, RunError
from .locking import claimed
from .placing import as_output_error, hidden_beside, place_file, place_folder

__all__ = [
    "HISTORY",
    "MARKER",
    "atomic_directory",
    "check_readable",
    "check_run_directory",
    "claimed_folder",
    "drop_partial",
    "holds",
    "make_folder",
    "mark_folder",
    "partial_of",
    "put_back",
    "run_stamp",
    "take_partial",
    "work_folder",
    "write_json",
    "write_text",
]

#: The file by which a folder is known as one that tabllm wrote and may replace or remove.
MARKER = ".tabllm"
#: The losses of a fit, in its run, and in its partial folder while it goes on.
HISTORY = "history.jsonl"
#: What earlier releases, which set no marker, left of an interrupted fit.
_OLD_PARTIAL = {"checkpoint.safetensors", "checkpoint.part", "noise.json"}


def make_folder(path: Path) -> None:
    """Make ``path`` and all above it where it is not there. Raises :class:`OutputError` if it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} could not be made ({error.strerror or error}); choose another folder with -o."
        ) from None


def check_run_directory(path: str | Path, *, overwrite: bool = True) -> None:
    """Raise :class:`OutputError` if no run can be written to ``path``; call it before long work begins.

    A directory that is there may be replaced only if it is empty or tabllm wrote it.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_dir():
        raise OutputError(f"{path} is a file; name a directory.")
    if target.is_dir() and any(target.iterdir()):
        if not (_is_marked(target) or _is_old_run(target)):
            raise OutputError(
                f"{path} is not empty and not a run or model that tabllm wrote, so it is not replaced; name another "
                "directory."
            )
        if not overwrite:
            raise OutputError(f"{path} holds a run already; remove it, or allow it to be overwritten.")
    folder = target.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, so {path} cannot be made in it; name another directory.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"The folder {folder} may not be written; choose another, or change its permissions.")


@contextlib.contextmanager
def claimed_folder(path: str | Path, *, replace: bool = True) -> Iterator[list[str]]:
    """As :func:`.locking.claimed`; the folders above ``path`` are made, and removed again if they stay empty."""
    above = Path(path).resolve().parent
    made = [folder for folder in (above, *above.parents) if not folder.exists()]
    make_folder(above)
    try:
        with claimed(path, replace=replace) as notes:
            yield notes
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()


@contextlib.contextmanager
def atomic_directory(path: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a directory beside ``path``, empty but for :data:`MARKER`, that takes its place when the block ends well.

    A run that stands there is replaced only at the end. After an error or Ctrl-C the new directory is
    removed and the old one is as it was.

    Raises:
        OutputError: if ``path`` holds something that tabllm did not write, another program is writing it, or it cannot
            be written (no permission, disk full).
    """
    check_run_directory(path, overwrite=overwrite)
    target = Path(path).resolve()
    hidden = hidden_beside(target)
    with claimed_folder(path, replace=overwrite):
        try:
            with as_output_error(path):
                hidden.mkdir()
                mark_folder(hidden)
                yield hidden
                check_run_directory(path, overwrite=overwrite)
                place_folder(hidden, target)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)


@contextlib.contextmanager
def work_folder(path: str | Path, *known: str) -> Iterator[list[str]]:
    """Claim the folder of a longer work, in which later calls go on; made if absent, removed if it stays empty.

    Args:
        known: patterns of files by which a folder of an earlier release, which bears no marker, is known.

    Yields:
        As :func:`.locking.claimed`.

    Raises:
        OutputError: if it holds something that tabllm did not write, or another program is working in it.
    """
    folder = Path(path).resolve()
    with claimed_folder(path) as notes:
        make_folder(folder)
        if any(folder.iterdir()) and not _is_marked(folder) and not any(any(folder.glob(name)) for name in known):
            raise OutputError(f"{path} is not empty and not a folder that tabllm wrote; name another with -o.")
        with as_output_error(path):
            mark_folder(folder)
        for entry in sorted(folder.rglob(".*.part")):
            name = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.part", entry.name)
            if name:
                with contextlib.suppress(OutputError), claimed(entry.with_name(name[1])) as more:
                    notes += more
        try:
            yield notes
        finally:
            if [entry.name for entry in folder.iterdir()] == [MARKER]:
                shutil.rmtree(folder, ignore_errors=True)


def partial_of(path: str | Path) -> Path:
    """The folder in which an unfinished ``path`` lies."""
    path = Path(path) if Path(path).name not in ("", "..") else Path(path).resolve()
    return path.with_name(path.name + ".partial")


def take_partial(path: str | Path) -> Path:
    """Make :func:`partial_of` of ``path``, or take up the one that an interrupted call left.

    Raises:
        OutputError: if it holds something that tabllm did not write, or cannot be written.
    """
    partial = partial_of(path)
    if partial.exists() and not partial.is_dir():
        raise OutputError(f"{partial} is a file, and what is unfinished goes there; move it, or choose another -o.")
    names = {entry.name for entry in partial.iterdir()} if partial.is_dir() else set()
    if names - _OLD_PARTIAL and MARKER not in names:
        raise OutputError(
            f"{partial}/ is not a folder that tabllm wrote, and what is unfinished goes there; move it, or choose "
            "another -o."
        )
    with as_output_error(partial):
        partial.mkdir(exist_ok=True)
        mark_folder(partial)
    return partial


def drop_partial(path: str | Path, *, if_empty: bool = False) -> None:
    """Remove what :func:`take_partial` made, in one step, so that a kill leaves no half of it.

    Args:
        if_empty: only if nothing but the marker is in it.
    """
    partial = partial_of(path)
    if not _is_marked(partial) or (if_empty and (holds(partial) or (partial / HISTORY).exists())):
        return
    hidden = hidden_beside(partial.with_name(partial.name.removesuffix(".partial")))
    with contextlib.suppress(OSError):
        os.replace(partial, hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def holds(folder: Path) -> bool:
    """Whether there is anything in ``folder`` to go on from: more than the marker and a fit's losses."""
    return folder.is_dir() and any(entry.name not in (MARKER, HISTORY) for entry in folder.iterdir())


def run_stamp(folder: str | Path) -> list[list[Any]]:
    """What tells a run from one that was fitted anew in its place: [name, bytes, time of writing] of each file."""
    files = sorted((path, path.stat()) for path in Path(folder).rglob("*") if path.is_file())
    return [[path.name, stat.st_size, stat.st_mtime_ns] for path, stat in files]


def put_back(path: str | Path) -> None:
    """Put a folder back that a killed program had moved aside from ``path``, where nothing stands now."""
    target = Path(path).resolve()
    if not target.exists() and any(target.parent.glob(f".{escape(target.name)}.*.old")):
        with contextlib.suppress(OutputError), claimed(path):
            pass


def check_readable(folder: str | Path) -> None:
    """Raise :class:`RunError` if this user may not read the run ``folder`` or a file of it."""
    for path in (Path(folder), *Path(folder).glob("*"), *Path(folder).glob("model/*")):
        if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            raise RunError(f"{path} may not be read by you; ask its owner for it: chmod -R a+rX {folder}.")


def mark_folder(folder: Path) -> None:
    """Let ``folder``, which is there, be known as one that tabllm wrote."""
    marker = folder / MARKER
    if not marker.exists():
        marker.write_text("tabllm wrote this folder, and may replace or remove it.\n", encoding="utf-8")


def _is_marked(folder: Path) -> bool:
    return (folder / MARKER).is_file()


def _is_old_run(folder: Path) -> bool:
    """Whether an earlier release, which set no marker, wrote this run."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    known = isinstance(config, dict) and isinstance(config.get("model"), str) and isinstance(config.get("version"), int)
    return known and (folder / "schema.json").is_file()


def write_json(path: str | Path, data: Any) -> None:
    """Write ``data`` as indented JSON; an old file is replaced in one step.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8; an old file is replaced in one step, a device or a pipe is written to.

    Raises:
        OutputError: if it cannot be written.
    """
    if Path(path).exists() and not Path(path).is_file():
        with as_output_error(path):
            Path(path).write_text(text, encoding="utf-8")
        return
    target = Path(path).resolve()
    hidden = hidden_beside(target)
    with claimed(path, wait=True):
        try:
            with as_output_error(path):
                hidden.write_text(text, encoding="utf-8")
                place_file(hidden, target)
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink()
