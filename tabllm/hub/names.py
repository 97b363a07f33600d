"""What can be meant as a pretrained model; imports nothing heavy, since the command line's help reads it."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tabular.errors import UsageError

from .catalog import CATALOG

__all__ = ["HubName", "expanded", "hub_name", "is_commit", "is_model_name", "local_folder", "repository"]

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """What a name means on the hub.

    Attributes:
        name: as it was given, without a revision.
        repo: ``org/name``.
        revision: a branch, tag or commit; ``None`` is the main branch.
        ref: what has the commit of which ``revision`` is the first letters.
    """

    name: str
    repo: str
    revision: str | None
    ref: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether it is one commit, so that what it means never changes."""
        return self.ref is not None or is_commit(self.revision)


def is_model_name(name: str) -> bool:
    """Whether ``name`` is in the catalog, looks like ``org/name`` (maybe with ``@revision``), or is a model's folder.

    What is written as a path counts as well: that it is not there should be said where models are looked for.
    """
    base = name.partition("@")[0]
    return base in CATALOG or _REPO.fullmatch(base) is not None or _is_path(name) or _has_config(name)


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit hash, so that what it means never changes."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def expanded(name: str) -> Path:
    """``name`` with the home folder for ``~``, which stays where nobody has one: a user unknown, no HOME."""
    return Path(os.path.expanduser(name))  # Path.expanduser would raise


def local_folder(name: str) -> Path | None:
    """The folder that is meant by ``name``, whether or not it holds a model; ``None`` if it can only be on the hub."""
    path = expanded(name)
    if name in CATALOG and ((path / "schema.json").exists() or not _has_config(name)):
        return None  # a run, or anything else, that happens to be called gpt2
    if path.exists() or _is_path(name):
        return path.absolute()
    return None


def hub_name(name: str, revision: str | None = None) -> HubName:
    """What ``name`` means on the hub.

    Raises:
        UsageError: if it can mean nothing there, or names another revision than ``revision``.
    """
    base, _, pinned = name.partition("@")
    if pinned and revision and pinned != revision:
        raise UsageError(f"{name} and the revision {revision!r} contradict each other; give one of the two.")
    revision = revision or pinned or None
    if base in CATALOG:
        entry = CATALOG[base]
        ref = entry.ref if revision in (None, entry.revision) else None
        return HubName(base, entry.repo, revision or entry.revision, ref)
    if _REPO.fullmatch(base):
        return HubName(base, base, revision)
    close = difflib.get_close_matches(base, CATALOG, n=1)
    hint = f"did you mean {close[0]!r}? Others are" if close else "there are"
    others = [known for known in CATALOG if known not in close]
    raise UsageError(f"There is no model {name!r}; {hint} {', '.join(others)}, hub ids such as org/name, and folders.")


def repository(name: str, revision: str | None = None) -> HubName:
    """The repository ``user/name``, maybe with ``@revision``. Raises :class:`UsageError` for anything else."""
    if _REPO.fullmatch(name.partition("@")[0]) is None:
        raise UsageError(f"{name!r} is no repository of a hub; write USER/NAME.")
    return hub_name(name, revision)


def _is_path(name: str) -> bool:
    return name.startswith((".", "~", "/")) or (name.count("/") > 1 and "@" not in name) or "\\" in name


def _has_config(name: str) -> bool:
    try:
        return (expanded(name) / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for a file, a NUL
        return False
