"""The causal language models in the hub's cache on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import ModelError
from .model_files.check import check_folder
from .model_files.config import check_causal, read_config

__all__ = ["Pulled", "cache_folder", "scan_cache"]


@dataclass(frozen=True)
class Pulled:
    """A model in the cache.

    Attributes:
        repo: its id on the hub.
        revision: the commit.
        complete: whether it can be used; else the next pull goes on with it.
    """

    repo: str
    revision: str
    path: Path
    complete: bool


def cache_folder(repo: str) -> Path:
    """What the hub's client keeps of a model."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def scan_cache() -> list[Pulled]:
    """The models in the cache by their ids, each in its newest whole snapshot; other kinds of models are left out."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    found = []
    for repo in sorted((repo for repo in repos if repo.repo_type == "model"), key=lambda repo: repo.repo_id):
        newest = sorted(repo.revisions, key=lambda revision: revision.last_modified, reverse=True)
        pulled = [_pulled(repo.repo_id, revision.commit_hash, Path(revision.snapshot_path)) for revision in newest]
        known = [one for one in pulled if one is not None]
        if known:
            found.append(next((one for one in known if one.complete), known[0]))
    return found


def _pulled(repo: str, revision: str, path: Path) -> Pulled | None:
    try:
        check_causal(read_config(path, repo), repo)
    except ModelError:
        return None
    try:
        check_folder(path, repo)
    except ModelError:
        return Pulled(repo, revision, path, False)
    return Pulled(repo, revision, path, True)
