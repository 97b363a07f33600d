"""A model's ``config.json``: reads it, and tells what is no causal language model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import ModelError

__all__ = ["check_causal", "read_config"]

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
    except (OSError, ValueError) as error:
        raise ModelError(f"config.json of {shown} cannot be read ({error}); pull or copy the model again.") from None
    if isinstance(config, dict) and "model" in config and (path.parent / "schema.json").is_file():
        inner = path.parent / "model"
        hint = f"its fine-tuned model is {inner}" if any(inner.glob("*.safetensors")) else "give the model itself"
        raise ModelError(f"{shown} is a run that 'tabllm fit' wrote, not a pretrained model; {hint}.")
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelError(f"config.json of {shown} names no model_type, so it is no language model's; give another.")
    return config


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
    foreign = config.get("quantization_config")
    if isinstance(foreign, dict) and "quantization" not in config:
        method = foreign.get("quant_method", "another program")
        raise ModelError(
            f"The weights of {shown} were quantized by {method}, which is not read here; take the original model, "
            "and --precision 4bit or 'tabllm models quantize'."
        )
