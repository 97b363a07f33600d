"""What a command writes: kept from other commands while it works, and replaced only with ``--force``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from tabular.errors import UsageError

from .options import Decorated
from .session import STDOUT, Session

__all__ = ["claim", "claim_work", "force_option"]


def force_option(what: str) -> Callable[[Decorated], Decorated]:
    """``--force``: replace ``what``."""
    return click.option("-f", "--force", is_flag=True, help=f"Overwrite {what} that exists already.")


def claim(session: Session, path: str | Path, *, force: bool, folder: bool = False) -> None:
    """Keep other commands from writing ``path`` until this one ends, and tell what a killed one left there.

    Args:
        force: whether what stands there may be replaced; looked at again just before it would be.
        folder: whether it will be one; the folders above it are made.

    Raises:
        UsageError: if ``path`` exists and may not be replaced. A device or pipe may always be written.
        OutputError: if another command is writing it.
    """
    from tabular.storage.locking import claimed
    from tabular.storage.rundir import MARKER, claimed_folder, holds, partial_of

    _enter(session, (claimed_folder if folder else claimed)(path, replace=force))
    existing = Path(path)
    if str(path) != STDOUT and not force and (existing.is_file() or existing.is_dir()):
        unfinished = partial_of(path)
        goes_on = f", going on from {unfinished}/" if holds(unfinished) and (unfinished / MARKER).exists() else ""
        raise UsageError(f"{path} exists already; add --force to replace it{goes_on}, or name another with -o.")


def claim_work(session: Session, folder: str | Path, *known: str) -> None:
    """As :func:`claim`, for a folder in which a later call goes on; see :func:`tabular.storage.rundir.work_folder`."""
    from tabular.storage.rundir import work_folder

    _enter(session, work_folder(folder, *known))


def _enter(session: Session, claims: AbstractContextManager[list[str]]) -> None:
    for note in click.get_current_context().with_resource(claims):
        session.say(note)
