"""Whether a folder, or the listing of a repository, holds what a pretrained model needs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tabular.errors import UsageError

from ..errors import ModelError
from .config import check_causal, check_no_code, read_config
from .weights import INDEX, SINGLE, read_headers

__all__ = [
    "PICKLE",
    "PICKLE_INDEX",
    "check_files",
    "check_folder",
    "check_pickles",
    "has_pickles",
    "has_safetensors",
]

_TOKENIZERS = ({"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"tokenizer.model"})
_OTHERS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf")
#: Pickled weights as transformers wrote them: one file, or a list of several.
PICKLE, PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"


def has_safetensors(names: Collection[str]) -> bool:
    """Whether weights are among the files."""
    return SINGLE in names or INDEX in names


def has_pickles(names: Collection[str]) -> bool:
    """Whether pickled weights are among the files, as transformers wrote them."""
    return PICKLE in names or PICKLE_INDEX in names


def check_files(names: Collection[str], shown: str) -> None:
    """Check the names of a model's files.

    Raises:
        ModelError: if there is no config, no safetensors or no tokenizer.
    """
    _check_config(names, shown)
    if not has_safetensors(names):
        others = sorted(name for name in names if name.endswith(_OTHERS))
        found = f", only as {others[0]}" if others else ""
        way = (
            f"'tabllm models import {shown} -o FOLDER' makes some of them, and reads nothing but numbers"
            if has_pickles(names)
            else "take another model, or one that was converted by https://huggingface.co/spaces/safetensors/convert"
        )
        raise ModelError(
            f"{shown} has no weights as safetensors{found}; other formats are not read, since some of them can run "
            f"code: {way}."
        )
    _check_tokenizer(names, shown)


def check_pickles(names: Collection[str], shown: str) -> None:
    """Check the names of the files of a model with pickled weights.

    Raises:
        ModelError: if there is no config, no ``pytorch_model.bin`` or no tokenizer, or if there are safetensors.
    """
    _check_config(names, shown)
    if has_safetensors(names):
        raise ModelError(f"{shown} has safetensors, so it needs no import: 'tabllm fit -m {shown}' takes it.")
    if not has_pickles(names):
        raise ModelError(f"{shown} has no weights as {PICKLE}; give a model that has, or one with safetensors.")
    _check_tokenizer(names, shown)


def _check_config(names: Collection[str], shown: str) -> None:
    if "config.json" not in names:
        raise ModelError(f"{shown} has no config.json, so it is no model that transformers saved; give another.")


def _check_tokenizer(names: Collection[str], shown: str) -> None:
    if not any(needed <= set(names) for needed in _TOKENIZERS):
        raise ModelError(
            f"{shown} has no tokenizer (tokenizer.json, vocab.json with merges.txt, or tokenizer.model); give a model "
            "that has one, or copy it there from the model it was made of."
        )


def check_folder(folder: Path, shown: str) -> None:
    """Check that a folder holds a whole causal language model.

    Raises:
        ModelError: if it does not, or names code to run; the message calls it ``shown``.
    """
    if not folder.is_dir():
        if folder.suffix == ".gguf" and folder.is_file():
            raise UsageError(f"{shown} is a GGUF file; 'tabllm models import {shown} -o FOLDER' makes a model of it.")
        raise UsageError(f"{shown} is {'a file' if folder.exists() else 'not there'}; name the folder of a model.")
    config = read_config(folder, shown)
    check_no_code(folder, shown)
    check_causal(config, shown)
    # A link into a cache whose target is gone counts as missing.
    check_files({path.name for path in folder.iterdir() if path.is_file()}, shown)
    read_headers(folder, shown)
