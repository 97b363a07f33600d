"""Whether a folder, or the listing of a repository, holds what a pretrained model needs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tabular.errors import UsageError

from .config import check_causal, check_no_code, read_config
from .errors import ModelError
from .weights import INDEX, SINGLE, read_headers

__all__ = ["check_files", "check_folder", "has_safetensors"]

_TOKENIZERS = ({"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"tokenizer.model"})
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf")


def has_safetensors(names: Collection[str]) -> bool:
    """Whether weights are among the files."""
    return SINGLE in names or INDEX in names


def check_files(names: Collection[str], shown: str) -> None:
    """Check the names of a model's files.

    Raises:
        ModelError: if there is no config, no safetensors or no tokenizer.
    """
    if "config.json" not in names:
        raise ModelError(f"{shown} has no config.json, so it is no model that transformers saved; give another.")
    if not has_safetensors(names):
        others = sorted(name for name in names if name.endswith(_PICKLES))
        found = f", only as {others[0]}" if others else ""
        raise ModelError(
            f"{shown} has no weights as safetensors{found}; other formats are not read, since some of them can run "
            "code: take another model, or one that was converted by https://huggingface.co/spaces/safetensors/convert."
        )
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
