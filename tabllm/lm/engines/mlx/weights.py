"""Weights of mlx-lm's models by transformers' names and in its layout, and a folder of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from ....hub.model_files.config import read_config
from ....hub.model_files.spelling import spelled_for_mlx
from ..weight_names import hf_name

__all__ = ["from_hf", "fused", "hf_name_and_turn", "plain_weights", "write_folder"]

#: GPT-2's matrices are stored as [inputs, outputs] by transformers, and the other way round by mlx-lm.
_TURNED = (".attn.c_attn.weight", ".attn.c_proj.weight", ".mlp.c_fc.weight", ".mlp.c_proj.weight")


def from_hf(model: Any, weights: Mapping[str, mx.array]) -> dict[str, mx.array]:
    """Weights by transformers' names -> by mlx-lm's."""
    plain = dict(weights)
    if model.model_type == "gpt2":
        plain = {
            name.removeprefix("transformer."): value
            for name, value in plain.items()
            if not name.endswith((".attn.bias", ".attn.masked_bias")) and name != "lm_head.weight"
        }
    sanitized: dict[str, mx.array] = model.sanitize(plain) if hasattr(model, "sanitize") else plain
    return sanitized


def hf_name_and_turn(model: Any, name: str) -> tuple[str, bool]:
    """mlx-lm's name of a weight -> transformers', and whether the weight lies there as its transpose."""
    return hf_name(model.model_type, name), model.model_type == "gpt2" and name.endswith(_TURNED)


def fused(layer: Any) -> Any:
    """A plain layer for one with an adapter: the sum is taken in float32, and rounded once."""
    base = layer.linear
    dtype = base.scales.dtype if isinstance(base, nn.QuantizedLinear) else base.weight.dtype
    layer.linear = _plain(base)
    layer.linear.weight = layer.linear.weight.astype(mx.float32)
    made = layer.fuse()
    made.weight = made.weight.astype(dtype)
    layer.linear = base
    return made


def _plain(layer: Any) -> Any:
    """The layer as it is without packing, and without an adapter."""
    if hasattr(layer, "fuse"):
        return fused(layer)
    embeds = isinstance(layer, (nn.Embedding, nn.QuantizedEmbedding))
    made = nn.Embedding(1, 1) if embeds else nn.Linear(1, 1, bias=False)
    made.weight = layer.weight
    if isinstance(layer, (nn.QuantizedLinear, nn.QuantizedEmbedding)):
        made.weight = mx.dequantize(
            layer.weight,
            layer.scales,
            layer.get("biases"),
            group_size=layer.group_size,
            bits=layer.bits,
            mode=layer.mode,
        )
    if "bias" in layer:
        made.bias = layer.bias
    return made


def plain_weights(model: Any, instead: Mapping[str, Any]) -> dict[str, mx.array]:
    """All weights of a model, unpacked and with adapters merged, by transformers' names.

    Args:
        instead: path of a module -> another one whose weights are written in its place.
    """
    special = {
        name: instead.get(name, part)
        for name, part in model.named_modules()
        if name in instead or hasattr(part, "fuse") or isinstance(part, (nn.QuantizedLinear, nn.QuantizedEmbedding))
    }
    outer = {name for name in special if not any(name.startswith(f"{other}.") for other in special)}
    weights = [
        (name, value)
        for name, value in tree_flatten(model.parameters())
        if not any(name.startswith(f"{other}.") for other in outer)
    ]
    for name in sorted(outer):
        weights += [(f"{name}.{last}", value) for last, value in tree_flatten(_plain(special[name]).parameters())]
    named = {}
    for name, value in weights:
        theirs, turned = hf_name_and_turn(model, name)
        named[theirs] = mx.contiguous(value.T) if turned else value
    return named


def write_folder(folder: Path, source: Path, weights: Mapping[str, mx.array]) -> None:
    """Write weights by transformers' names, and the config of ``source``, as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    config = spelled_for_mlx(read_config(source))
    for name in ("quantization", "quantization_config", "torch_dtype"):
        config.pop(name, None)
    kinds = {mx.float32: "float32", mx.bfloat16: "bfloat16", mx.float16: "float16"}
    named = dict(weights)
    if config["model_type"] == "gpt2":
        # As on the hub: mlx-lm reads no other names, and transformers both.
        named = {name.removeprefix("transformer."): value for name, value in named.items()}
    config["dtype"] = next(kinds[value.dtype] for value in weights.values() if value.dtype in kinds)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    mx.save_safetensors(str(folder / "model.safetensors"), named, metadata={"format": "pt"})
