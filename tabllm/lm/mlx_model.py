"""Loads a causal language model into MLX, for any architecture that mlx-lm knows, and quantizes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from tabular.errors import EngineError, RunError

from ..hub.config import read_config
from .engine import Shape

__all__ = [
    "Head", "PairEmbedding", "body_of", "embedding_of", "find_head", "from_hf", "load_model", "new_vocabulary",
    "put_embedding", "shape_of", "to_hf",
]  # fmt: skip

_DTYPES = {"fp32": mx.float32, "bf16": mx.bfloat16}
_BITS = {"8bit": 8, "4bit": 4}
#: GPT-2's matrices are stored as [inputs, outputs] by transformers, and the other way round by mlx-lm.
_TURNED = (".attn.c_attn.weight", ".attn.c_proj.weight", ".mlp.c_fc.weight", ".mlp.c_proj.weight")


def load_model(folder: str | Path, *, precision: str, random: int | None = None) -> Any:
    """The model in a folder.

    Args:
        precision: ``fp32``, ``bf16``, ``8bit`` or ``4bit``.
        random: a seed: draw weights at random instead of reading them.

    Raises:
        EngineError: for an architecture that mlx-lm does not have, or a folder quantized otherwise.
        RunError: if the folder holds no model that can be read.
    """
    from mlx_lm.utils import _get_classes

    folder = Path(folder)
    config = read_config(folder)
    if config["model_type"] == "gpt2":
        config.setdefault("n_ctx", config.get("n_positions", 1024))
    _spell_rope(config)
    stored = config.get("quantization") or {}
    if stored and precision not in _BITS:
        raise EngineError(
            f"The weights in {folder} have {stored.get('bits')} bits: take --precision {stored.get('bits')}bit, or the "
            "model that they were made of."
        )
    if stored and stored.get("bits") != _BITS[precision]:
        raise EngineError(f"The weights in {folder} have {stored.get('bits')} bits, not {_BITS[precision]}.")
    try:
        model_class, arguments = _get_classes(config)
    except ValueError:
        raise EngineError(
            f"mlx-lm has no model of the kind {config['model_type']!r}; take --engine torch, or another model."
        ) from None
    try:
        model = model_class(arguments.from_dict(config))
        if random is not None:
            _draw(model, random)
        else:
            _read(model, folder, stored)
    except (EngineError, RunError):
        raise
    except Exception as error:  # mlx and mlx-lm raise ValueError, RuntimeError, KeyError as they come
        lines = str(error).strip().splitlines()
        raise RunError(f"The model in {folder} cannot be loaded ({lines[0] if lines else error!r}).") from None
    dtype = _DTYPES.get(precision)
    if not stored:
        # Scales and biases of quantized weights are of the type of the weights that they were made of.
        model.apply(
            lambda value: value.astype(dtype or mx.float32) if mx.issubdtype(value.dtype, mx.floating) else value
        )
        if precision in _BITS:
            quantize(model, _BITS[precision])
    model.eval()
    mx.eval(model.parameters())
    return model


def _spell_rope(config: dict[str, Any]) -> None:
    """Write rotary settings as mlx-lm reads them, where a config has them as transformers 5 writes them."""
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        config.setdefault("rope_theta", rope["rope_theta"])
        if rope.get("rope_type", "default") != "default":
            config.setdefault("rope_scaling", {**rope, "type": rope["rope_type"]})


def _read(model: Any, folder: Path, stored: Mapping[str, Any]) -> None:
    weights: dict[str, mx.array] = {}
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise RunError(f"{folder} has no weights as safetensors; pull the model again.")
    for path in files:
        weights.update(mx.load(str(path)))
    if not stored:
        weights = from_hf(model, weights)
    else:
        nn.quantize(
            model, group_size=stored["group_size"], bits=stored["bits"],
            class_predicate=lambda name, module: f"{name}.scales" in weights,
        )  # fmt: skip
    model.load_weights(list(weights.items()), strict=True)


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


def to_hf(model: Any, name: str, value: mx.array) -> tuple[str, mx.array]:
    """A weight by mlx-lm's name -> by transformers'."""
    if model.model_type != "gpt2":
        return name, value
    turned = value.T if name.endswith(_TURNED) else value
    return "transformer." + name.removeprefix("model."), turned


def _draw(model: Any, seed: int) -> None:
    """GPT-2's start (Radford et al. 2019, section 2.3): matrices N(0, 0.02), norms 1, biases 0."""
    rng = np.random.default_rng(seed)
    drawn = []
    for name, value in tree_flatten(model.parameters()):
        if value.ndim > 1:
            drawn.append((name, mx.array(rng.normal(0.0, 0.02, value.shape).astype(np.float32))))
        else:
            drawn.append((name, mx.ones(value.shape) if name.endswith("weight") else mx.zeros(value.shape)))
    model.update(tree_unflatten(drawn))


def quantize(model: Any, bits: int) -> None:
    """Quantize in place, in groups of 64, or of 32 where 64 does not divide a width; others stay plain."""
    for group in (64, 32):
        nn.quantize(
            model, group_size=group, bits=bits,
            class_predicate=lambda name, module, group=group: (
                isinstance(module, (nn.Linear, nn.Embedding)) and module.weight.shape[-1] % group == 0
            ),
        )  # fmt: skip


def body_of(model: Any) -> Any:
    """The model without its output layer: gives hidden states."""
    return model.model if hasattr(model, "model") else model.transformer


def embedding_of(model: Any) -> tuple[str, Any]:
    """(attribute, module) of the input embedding in the body."""
    body = body_of(model)
    for name in ("embed_tokens", "wte", "tok_embeddings", "embed_in"):
        if name in body:
            return name, body[name]
    raise EngineError(f"The input embedding of a {model.model_type} model is not found; take --engine torch.")


def put_embedding(model: Any, module: Any) -> None:
    """Put another module in the place of the input embedding."""
    body_of(model)[embedding_of(model)[0]] = module


def shape_of(model: Any, folder: str | Path) -> Shape:
    """The size of a model."""
    config = read_config(folder)
    heads = config.get("num_attention_heads") or config["n_head"]
    width = config.get("hidden_size") or config["n_embd"]
    layers = model.layers
    return Shape(
        layers=len(layers),
        width=width,
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_width=config.get("head_dim") or width // heads,
        context=int(config.get("max_position_embeddings") or config.get("n_positions") or 1 << 20),
        body=sum(_numbers(layer, matrices=True) for layer in layers),
        parameters=_numbers(model, matrices=False),
    )


def _numbers(module: Any, *, matrices: bool) -> int:
    """How many numbers its weights stand for."""
    count = 0
    quantized = {
        name for name, part in module.named_modules() if isinstance(part, (nn.QuantizedLinear, nn.QuantizedEmbedding))
    }
    for name, value in tree_flatten(module.parameters()):
        owner, _, last = name.rpartition(".")
        if owner in quantized and last in ("scales", "biases"):
            continue
        if matrices and value.ndim < 2:
            continue
        bits = dict(module.named_modules())[owner].bits if owner in quantized and last == "weight" else 32
        count += value.size * 32 // bits
    return count


class Head:
    """Picks rows of the output layer."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def rows(self, tokens: mx.array) -> tuple[mx.array, mx.array | None]:
        """Weight [tokens, width] and bias of some tokens."""
        layer = self.layer
        if isinstance(layer, (nn.Embedding, nn.QuantizedEmbedding)):
            return layer(tokens), None
        bias = layer["bias"][tokens] if "bias" in layer else None
        if isinstance(layer, nn.QuantizedLinear):
            parts = [
                None if part is None else part[tokens] for part in (layer.weight, layer.scales, layer.get("biases"))
            ]
            return mx.dequantize(*parts, group_size=layer.group_size, bits=layer.bits, mode=layer.mode), bias
        return layer.weight[tokens], bias


def find_head(model: Any) -> Head:
    """The output layer of a model, found out by comparing with the model's own logits."""
    layer = model.lm_head if "lm_head" in model else embedding_of(model)[1]
    head = Head(layer)
    ids = mx.array([[1, 2]])
    tokens = mx.arange(min(64, layer.weight.shape[0]))
    weight, bias = head.rows(tokens)
    plain = body_of(model)(ids) @ weight.T + (0 if bias is None else bias)
    whole = model(ids)[:, :, : len(tokens)]
    if not bool(mx.allclose(plain.astype(mx.float32), whole.astype(mx.float32), rtol=2e-2, atol=2e-2)):
        raise EngineError(
            f"The logits of a {model.model_type} model are not a plain product with its output layer, which tabllm "
            "relies on; take another model."
        )
    return head


class PairEmbedding(nn.Module):
    """Embeds pairs (token, field asked for), each in one number ``token * fields + field``, as the sum of both."""

    def __init__(self, tokens: mx.array, fields: mx.array) -> None:
        super().__init__()
        self.tokens, self.fields = tokens, fields

    def __call__(self, pairs: mx.array) -> mx.array:
        """int[rows, m] -> [rows, m, width]."""
        count = self.fields.shape[0]
        return self.tokens[pairs // count] + self.fields[pairs % count]


class NewHead(nn.Module):
    """The output layer of a table's own vocabulary."""

    def __init__(self, weight: mx.array, bias: mx.array) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias


def new_vocabulary(
    model: Any, words: Sequence[Sequence[int]], fields: Sequence[Sequence[int]], log_frequencies: np.ndarray
) -> tuple[Any, NewHead]:
    """Replace a model's input embedding by one of a table's own tokens: (the old one, the new output layer).

    Where they start is said at :meth:`.engine.LmEngine.use_vocabulary`.
    """
    _, old = embedding_of(model)
    head = find_head(model)

    def means(groups: Sequence[Sequence[int]], rows: Any) -> mx.array:
        flat = rows(mx.array([token for group in groups for token in group])).astype(mx.float32)
        ends = np.cumsum([len(group) for group in groups])
        sums = mx.concatenate([mx.zeros((1, flat.shape[1])), mx.cumsum(flat, axis=0)])
        starts = mx.array(ends - [len(group) for group in groups])
        return (sums[mx.array(ends)] - sums[starts]) / mx.array([[len(group)] for group in groups])

    count = old.weight.shape[0]
    sample = old(mx.arange(count)).astype(mx.float32)
    tokens = mx.concatenate([means(words, old), sample.mean(axis=0, keepdims=True)])
    output = means(words, lambda ids: head.rows(ids)[0])
    output = output - output.mean(axis=0, keepdims=True)
    put_embedding(model, PairEmbedding(tokens, means(fields, old)))
    made = NewHead(output, mx.array(log_frequencies.astype(np.float32)))
    mx.eval(model.parameters(), made.parameters())
    return old, made


def write_folder(model: Any, folder: Path, source: Path, weights: Mapping[str, mx.array]) -> None:
    """Write config and weights, given by transformers' names, as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    config = read_config(source)
    for name in ("quantization", "quantization_config"):
        config.pop(name, None)
    some = next(iter(weights.values()))
    config["torch_dtype"] = {mx.float32: "float32", mx.bfloat16: "bfloat16"}.get(some.dtype, "float16")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    mx.save_safetensors(str(folder / "model.safetensors"), dict(weights), metadata={"format": "pt"})
