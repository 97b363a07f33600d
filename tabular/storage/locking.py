"""Keeps two programs from writing one file or folder at once, and tidies what a killed program left beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import OutputError

__all__ = ["check_replaceable", "claimed"]

#: Errors of file systems that cannot lock.
_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}
#: The claims of this process: path -> (thread, whether what stands there may be replaced).
_held: dict[Path, tuple[int, bool]] = {}


@contextlib.contextmanager
def claimed(path: str | Path, *, replace: bool = True, wait: bool = False) -> Iterator[list[str]]:
    """Inside, no other program that claims ``path`` writes it; the system ends the claim of a program that dies.

    The claim is a lock on the hidden file ``.NAME.lock`` beside ``path``. Hidden files of an earlier program that was
    killed are removed. A claim inside a claim of the same thread, and on a device, a pipe or ``-``, does nothing.

    Args:
        replace: whether :func:`check_replaceable` lets go what stands at ``path``.
        wait: wait for the other program instead of raising.

    Yields:
        Sentences about what was tidied, and about a file system that cannot lock.

    Raises:
        OutputError: if another program holds the claim, or the folder cannot be written.
    """
    target = Path(path).resolve()
    device = Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir())
    mine = _held.get(target, (None, replace))[0] == threading.get_ident()
    if str(path) == "-" or device or mine or not target.name:
        yield []
        return
    lock = target.with_name(f".{target.name}.lock")
    acquired: tuple[int, bool] | None = None
    try:
        try:
            # Waiting must end at Ctrl-C; a lock file that is made and not yet known to be held would be left.
            with contextlib.nullcontext() if wait else _interrupt_deferred():
                acquired = _acquire(lock, wait)
                _held[target] = threading.get_ident(), replace
        except BlockingIOError as error:
            raise OutputError(
                f"{path} is being written by another tabllm ({error.strerror}); wait for it, or choose another name "
                "with -o."
            ) from None
        except OSError as error:
            raise OutputError(f"{path} could not be written ({error.strerror or error}).") from None
        if acquired[1]:
            notes = _tidied(target)
        else:
            notes = [f"The file system of {path} has no locks: do not let two commands write it at once."]
        yield notes
    finally:
        if acquired is not None:
            with _interrupt_deferred():
                del _held[target]
                _release(lock, acquired[0])


@contextlib.contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Inside, Ctrl-C (and what is forwarded to its handler) is only noted; it acts at the end."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    noted: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: noted.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if noted:
            before(*noted[0])


def check_replaceable(path: str | Path) -> None:
    """Raise :class:`OutputError` if something stands at ``path`` that its claim does not let be replaced."""
    target = Path(path).resolve()
    if _held.get(target, (0, True))[1] or not target.exists():
        return
    if target.is_file() or any(target.iterdir()):
        raise OutputError(
            f"{path} was made by another program meanwhile, and is not replaced; add --force to replace it, or choose "
            "another name with -o."
        )


def _acquire(lock: Path, wait: bool) -> tuple[int, bool]:
    """(descriptor of the lock file, whether it is locked). Raises ``BlockingIOError`` that names the owner."""
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:
            descriptor = os.open(lock, os.O_RDONLY)  # left by another user
        try:
            _lock(descriptor, wait)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor, False
            owner = os.pread(descriptor, 100, 0).decode(errors="replace") if hasattr(os, "pread") else ""
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise BlockingIOError(errno.EAGAIN, owner.strip() or "another process") from None
            raise
        # Its former owner may have removed the file after it was opened here.
        if _is_at(descriptor, lock):
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()}, since {time.strftime('%H:%M:%S')}\n".encode())
            return descriptor, True
        os.close(descriptor)


def _lock(descriptor: int, wait: bool) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond the text, which others read
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _release(lock: Path, descriptor: int) -> None:
    """Remove the file while it is still locked, so that whoever opened it meanwhile sees that it is gone."""
    with contextlib.suppress(OSError):
        if _is_at(descriptor, lock):
            lock.unlink()
    os.close(descriptor)
    if os.name == "nt":  # an open file cannot be removed there
        with contextlib.suppress(OSError):
            lock.unlink()


def _tidied(target: Path) -> list[str]:
    """Remove what an owner that died left beside ``target``, and put a folder back that it had moved aside."""
    # A folder that is written into a hidden folder has a hidden name twice, and a lock of its own.
    left = re.compile(rf"\.+{re.escape(target.name)}(\.[0-9a-f]{{8}}\.(part|old))+(\.lock)?")
    with os.scandir(target.parent) as entries:
        names = sorted(entry.name for entry in entries if left.fullmatch(entry.name))
    notes = []
    for name in names:
        path = target.with_name(name)
        if name.endswith(".old") and not target.exists():
            os.replace(path, target)
            notes.append(f"Put {target.name} back, which a killed command had moved aside.")
            continue
        size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        notes.append(f"Removed {name}, {size / 1e6:,.1f} MB that a killed command had left.")
    return notes
