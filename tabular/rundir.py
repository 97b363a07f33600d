"""Writes a run directory so that it appears whole or not at all, and files of text likewise."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import OutputError

__all__ = ["atomic_directory", "check_run_directory", "make_folder", "write_json", "write_text"]


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

    A directory that is there may be replaced only if it is empty or a run (it has a ``config.json``).
    """
    target = Path(path).absolute()
    if target.exists() and not target.is_dir():
        raise OutputError(f"{path} is a file; name a directory.")
    if target.is_dir() and any(target.iterdir()):
        if not (target / "config.json").is_file():
            raise OutputError(f"{path} is not empty and not a run, so it is not replaced; name another directory.")
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
def atomic_directory(path: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield an empty directory beside ``path`` that takes its place when the block ends well.

    A run that stands there is replaced only at the end. After an error or Ctrl-C the new directory is
    removed and the old one is as it was.

    Raises:
        OutputError: if ``path`` holds something that is no run, or cannot be written (no permission,
            disk full).
    """
    check_run_directory(path, overwrite=overwrite)
    target = Path(path).absolute()
    mark = secrets.token_hex(4)
    hidden = target.with_name(f".{target.name}.{mark}.part")
    try:
        hidden.mkdir(parents=True)
        yield hidden
        _swap(hidden, target, target.with_name(f".{target.name}.{mark}.old"))
    except OSError as error:
        raise _told(path, error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _swap(new: Path, target: Path, aside: Path) -> None:
    """Put ``new`` in the place of ``target``; if that fails, ``target`` comes back."""
    if not target.exists():
        os.replace(new, target)
        return
    # A directory cannot be replaced in one step, so for an instant there is none at ``target``.
    os.replace(target, aside)
    try:
        os.replace(new, target)
    except BaseException:
        os.replace(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


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
    path = Path(path)
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        hidden.write_text(text, encoding="utf-8")
        os.replace(hidden, path)
    except OSError as error:
        raise _told(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink()


def _told(path: str | Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk is full: {path} could not be written; free some space or write elsewhere.")
    return OutputError(f"{path} could not be written ({error.strerror or error}).")
