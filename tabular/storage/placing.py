"""Puts finished files and folders in their place: on the disk, with the usual permissions, the old one kept till then.

Permissions follow one rule. A new file has those that the process' umask leaves, whichever library wrote it; what
replaces a file or folder keeps the permissions of that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError
from .locking import check_replaceable

__all__ = ["as_output_error", "hidden_beside", "place_file", "place_folder", "usual_permissions"]

_umask_lock = threading.Lock()


@contextlib.contextmanager
def as_output_error(path: str | Path) -> Iterator[None]:
    """Raise what the system refuses, or UTF-8 cannot hold, as :class:`OutputError`; a closed pipe passes."""
    try:
        yield
    except BrokenPipeError:
        raise
    except UnicodeEncodeError as error:
        found = error.object[error.start]
        raise OutputError(f"{path} cannot hold {found!r}, half of a character; take it out of the table.") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(
                f"The disk is full: {path} could not be written; free some space or write elsewhere."
            ) from None
        raise OutputError(f"{path} could not be written ({error.strerror or error}).") from None


def hidden_beside(target: Path) -> Path:
    """A name for what will become ``target``; :func:`.locking.claimed` knows it as left where its owner was killed."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def place_file(hidden: Path, target: Path) -> None:
    """Make ``hidden`` the file ``target`` in one step; both lie in one folder, and ``target`` is claimed.

    Raises:
        OutputError: if ``target`` was made meanwhile and may not be replaced.
        OSError: what the system says.
    """
    usual_permissions(hidden)
    check_replaceable(target)
    if target.exists():
        shutil.copymode(target, hidden)
    _sync(hidden)
    os.replace(hidden, target)
    _sync(target.parent)


def place_folder(hidden: Path, target: Path) -> None:
    """Make ``hidden`` the folder ``target``; an old one stands until then, and is removed after.

    Where the system cannot exchange two folders, none stands there for an instant; :func:`.locking.claimed` puts the
    old one back if the process is killed then.

    Raises:
        OutputError: if ``target`` was made meanwhile and may not be replaced.
        OSError: what the system says.
    """
    for path in hidden.rglob("*"):
        if path.is_file():
            usual_permissions(path)
        _sync(path)
    _sync(hidden)
    check_replaceable(target)
    if not target.exists():
        os.replace(hidden, target)
    else:
        shutil.copymode(target, hidden)
        if not _exchange(hidden, target):
            _swap(hidden, target)
        shutil.rmtree(hidden, ignore_errors=True)
    _sync(target.parent)


def usual_permissions(path: Path) -> None:
    """Give a file that a library made for its owner alone (0600) the permissions of any new file."""
    if path.stat().st_mode & 0o077 == 0:
        with _umask_lock:  # the system tells the umask only in exchange for another one
            umask = os.umask(0o077)
            os.umask(umask)
        path.chmod(0o666 & ~umask)


def _sync(path: Path) -> None:
    """Wait until ``path`` is on the disk, so that a power cut after a renaming leaves no empty file."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
            raise
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; ``False`` where the system or the file system cannot."""
    import ctypes

    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, 2) == 0)  # RENAME_SWAP
        here = -100  # AT_FDCWD
        return bool(library.renameat2(here, names[0], here, names[1], 2) == 0)  # RENAME_EXCHANGE
    except (OSError, AttributeError, TypeError):  # no such function; Windows, which has no library None
        return False


def _swap(new: Path, target: Path) -> None:
    """Put ``new`` in the place of ``target``, which goes to ``new``; if that fails, ``target`` comes back."""
    aside = new.with_suffix(".old")
    os.replace(target, aside)
    try:
        os.replace(new, target)
    except BaseException:
        os.replace(aside, target)
        raise
    os.replace(aside, new)
