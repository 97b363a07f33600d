"""A run from a repository of a hub: looked through before it is fetched, checked before it stands in its folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular.errors import RunError, UsageError
from tabular.io.origins import file_sha256
from tabular.progress import Reporter
from tabular.runs import describe_run
from tabular.schema import Schema
from tabular.storage.rundir import atomic_directory

from ..hub.download import fetch, is_offline, quiet_client
from ..hub.errors import ModelError
from ..hub.model_files.config import check_no_code
from ..hub.names import HubName
from .errors import HubError, explain
from .files import CARD, CHECKSUMS, OF_THE_HUB, check_names, read_checksums

__all__ = ["Pulled", "pull_run"]


@dataclass(frozen=True)
class Pulled:
    """What was pulled: the commit's hash, the run's facts as its ``describe()`` gives them, and its schema."""

    commit: str
    facts: dict[str, Any]
    schema: Schema


def pull_run(wanted: HubName, out: str | Path, *, progress: Reporter | None = None) -> Pulled:
    """Write the run in the repository ``wanted`` to the folder ``out``; it appears whole or not at all.

    With ``HF_HUB_OFFLINE`` what lies in the hub's cache is taken.

    Raises:
        HubError: if it cannot be had, holds a file that is none of a run's, or a file is not what was pushed.
        OutputError: if ``out`` cannot be written.
    """
    try:
        snapshot = _fetched(wanted, progress or Reporter())
    except Exception as error:  # what the client raises changes with the library it stands on
        raise explain(error, wanted, pushing=False) from None
    there = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]
    names = _names_of(there, wanted.repo)
    checksums = read_checksums((snapshot / CHECKSUMS).read_text(encoding="utf-8"), wanted.repo)
    if set(names) != set(checksums) | {CARD}:
        one = min(set(names) ^ (set(checksums) | {CARD}))
        raise HubError(f"{wanted.repo} is not as it was pushed: {one} is missing or one too many; push the run again.")
    with atomic_directory(out) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(snapshot / name, folder / name)
            if name != CARD and file_sha256(folder / name) != checksums[name]:
                raise HubError(f"{name} of {wanted.repo} does not have its checksum; push the run again.")
        facts, schema = _checked(folder, wanted.repo)
    return Pulled(snapshot.name, facts, schema)


def _fetched(wanted: HubName, progress: Reporter) -> Path:
    """The snapshot in the hub's cache; nothing is fetched of a repository that holds anything else than a run."""
    from huggingface_hub import HfApi, snapshot_download

    if is_offline():
        return Path(snapshot_download(wanted.repo, revision=wanted.revision, local_files_only=True))
    with quiet_client():
        info = HfApi().model_info(wanted.repo, revision=wanted.revision, files_metadata=True, timeout=20)
    files = info.siblings or ()
    _names_of([file.rfilename for file in files], wanted.repo)
    return fetch(wanted, sum(file.size or 0 for file in files), progress)


def _names_of(there: list[str], repo: str) -> list[str]:
    """The run's files among those of a repository. Raises :class:`HubError` if it is none that was pushed."""
    if CHECKSUMS not in there:
        raise HubError(f"{repo} holds no run that 'tabllm push' wrote; it has no {CHECKSUMS}.")
    names = sorted(set(there) - set(OF_THE_HUB) - {CHECKSUMS})
    check_names(names, repo)
    return names


def _checked(folder: Path, repo: str) -> tuple[dict[str, Any], Schema]:
    """What :func:`describe_run` says of the run in ``folder``, whose errors name ``repo``."""
    try:
        if (folder / "model").is_dir():
            check_no_code(folder / "model", repo)
        described = describe_run(folder)
    except (RunError, UsageError, ModelError) as error:
        raise HubError(str(error).replace(str(folder), repo)) from None
    if described is None:
        raise HubError(f"{repo} holds no whole run: it has no codec.json.")
    return described
