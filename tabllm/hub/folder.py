"""From a model's name to the folder that holds it: on this machine, in the hub's cache, or on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tabular.errors import UsageError
from tabular.progress import Reporter

from .failures import not_here, offline
from .model_files.check import check_folder
from .names import HubName, hub_name, is_model_name, local_folder

__all__ = ["ModelFolder", "is_model_name", "locate", "resolve"]


@dataclass(frozen=True)
class ModelFolder:
    """Where a model lies.

    Attributes:
        name: as it was requested, without a revision.
        repo: its id on the hub; ``None`` for a local folder.
        revision: the commit; ``None`` for a local folder.
    """

    path: Path
    name: str
    repo: str | None
    revision: str | None


def resolve(name: str, *, revision: str | None = None, progress: Reporter | None = None) -> ModelFolder:
    """The folder of a model, pulled from the hub where it is not here yet.

    The cache is enough where ``revision`` is a commit, ``HF_HUB_OFFLINE`` is set, or the hub cannot be reached;
    else the hub is asked whether there is something newer.

    Args:
        name: a name of :data:`.catalog.CATALOG`, a hub id, each maybe with ``@revision``, or a local folder, which is
            looked for first.
        revision: a branch, tag or commit of a model on the hub.

    Raises:
        UsageError: for a name that can be none of these.
        ModelError: if it cannot be had, or is no whole causal language model with safetensors and a tokenizer.
        OutputError: if there is no room for it.
    """
    local = _local(name, revision)
    if local is not None:
        return local
    wanted = hub_name(name, revision)

    from .download import cached, download, is_offline

    path = cached(wanted) if is_offline() or wanted.pinned else None
    if path is None and is_offline():
        raise offline(wanted)
    return _of(wanted, path or download(wanted, progress or Reporter()))


def locate(name: str, *, revision: str | None = None) -> ModelFolder:
    """Like :func:`resolve`, of what is on this machine: the network is not asked.

    Raises:
        UsageError: for a name that is not valid.
        ModelError: if the model is not here, or is none.
    """
    local = _local(name, revision)
    if local is not None:
        return local
    wanted = hub_name(name, revision)

    from .download import cached

    path = cached(wanted)
    if path is None:
        raise not_here(wanted)
    return _of(wanted, path)


def _local(name: str, revision: str | None) -> ModelFolder | None:
    path = local_folder(name)
    if path is None:
        return None
    if revision is not None:
        raise UsageError(f"{name} is a folder on this machine, which has no revisions; leave {revision!r} out.")
    check_folder(path, name)
    return ModelFolder(path, name, None, None)


def _of(wanted: HubName, path: Path) -> ModelFolder:
    return ModelFolder(path, wanted.name, wanted.repo, path.name)
