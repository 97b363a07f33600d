"""What a pretrained model is: its size, context and memory, from its config and the headers of its weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular.errors import UsageError

from ..decoding.precisions import PRECISIONS
from .errors import ModelError
from .model_files.config import read_config
from .model_files.packing import embedding_bits
from .model_files.weights import Tensor, read_headers, weight_files

__all__ = ["ModelFacts", "read_context", "read_facts"]

#: Weights that share a scale and a bias of 16 bits each.
GROUP = 64
_DTYPES = {"F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16"}
#: What old checkpoints of GPT-2 and Llama hold that is no parameter: the causal mask and rotation angles.
_BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
_OUTPUTS = ("lm_head.weight", "embed_out.weight")


@dataclass(frozen=True)
class ModelFacts:
    """The size and kind of a causal language model.

    Attributes:
        architecture: its ``model_type``, such as ``gpt2`` or ``llama``.
        layers, width, heads, kv_heads, inner: blocks, hidden width, attention heads, heads of keys and values, and
            the width inside a block's MLP.
        vocabulary: tokens.
        context: the most tokens of a text, all of which every layer sees.
        tied: whether the output layer is the embedding.
        parameters: all of them; a tied output layer counts once.
        matrices: those of them in matrices, which quantization makes smaller.
        disk: bytes of the weights' files.
        dtype: of the weights (``fp32``, ``bf16``, ``fp16``), of the scales where they are quantized.
        bits, group_size: of quantized weights; ``None`` where they are plain.
    """

    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    context: int
    tied: bool
    parameters: int
    matrices: int
    disk: int
    dtype: str
    bits: int | None
    group_size: int | None

    def memory(self, precision: str) -> float:
        """Bytes of the weights at ``fp32``, ``fp16``, ``bf16``, ``8bit`` or ``4bit``.

        8 and 4 bits are of matrices, in groups of 64 with a scale and a bias of 16 bits; other weights keep 16 bits.
        Tokens keep 8 of them in a small model (:mod:`.model_files.packing`).

        Raises:
            UsageError: for another precision.
        """
        if precision not in PRECISIONS:
            raise UsageError(f"There is no precision {precision!r}; choose one of {', '.join(PRECISIONS)}.")
        if precision in ("fp32", "fp16", "bf16"):
            return self.parameters * (4.0 if precision == "fp32" else 2.0)
        bits = 8 if precision == "8bit" else 4
        tokens = self.vocabulary * self.width * (1 if self.tied else 2)
        more = tokens * (embedding_bits(self.parameters, bits) - bits) / 8
        return self.matrices * (bits / 8 + 4 / GROUP) + more + (self.parameters - self.matrices) * 2.0


def read_facts(folder: str | Path) -> ModelFacts:
    """The facts of the model in a folder; no weights are loaded.

    Raises:
        ModelError: if its config or its weights cannot be read.
    """
    folder = Path(folder)
    config = read_config(folder)
    tensors = read_headers(folder, str(folder))
    width = _number(config, folder, "hidden_size", "n_embd", "d_model")
    heads = _number(config, folder, "num_attention_heads", "n_head")
    tied = bool(config.get("tie_word_embeddings", not any(name.endswith(_OUTPUTS) for name in tensors)))
    bits, group = _quantization(config)
    sizes = _sizes(tensors, tied, group)
    _check_sizes(config, tensors, folder)
    return ModelFacts(
        architecture=config["model_type"],
        layers=_number(config, folder, "num_hidden_layers", "n_layer"),
        width=width,
        heads=heads,
        kv_heads=_number(config, folder, "num_key_value_heads", default=heads),
        inner=_number(config, folder, "intermediate_size", "n_inner", default=4 * width),
        vocabulary=_number(config, folder, "vocab_size"),
        context=_context(config, folder),
        tied=tied,
        parameters=sum(sizes.values()),
        matrices=sum(size for name, size in sizes.items() if len(tensors[name].shape) > 1),
        disk=sum(path.stat().st_size for path in weight_files(folder, str(folder))),
        dtype=_dtype(tensors),
        bits=bits,
        group_size=group,
    )


def read_context(folder: str | Path) -> int:
    """Tokens that the model in a folder reads at once, by its config alone: it may have no weights.

    Raises:
        ModelError: if its config cannot be read.
    """
    return _context(read_config(folder), Path(folder))


def _context(config: dict[str, Any], folder: Path) -> int:
    # As it is: configs with a stretched rotation (rope_scaling) give the stretched length here, deepseek-coder's
    # 16384 with a factor of 4 among them. Where one does not, a shorter context is the safe reading.
    return min(_number(config, folder, "max_position_embeddings", "n_positions", "n_ctx"), _window(config))


def _check_sizes(config: dict[str, Any], tensors: dict[str, Tensor], folder: Path) -> None:
    """Refuse a config that declares more than the weights hold: memory would be taken by what it says."""
    lengths = {length for tensor in tensors.values() for length in tensor.shape}
    for names in (("hidden_size", "n_embd", "d_model"), ("vocab_size",)):
        if (length := _number(config, folder, *names)) not in lengths:
            raise ModelError(
                f"config.json of {folder} gives {names[0]} {length:,}, which none of its weights has; pull or copy the "
                "model again."
            )
    if (layers := _number(config, folder, "num_hidden_layers", "n_layer")) > len(tensors):
        raise ModelError(
            f"config.json of {folder} gives {layers:,} layers, and it has {len(tensors):,} weights in all; pull or "
            "copy the model again."
        )


def _number(config: dict[str, Any], folder: Path, *names: str, default: int | None = None) -> int:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    if default is None:
        raise ModelError(f"config.json of {folder} gives no {names[0]}, so the model cannot be used; give another.")
    return default


def _window(config: dict[str, Any]) -> int:
    """The tokens that a layer of sliding attention (Gemma 3, Mistral) sees, which rows must not exceed.

    Rows are sampled with all of their tokens before them, so longer ones would be read otherwise than in training.
    """
    window = config.get("sliding_window")
    if isinstance(window, int) and window > 0 and config.get("use_sliding_window", True):
        return window
    return 1 << 30


def _quantization(config: dict[str, Any]) -> tuple[int | None, int | None]:
    """(bits, group size) as mlx-lm writes them."""
    written = config.get("quantization")
    if not isinstance(written, dict) or not isinstance(written.get("bits"), int):
        return None, None
    return written["bits"], int(written.get("group_size") or GROUP)


def _sizes(tensors: dict[str, Tensor], tied: bool, group: int | None) -> dict[str, int]:
    """How many parameters each array holds; scales and biases of quantized ones are none."""
    sizes = {}
    for name, tensor in tensors.items():
        if name.endswith(_BUFFERS) or (tied and name.endswith(_OUTPUTS)):
            continue
        module, _, part = name.rpartition(".")
        scales = tensors.get(f"{module}.scales")
        if scales is None or group is None:
            sizes[name] = tensor.size
        elif part == "weight":
            sizes[name] = scales.size * group
        elif part == "bias":  # not "biases", which belong to the scales
            sizes[name] = tensor.size
    return sizes


def _dtype(tensors: dict[str, Tensor]) -> str:
    """The dtype of most numbers that are not packed bits."""
    count: Counter[str] = Counter()
    for tensor in tensors.values():
        if tensor.dtype in _DTYPES:
            count[_DTYPES[tensor.dtype]] += tensor.size
    return count.most_common(1)[0][0] if count else "unknown"
