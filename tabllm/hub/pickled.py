"""Pickled weights (``pytorch_model.bin``) written as safetensors, without running what the file may say to run."""

from __future__ import annotations

import fnmatch
import json
import shutil
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import EngineError, UsageError
from tabular.progress import Reporter
from tabular.storage.rundir import atomic_directory, write_json

from .download import BESIDE, download
from .errors import ModelError
from .model_files.check import PICKLE, PICKLE_INDEX, check_folder, check_pickles
from .model_files.config import check_causal, check_no_code, read_config
from .model_files.spelling import spelled_for_mlx
from .model_files.weights import INDEX, SINGLE
from .names import hub_name, local_folder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["import_pickled"]

#: How the name of an output layer ends, which may be the embedding under a second name.
HEAD = "lm_head.weight"
#: Before it a file that was made for it ran code although only tensors were requested (CVE-2025-32434).
_SAFE_TORCH = (2, 6)


def import_pickled(
    name: str, out: str | Path, *, revision: str | None = None, progress: Reporter | None = None
) -> None:
    """Write a model with pickled weights to the folder ``out`` with safetensors, all of it or nothing.

    Weights keep their type; one file is in memory at a time. PyTorch's restricted unpickler reads them, which builds
    tensors and calls nothing else.

    Args:
        name: a hub id, maybe with ``@revision``, a short name, or a folder.
        revision: a branch, tag or commit of a model on the hub.

    Raises:
        UsageError: for a name that can be none of these.
        EngineError: if PyTorch is not installed, or too old to read such files safely.
        ModelError: if the model cannot be had, has no such weights, or they hold anything but numbers.
        OutputError: if it cannot be written.
    """
    _check_torch()
    folder = _folder_of(name, revision, progress or Reporter())
    check_pickles({path.name for path in folder.iterdir() if path.is_file()}, name)
    config = read_config(folder, name)
    check_causal(config, name)
    check_no_code(folder, name)
    files = _weight_files(folder, name)
    with atomic_directory(out) as made:
        index: dict[str, str] = {}
        for number, path in enumerate(files, 1):
            weights = _tensors(path, name)
            once = weights if config.get("tie_word_embeddings") is False else _without_second_names(weights)
            if len(once) < len(weights):
                # Said outright: what a config without a word means, each library decides by itself.
                config["tie_word_embeddings"] = True
            written = SINGLE if len(files) == 1 else f"model-{number:05}-of-{len(files):05}.safetensors"
            _write(once, made / written)
            index |= dict.fromkeys(once, written)
        if len(files) > 1:
            write_json(made / INDEX, {"metadata": {}, "weight_map": index})
        for path in folder.iterdir():
            beside = any(fnmatch.fnmatch(path.name, pattern) for pattern in BESIDE)
            if path.is_file() and beside and path.name != PICKLE_INDEX:
                shutil.copyfile(path, made / path.name)
        write_json(made / "config.json", spelled_for_mlx(config))
        check_folder(made, name)


def _check_torch() -> None:
    try:
        import torch
    except ImportError:
        raise EngineError("Reading pickled weights needs PyTorch: pip install torch.") from None
    version = torch.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < _SAFE_TORCH:
        raise EngineError(
            f"PyTorch {version} may run code that is hidden in pickled weights: pip install 'torch>=2.6' first."
        )


def _folder_of(name: str, revision: str | None, progress: Reporter) -> Path:
    folder = local_folder(name)
    if folder is None:
        return download(hub_name(name, revision), progress, pickled=True)
    if revision is not None:
        raise UsageError(f"{name} is a folder on this machine, which has no revisions; leave {revision!r} out.")
    if not folder.is_dir():
        raise UsageError(f"{name} is {'a file' if folder.exists() else 'not there'}; name the folder of a model.")
    return folder


def _weight_files(folder: Path, shown: str) -> list[Path]:
    if (folder / PICKLE).is_file():
        return [folder / PICKLE]
    try:
        index = json.loads((folder / PICKLE_INDEX).read_text(encoding="utf-8"))
        names = sorted({str(name) for name in index["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{PICKLE_INDEX} of {shown} cannot be read; pull or copy the model again.") from None
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise ModelError(f"{shown} is incomplete: {name}, which {PICKLE_INDEX} lists, is missing.")
    return [folder / name for name in names]


def _tensors(path: Path, shown: str) -> dict[str, Tensor]:
    """Name -> tensor of a pickled file."""
    import pickle

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the error says
            # Files of before PyTorch 1.6 are no archives, and cannot be mapped into memory.
            found: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path.name} of {shown} holds more than numbers, or is damaged; it is not read, since it might run code: "
            "take another model."
        ) from None
    except Exception as error:  # torch raises what the archive, the pickle and the disk do
        lines = str(error).strip().splitlines() or [repr(error)]
        raise ModelError(
            f"{path.name} of {shown} cannot be read ({lines[0].rstrip('.')[:150]}); pull or copy it again."
        ) from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in found.items()
    ):
        raise ModelError(f"{path.name} of {shown} is no table of a model's weights; take another model.")
    return found


def _without_second_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights, but an output layer that is the very tensor of an earlier name."""
    first = {}
    for name, weight in weights.items():
        if not name.endswith(HEAD):
            first[weight.data_ptr(), weight.shape, weight.stride()] = name
    return {
        name: weight
        for name, weight in weights.items()
        if not (name.endswith(HEAD) and (weight.data_ptr(), weight.shape, weight.stride()) in first)
    }


def _write(weights: dict[str, Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    shared = Counter(weight.untyped_storage().data_ptr() for weight in weights.values())
    # Of several parts of one memory each is written for itself.
    alone = {
        name: weight.clone().contiguous() if shared[weight.untyped_storage().data_ptr()] > 1 else weight.contiguous()
        for name, weight in weights.items()
    }
    save_file(alone, path, metadata={"format": "pt"})
