"""A GGUF file, as llama.cpp and its like read it, expanded into a plain model folder."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from tabular.errors import EngineError, UsageError
from tabular.storage.rundir import atomic_directory

from .errors import ModelError
from .model_files.check import check_folder
from .model_files.spelling import spell_for_mlx

__all__ = ["import_gguf"]

_MAGIC = b"GGUF"
#: What transformers notes of the file that the weights came from; the folder is an ordinary model's.
_OF_THE_FILE = ("quantization_config", "architectures", "dtype", "torch_dtype", "gguf_file")


def import_gguf(file: str | Path, out: str | Path) -> None:
    """Write config, tokenizer and float32 weights of a GGUF file to the folder ``out``, all of them or nothing.

    Weights are expanded by :mod:`transformers`, for the architectures that it knows (Llama, Qwen2, Gemma 2 and others).

    Raises:
        UsageError: if there is no such file, or it is no GGUF file.
        EngineError: if the package ``gguf`` is not installed.
        ModelError: for an architecture or a file that cannot be read.
        OutputError: if it cannot be written.
    """
    file = Path(file)
    _check_file(file)
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise EngineError("Reading GGUF files needs the package gguf: pip install gguf.") from None
    with atomic_directory(out) as folder:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # bars
            model, tokenizer = _read(file)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        spell_for_mlx(folder)
        check_folder(folder, str(file))


def _check_file(file: Path) -> None:
    if not file.is_file():
        raise UsageError(f"There is no file {file}; give the path of a .gguf file.")
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            raise UsageError(f"{file} is no GGUF file: it does not begin with the letters GGUF.")


def _read(file: Path) -> tuple[Any, Any]:
    """(a plain transformers model in float32, its tokenizer)"""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    source: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        packed = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **source)
        settings = {name: value for name, value in packed.config.to_dict().items() if name not in _OF_THE_FILE}
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        plain.load_state_dict(packed.state_dict())
        plain.tie_weights()
        return plain, AutoTokenizer.from_pretrained(file.parent, **source)
    except Exception as error:  # transformers and gguf raise what they please
        lines = str(error).strip().splitlines() or [repr(error)]
        raise ModelError(
            f"{file} cannot be read as a language model ({lines[0].rstrip('.')[:200]}); take a GGUF file of another "
            "architecture, or the model that it was made of."
        ) from None
