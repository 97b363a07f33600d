"""How a run names the pretrained model that its adapter belongs to, and how that model is found again.

A model of the hub is named by its id and commit. A local folder is named by its last part and a fingerprint: a run
that is handed on must not say where on a disk somebody's files lie.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabular.errors import OutputError, RunError
from tabular.storage.rundir import write_text

from ..hub.errors import ModelError
from ..hub.folder import ModelFolder, resolve
from ..hub.model_files.check import check_folder
from ..hub.model_files.config import read_config
from ..hub.model_files.weights import weight_files
from ..hub.names import expanded

__all__ = ["ENVIRONMENT", "describe_base", "find_base", "fingerprint", "public_name"]

#: The environment variable that names the folder of a run's local model, or the folder above it.
ENVIRONMENT = "TABLLM_BASE"
#: Bytes that are hashed at each of this many evenly spaced positions of a file of weights.
_CHUNK, _CHUNKS = 4096, 64


def public_name(folder: ModelFolder) -> str:
    """What a run calls a model: its name on the hub, or the last part of a local folder."""
    return folder.path.name if folder.repo is None else folder.name


def describe_base(folder: ModelFolder, run: Path) -> dict[str, Any]:
    """What the run in ``run`` keeps of a model, as plain JSON data; where it lies is noted outside the run.

    Returns:
        ``name``, ``repo``, ``revision`` and, of a local folder, its ``fingerprint``, and ``near``, its path from the
        folder of the run where it lies below that.
    """
    base: dict[str, Any] = {"name": folder.name, "repo": folder.repo, "revision": folder.revision}
    if folder.repo is None:
        base["fingerprint"] = fingerprint(folder.path)
        _note(base["fingerprint"], folder.path)
        with contextlib.suppress(ValueError):
            base["near"] = folder.path.resolve().relative_to(run.resolve().parent).as_posix()
    return base


def find_base(base: Mapping[str, Any], run: Path) -> ModelFolder:
    """The model that :func:`describe_base` described; one of the hub is pulled if it is not here.

    A local one is looked for in ``$TABLLM_BASE``, beside the run, and where it was last used on this machine.

    Raises:
        RunError: if a local model is nowhere with the same content.
        ModelError: if it is no whole model, or cannot be had.
    """
    old = base.get("path")  # runs of older versions have an absolute path and no fingerprint
    if base.get("repo") is not None and not (old and (Path(old) / "config.json").is_file()):
        return resolve(base["repo"], revision=base.get("revision"))
    mark, trouble = base.get("fingerprint"), None
    for path in _candidates(base, run):
        try:
            if (path / "config.json").is_file() and mark in (None, fingerprint(path)):
                check_folder(path, str(path))
                if mark is not None:
                    _note(mark, path.absolute())
                return ModelFolder(path.absolute(), base["name"], base["repo"], base["revision"])
        except ModelError as error:
            trouble = trouble or error
    raise trouble or RunError(
        f"The adapter in {run} belongs to the model {base['name']!r}, which is not here with the same content: put it "
        f"beside the run, or set {ENVIRONMENT} to its folder."
    )


def _candidates(base: Mapping[str, Any], run: Path) -> Iterator[Path]:
    beside, name = run.absolute().parent, str(base["name"])
    if given := os.environ.get(ENVIRONMENT):
        yield expanded(given)
        yield expanded(given) / name
    if base.get("path") is not None:
        yield Path(base["path"])
    if base.get("near") is not None:
        yield beside / base["near"]
    yield beside / name
    if base.get("fingerprint") is not None:
        with contextlib.suppress(OSError, ValueError):
            yield Path(_notes(base["fingerprint"]).read_text(encoding="utf-8"))


def fingerprint(folder: Path) -> str:
    """64 hexadecimal digits of a model's config and weights; of large files, of their size and parts spread over them.

    Raises:
        ModelError: if the model cannot be read.
    """
    digest = hashlib.sha256(json.dumps(read_config(folder), sort_keys=True).encode())
    for path in weight_files(folder, str(folder)):
        try:
            size = path.stat().st_size
            digest.update(f"{path.name} {size} ".encode())
            with path.open("rb") as file:
                for start in range(0, size, max(_CHUNK, size // _CHUNKS)):
                    file.seek(start)
                    digest.update(file.read(_CHUNK))
        except OSError as error:
            raise ModelError(f"{path.name} of {folder} cannot be read: {error.strerror}; copy it again.") from None
    return digest.hexdigest()


def _notes(mark: str) -> Path:
    """The file outside all runs that says where the model of a fingerprint was last used on this machine."""
    from huggingface_hub import cached_assets_path, constants

    if not re.fullmatch("[0-9a-f]{64}", str(mark)):  # a stranger's run names no other file
        raise ValueError(mark)
    return cached_assets_path("tabllm", namespace="bases", assets_dir=constants.HF_ASSETS_CACHE) / mark


def _note(mark: str, path: Path) -> None:
    # Without the note the model is still found beside the run or by the variable.
    with contextlib.suppress(OSError, OutputError):
        write_text(_notes(mark), str(path))
