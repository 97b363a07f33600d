"""A model's ``config.json``: reads it, tells what is no causal language model, and refuses what names code to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import ModelError

__all__ = ["check_causal", "check_no_code", "read_config", "refuse_code"]

#: What names a Python file: for transformers, for mlx-lm.
_CODE_KEYS = ("auto_map", "model_file")
_CAUSAL = ("ForCausalLM", "LMHeadModel")
#: Named where a config is so old that it lists no class.
_CAUSAL_TYPES = ("gpt2", "llama", "mistral", "qwen2", "gpt_neox", "phi", "gemma")


def read_config(folder: str | Path, shown: str | None = None) -> dict[str, Any]:
    """The content of ``config.json`` in a model's folder.

    Args:
        shown: what an error calls the model; its folder if absent.

    Raises:
        ModelError: if there is none, or it cannot be read as a model's.
    """
    path = Path(folder) / "config.json"
    shown = shown or str(folder)
    if not path.is_file():
        raise ModelError(f"{shown} has no config.json, so it is no model that transformers saved; give another.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"config.json of {shown} cannot be read ({error}); pull or copy the model again.") from None
    if isinstance(config, dict) and "model" in config and (path.parent / "schema.json").is_file():
        inner = path.parent / "model"
        hint = f"its fine-tuned model is {inner}" if any(inner.glob("*.safetensors")) else "give the model itself"
        raise ModelError(f"{shown} is a run that 'tabllm fit' wrote, not a pretrained model; {hint}.")
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelError(f"config.json of {shown} names no model_type, so it is no language model's; give another.")
    return config


def check_no_code(folder: str | Path, shown: str | None = None) -> None:
    """Refuse a folder that a library would read by running its Python code, or with another model's weights.

    transformers imports what ``auto_map`` names in any of the configs, mlx-lm what ``model_file`` names, and
    transformers looks for the model that an ``adapter_config.json`` names.

    Raises:
        ModelError: if a file names such code or such a model, or cannot be read.
    """
    shown = shown or str(folder)
    for path in sorted(Path(folder).glob("*config*.json")):
        if path.name == "adapter_config.json":
            raise ModelError(
                f"{shown} has an adapter_config.json, which puts an adapter on another model; merge the adapter, or "
                "delete that file if the weights are whole without it."
            )
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path.name} of {shown} cannot be read ({error}); pull or copy it again.") from None
        refuse_code(data, path.name, shown)


def refuse_code(data: Any, file: str, shown: str) -> None:
    """Raise :class:`ModelError` if the content of a config names Python code to run, at any depth."""
    inside = [data]
    while inside:
        part = inside.pop()
        found = [key for key in _CODE_KEYS if isinstance(part, dict) and part.get(key) is not None]
        if found:
            raise ModelError(
                f"{file} of {shown} names Python code to run ({found[0]}), and a model's code is never run; give "
                "another model, or delete that entry in a copy of the folder if its kind is known without the code."
            )
        inside += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def check_causal(config: dict[str, Any], shown: str) -> None:
    """Raise :class:`ModelError` unless the config is a causal language model's, in weights that can be read here."""
    classes = config.get("architectures") or []
    kind = config.get("model_type")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ModelError(f"config.json of {shown} lists no classes as its architectures; give another model.")
    causal = any(name.endswith(_CAUSAL) for name in classes) if classes else kind in _CAUSAL_TYPES
    if not causal:
        raise ModelError(
            f"{shown} is no causal language model ({', '.join(classes) or kind}); give one that writes text from left "
            "to right, such as gpt2."
        )
    stored = config.get("quantization")
    if isinstance(stored, dict):
        bits, mode = stored.get("bits"), stored.get("mode", "affine")
        if bits not in (4, 8) or mode != "affine":
            what = f"{bits} bits" if mode == "affine" else f"the format {mode}"
            raise ModelError(
                f"The weights of {shown} are in {what}, and of quantized weights 4 and 8 bits with scales and biases "
                "are read: take the original model, and --precision 4bit or 'tabllm models quantize'."
            )
    foreign = config.get("quantization_config")
    if isinstance(foreign, dict) and "quantization" not in config:
        method = foreign.get("quant_method", "another program")
        raise ModelError(
            f"The weights of {shown} were quantized by {method}, which is not read here; take the original model, "
            "and --precision 4bit or 'tabllm models quantize'."
        )
