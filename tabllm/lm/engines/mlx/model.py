"""Loads a causal language model into MLX, for any architecture that mlx-lm knows, and quantizes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from tabular.errors import EngineError, RunError, TabllmError

from ....decoding.mlx_device import half_type
from ....hub.model_files.config import read_config
from ....hub.model_files.packing import packing
from ....hub.model_files.spelling import spelled_for_mlx
from ...mlx_rows import find_matrix, quantize_rows
from ..base import Shape
from ..weight_names import hf_name
from .weights import from_hf

__all__ = [
    "body_of",
    "computes_in",
    "dtype_of",
    "embedding_path",
    "instantiate",
    "is_quantized",
    "load_model",
    "shape_of",
    "text_embedding",
]

_DTYPES = {"fp32": mx.float32, "fp16": mx.float16, "bf16": mx.bfloat16}
_BITS = {"8bit": 8, "4bit": 4}
#: Numbers that share a scale, the first of these that divides a layer's width.
_GROUPS = (64, 32)
#: What mlx-lm takes for granted, where its models do not look at the config.
_GRANTED: dict[str, dict[str, tuple[Any, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
    },
    "llama": {"hidden_act": ("silu", "swish")},
}
_EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "tok_embeddings", "embeddings", "word_embeddings")


def load_model(folder: str | Path, *, precision: str, device: str = "cpu", random: int | None = None) -> Any:
    """The model in a folder.

    Args:
        precision: ``fp32``, ``fp16``, ``bf16``, ``8bit`` or ``4bit``.
        device: ``"gpu"`` or ``"cpu"``, where it will run.
        random: a seed: draw weights at random instead of reading them.

    Raises:
        EngineError: for an architecture that mlx-lm does not have, or a folder quantized otherwise.
        RunError: if the folder holds no model that can be read.
    """
    folder = Path(folder)
    config = spelled_for_mlx(read_config(folder))
    stored = config.get("quantization") or {}
    _check_stored(folder, stored, precision)
    if random is not None and stored:
        stored = {}
    try:
        weights = None if random is not None else _stored_weights(folder)
        if weights is not None:
            config.setdefault("tie_word_embeddings", "lm_head.weight" not in weights)
        model = instantiate(config)
        if weights is None:
            _draw(model, 0 if random is None else random)
        else:
            _take(model, weights, stored)
            weights.clear()
    except TabllmError:
        raise
    except Exception as error:  # mlx and mlx-lm raise ValueError, RuntimeError, KeyError as they come
        lines = str(error).strip().splitlines()
        raise RunError(f"The model in {folder} cannot be loaded ({lines[0] if lines else error!r}).") from None
    dtype = _dtype(precision, device, bool(stored))
    if dtype is not None:
        model.set_dtype(dtype)
    if precision in _BITS and not stored:
        _quantize(model, _BITS[precision])
        if weights is not None:
            _quantize_by_rows(model, _weight_files(folder))
    model.eval()
    # Nothing was read yet. One weight after the other, so that a model that is quantized here is never whole in memory;
    # the largest first, as long as nothing lies beside it.
    for value in sorted((value for _, value in tree_flatten(model.parameters())), key=lambda value: -value.nbytes):
        mx.eval(value)
    return model


def _check_stored(folder: Path, stored: Mapping[str, Any], precision: str) -> None:
    if not stored:
        return
    bits = stored.get("bits")
    if bits != _BITS.get(precision):
        way = f"take --precision {bits}bit, or" if bits in _BITS.values() else "take"
        raise EngineError(f"The weights in {folder} have {bits} bits: {way} the model that they were made of.")


def _dtype(precision: str, device: str, stored: bool) -> mx.Dtype | None:
    """What floating weights are cast to; ``None``: they stay as they are."""
    if precision in _DTYPES:
        return _DTYPES[precision]
    # Scales of quantized weights have the type of what they are multiplied with. On the processor MLX multiplies
    # 16-bit numbers with quantized weights 9 to 35 times slower than 32-bit ones.
    if device == "cpu":
        return mx.float32
    fast = half_type(str(mx.device_info().get("architecture", "")))
    return None if stored and fast == mx.bfloat16 else fast


def instantiate(config: dict[str, Any]) -> Any:
    """A model of mlx-lm by its config, whose weights are still to be read.

    Raises:
        EngineError: for an architecture that mlx-lm does not have.
    """
    from mlx_lm.utils import _get_classes

    for name, values in _GRANTED.get(config["model_type"], {}).items():
        if config.get(name, values[0]) not in values:
            raise EngineError(
                f"mlx-lm has no {config['model_type']} model with {name}={config[name]!r}; take --engine torch, or "
                "another model."
            )
    try:
        model_class, arguments = _get_classes(config)
    except ValueError:
        raise EngineError(
            f"mlx-lm has no model of the kind {config['model_type']!r}; take --engine torch, or another model."
        ) from None
    model = model_class(arguments.from_dict(config))
    embedding_path(model)
    return model


def _stored_weights(folder: Path) -> dict[str, mx.array]:
    weights: dict[str, mx.array] = {}
    files = _weight_files(folder)
    if not files:
        raise RunError(f"{folder} has no weights as safetensors; pull the model again.")
    for path in files:
        weights.update(mx.load(str(path)))
    return weights


def _weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("model*.safetensors"))


def _take(model: Any, weights: Mapping[str, mx.array], stored: Mapping[str, Any]) -> None:
    weights = from_hf(model, weights)
    if stored:
        nn.quantize(
            model,
            group_size=stored["group_size"],
            bits=stored["bits"],
            mode=stored.get("mode", "affine"),
            class_predicate=lambda name, module: f"{name}.scales" in weights and stored.get(name, True),
        )
    model.load_weights(list(weights.items()), strict=True)


def _draw(model: Any, seed: int) -> None:
    """GPT-2's start (Radford et al. 2019, section 2.3): matrices N(0, 0.02), norms 1, biases 0."""
    drawn = []
    key = mx.random.key(seed)
    for name, value in tree_flatten(model.parameters()):
        if value.ndim > 1:
            key, own = mx.random.split(key)
            drawn.append((name, mx.random.normal(value.shape, scale=0.02, key=own)))
        else:
            drawn.append((name, mx.ones(value.shape) if name.endswith("weight") else mx.zeros(value.shape)))
    model.update(tree_unflatten(drawn))


def _quantize(model: Any, bits: int) -> None:
    """Quantize in place; layers of a width that no group divides stay plain."""
    parameters = _numbers(model, matrices=False)
    for group in _GROUPS:
        nn.quantize(
            model,
            group_size=group,
            bits=bits,
            class_predicate=lambda name, module, group=group: (
                isinstance(module, (nn.Linear, nn.Embedding))
                and module.weight.shape[-1] % group == 0
                and packing(name, parameters=parameters, bits=bits, group_size=group)
            ),
        )


def _quantize_by_rows(model: Any, files: Sequence[Path]) -> None:
    """Read the input embedding and the output layer in slices: they are by far the largest weights of a small model."""
    large = (embedding_path(model), "lm_head")
    for path, layer in model.named_modules():
        if path in large and is_quantized(layer):
            name = hf_name(model.model_type, f"{path}.weight")
            stored = find_matrix(files, (name, name.removeprefix("transformer.")))
            if stored is not None:
                quantize_rows(layer, stored)


def is_quantized(module: Any) -> bool:
    """Whether a layer's weight is packed."""
    return isinstance(module, (nn.QuantizedLinear, nn.QuantizedEmbedding))


def dtype_of(layer: Any) -> mx.Dtype:
    """The type of numbers that a layer multiplies with."""
    dtype: mx.Dtype = (layer.scales if is_quantized(layer) else layer.weight).dtype
    return dtype


def computes_in(model: Any) -> mx.Dtype:
    """The type of numbers that a model computes with: that of what its blocks multiply with."""
    for part in model.layers[0].modules():
        if isinstance(part, (nn.Linear, nn.QuantizedLinear)):
            return dtype_of(part)
    return dtype_of(text_embedding(model))


# -- parts of a model ---------------------------------------------------------------------------------------------
def body_of(model: Any) -> Any:
    """The model without its output layer: gives hidden states."""
    return model[_body_name(model)]


def _body_name(model: Any) -> str:
    for name in ("model", "transformer"):
        if name in model:
            return name
    raise _not_found(model, "body")


def embedding_path(model: Any) -> str:
    """Where in the model its input embedding is, such as ``model.embed_tokens``."""
    for name in _EMBEDDINGS:
        if name in body_of(model):
            return f"{_body_name(model)}.{name}"
    raise _not_found(model, "input embedding")


def _not_found(model: Any, part: str) -> EngineError:
    return EngineError(
        f"The {part} of a {model.model_type} model is not where mlx-lm mostly keeps it; take --engine torch, or "
        "another model."
    )


def text_embedding(model: Any) -> Any:
    """The module of the input embedding."""
    return body_of(model)[embedding_path(model).rpartition(".")[2]]


def shape_of(model: Any, folder: str | Path) -> Shape:
    """The size of a model."""
    config = read_config(folder)
    heads = config.get("num_attention_heads") or config["n_head"]
    width = config.get("hidden_size") or config["n_embd"]
    return Shape(
        layers=len(model.layers),
        width=width,
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_width=config.get("head_dim") or width // heads,
        context=int(config.get("max_position_embeddings") or config.get("n_positions") or 1 << 20),
        body=sum(_numbers(layer, matrices=True) for layer in model.layers),
        parameters=_numbers(model, matrices=False),
    )


def _numbers(module: Any, *, matrices: bool) -> int:
    """How many numbers its weights stand for."""
    count = 0
    for part in module.modules():
        packed = is_quantized(part)
        for name, value in part.items():
            if not isinstance(value, mx.array) or name.startswith("_") or (matrices and value.ndim < 2):
                continue
            if packed and name in ("scales", "biases"):
                continue
            count += value.size * 32 // part.bits if packed and name == "weight" else value.size
    return count
