"""Snapshots of models on a hub: those in the cache, and how they get there."""

from __future__ import annotations

import contextlib
import fnmatch
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tabular.progress import Reporter

from .bars import bar_class
from .cache import cache_folder
from .conversion import cached_commits, converted_revision, known_conversions, pinned_commit
from .errors import ModelError
from .failures import explain, free_bytes, no_space, use_of_cache
from .model_files.check import check_files, check_folder, check_pickles, has_safetensors
from .model_files.config import check_causal, refuse_code
from .names import HubName

__all__ = ["BESIDE", "cached", "download", "fetch", "is_offline", "quiet_client"]

#: What a model needs to be read. Weights as safetensors only: pickled ones can run code.
NEEDED = ["*.json", "model*.safetensors", "*.txt", "tokenizer.model"]
#: What is fetched beside weights: also what may be done with the model, and what it is.
BESIDE = ["*.json", "*.txt", "tokenizer.model", "LICENSE*", "LICENCE*", "USE_POLICY*", "NOTICE*", "README.md"]
WANTED, WANTED_PICKLED = [*BESIDE, "model*.safetensors"], [*BESIDE, "pytorch_model*.bin"]
#: Other formats' variants of the same model lie in folders of their own.
UNWANTED = ["*/*"]


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` forbids the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def cached(wanted: HubName) -> Path | None:
    """The model's snapshot in the cache if it is whole, found without the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    if wanted.ref is not None:
        revisions: list[str | None] = [*cached_commits(wanted)]
    else:
        revisions = [wanted.revision] if wanted.revision else [None, *known_conversions(wanted.repo)]
    for revision in revisions:
        with contextlib.suppress(LocalEntryNotFoundError, HFValidationError, ModelError):
            path = snapshot_download(
                wanted.repo, revision=revision, local_files_only=True, allow_patterns=NEEDED, ignore_patterns=UNWANTED
            )
            check_folder(Path(path), wanted.repo)
            return Path(path)
    return None


def download(wanted: HubName, progress: Reporter, *, pickled: bool = False) -> Path:
    """The model's snapshot as the hub has it now; what is in the cache already is not fetched again.

    Where the hub cannot be reached or refuses, the snapshot in the cache is taken, if there is one.

    Args:
        pickled: fetch pickled weights, which :func:`.pickled.import_pickled` reads; a model that has others is refused.

    Raises:
        ModelError: for what cannot be had, or is no causal language model with such weights and a tokenizer.
        OutputError: if the disk has no room for it.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        with quiet_client():
            if wanted.ref is not None:
                wanted = replace(wanted, revision=pinned_commit(wanted), ref=None)
            info = HfApi().model_info(wanted.repo, revision=wanted.revision, files_metadata=True, timeout=20)
            names = _top_files(info)
            if not pickled and not has_safetensors(names) and wanted.revision is None:
                revision = converted_revision(wanted.repo)
                if revision is not None:
                    wanted = replace(wanted, revision=revision)
                    info = HfApi().model_info(wanted.repo, revision=revision, files_metadata=True, timeout=20)
                    names = _top_files(info)
    except Exception as error:  # what the client raises changes with the library it stands on
        found = None if pickled or isinstance(error, RevisionNotFoundError) else cached(wanted)
        if found is None:
            raise explain(error, wanted) from None
        progress.note(use_of_cache(error, wanted, found.name))
        return found
    (check_pickles if pickled else check_files)(names, wanted.repo)
    refuse_code(info.config, "config.json", wanted.repo)
    if info.config and info.config.get("architectures"):
        check_causal(info.config, wanted.repo)  # before gigabytes are fetched in vain
    patterns = WANTED_PICKLED if pickled else WANTED
    missing = _missing_bytes(wanted.repo, info, patterns)
    if missing > free_bytes(constants.HF_HUB_CACHE):
        raise no_space(wanted, missing)
    try:
        path = fetch(wanted, missing, progress, allow_patterns=patterns, ignore_patterns=UNWANTED)
    except Exception as error:
        raise explain(error, wanted, started=True) from None
    if not pickled:
        check_folder(path, wanted.repo)
    return path


def _top_files(info: Any) -> set[str]:
    return {file.rfilename for file in info.siblings or () if "/" not in file.rfilename}


def _missing_bytes(repo: str, info: Any, patterns: list[str]) -> int:
    """Bytes of the wanted files that are not in the cache."""
    blobs = cache_folder(repo) / "blobs"
    total = 0
    for file in info.siblings or ():
        if "/" in file.rfilename or not any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in patterns):
            continue
        blob = file.lfs.sha256 if file.lfs is not None else file.blob_id
        if blob is None or not (blobs / blob).exists():
            total += file.size or 0
    return total


def fetch(wanted: HubName, missing: int, progress: Reporter, **patterns: Any) -> Path:
    """Fetch a snapshot; Ctrl-C ends it within a moment, not with the file that is on its way.

    Args:
        missing: bytes that are not in the cache.
        patterns: ``allow_patterns`` and ``ignore_patterns`` of the client's function; all files without.

    Raises:
        Exception: whatever the hub's client does.
    """
    from huggingface_hub import snapshot_download

    stop = threading.Event()
    task = progress.task(f"Pulling {wanted.name}", missing / 1e6, "MB") if missing else Reporter().task("", 0, "")
    with task as reported, quiet_client(), ThreadPoolExecutor(1) as worker:
        try:
            bar = bar_class(reported, stop)
            path = worker.submit(
                lambda: snapshot_download(wanted.repo, revision=wanted.revision, tqdm_class=bar, **patterns)
            ).result()
        except BaseException:
            stop.set()
            raise
        reported.finish()
    return Path(path)


@contextlib.contextmanager
def quiet_client() -> Iterator[None]:
    """Keep the client from drawing bars and logging: what it says there, errors here say in one sentence."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    logger = logging.getLogger("huggingface_hub")
    level, drawn = logger.level, not are_progress_bars_disabled()
    logger.setLevel(logging.CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if drawn:
            enable_progress_bars()
