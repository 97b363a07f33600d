"""Loads a causal language model into PyTorch, for any architecture that transformers knows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tabular.errors import EngineError, RunError

from ....decoding.attention import register_batched_attention
from ....decoding.backend import install_mlx
from ..base import Shape

__all__ = [
    "Head",
    "PairEmbedding",
    "blocks_of",
    "computes_in",
    "find_head",
    "load_model",
    "new_vocabulary",
    "shape_of",
    "unfit",
]

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_NO_DROPOUT = (
    "attn_pdrop",
    "resid_pdrop",
    "embd_pdrop",
    "attention_dropout",
    "hidden_dropout",
    "resid_dropout",
    "embedding_dropout",
    "embd_dropout",
)


def load_model(folder: str | Path, *, precision: str, device: torch.device, random: int | None = None) -> Any:
    """The model in a folder, in evaluation mode and without dropout.

    Args:
        precision: ``fp32``, ``fp16``, ``bf16``, or ``8bit`` and ``4bit`` on CUDA (bitsandbytes).
        random: a seed: draw weights at random instead of reading them.

    Raises:
        EngineError: for a precision that this device does not have.
        RunError: if the folder holds no model that can be read.
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    options: dict[str, Any] = {"attn_implementation": register_batched_attention()}
    if precision in _DTYPES:
        options["dtype"] = _DTYPES[precision]
    else:
        # Whatever is not quantized has one type; else embeddings and norms would keep that of the file.
        options["dtype"] = torch.float32 if device.type == "cpu" else torch.bfloat16
        options["quantization_config"] = _bitsandbytes(precision, device)
        options["device_map"] = {"": device}
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        for name in _NO_DROPOUT:
            if hasattr(config, name):
                setattr(config, name, 0.0)
        if getattr(config, "activation_function", None) == "gelu_new":
            config.activation_function = "gelu_pytorch_tanh"  # the same function as one kernel in place of eight
        if random is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(random)
                model = AutoModelForCausalLM.from_config(config, trust_remote_code=False, **options)
        else:
            model = AutoModelForCausalLM.from_pretrained(
                folder, config=config, local_files_only=True, use_safetensors=True, trust_remote_code=False, **options
            )
    except Exception as error:  # transformers, safetensors and bitsandbytes each have their own
        if error.args == (options["attn_implementation"],):
            raise EngineError(
                f"The attention of a model of the kind {config.model_type!r} cannot be replaced, which tabllm relies "
                "on under PyTorch; take --engine mlx, or another model."
            ) from None
        lines = str(error).strip().splitlines()
        raise RunError(f"The model in {folder} cannot be loaded ({lines[0] if lines else error!r}).") from None
    if precision in _DTYPES:
        model = model.to(device)
    for module in model.modules():
        # On a processor bitsandbytes packs weights anew when they are first used, and cannot train them then.
        if getattr(module, "support_avx512bf16_for_cpu", False):
            module.support_avx512bf16_for_cpu = False
    return model.eval()


def _bitsandbytes(precision: str, device: torch.device) -> Any:
    import importlib.util

    if device.type not in ("cuda", "cpu"):
        raise EngineError(
            f"PyTorch has no {precision} weights on {device.type}: take --engine mlx ({install_mlx()}), a CUDA GPU, or "
            "--precision bf16."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise EngineError(f"{precision} weights under PyTorch need bitsandbytes: pip install bitsandbytes.")
    from transformers import BitsAndBytesConfig

    if precision == "8bit":
        # It computes in float16 and says so at each product of each layer.
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
        return BitsAndBytesConfig(load_in_8bit=True)
    compute = torch.float32 if device.type == "cpu" else torch.bfloat16
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute)


def shape_of(model: Any) -> Shape:
    """The size of a transformers model."""
    config = model.config
    heads = config.num_attention_heads
    blocks = blocks_of(model)
    context = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 1 << 20
    return Shape(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        context=int(context),
        body=sum(_numbers(weight) for block in blocks for weight in block.parameters() if weight.ndim > 1),
        parameters=sum(_numbers(weight) for weight in model.parameters()),
    )


def blocks_of(model: Any) -> Sequence[nn.Module]:
    """The transformer blocks: the longest list of modules in the model's body."""
    lists = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    return list(max(lists, key=lambda modules: len(list(modules)))) if lists else [model.base_model]


def _numbers(weight: Tensor) -> int:
    """How many numbers a weight stands for: four bits of bitsandbytes share a byte in pairs."""
    state = getattr(weight, "quant_state", None)
    return int(np.prod(state.shape)) if state is not None else weight.numel()


def computes_in(model: Any) -> torch.dtype:
    """The type of a block's numbers: that of its weights, or of its norms and biases where they are quantized."""
    found = (weight.dtype for weight in blocks_of(model)[0].parameters() if weight.is_floating_point())
    return next(found, torch.float32)


class Head:
    """The rows of the output layer: ``hidden @ weight.T + bias``.

    Args:
        whole: computes all logits from hidden states; used, and the wanted columns taken, for a model whose
            logits are something else than that product (a soft cap, a scale).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, whole: Any = None) -> None:
        self.weight, self.bias, self.whole = weight, bias, whole

    def rows(self, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of some tokens, float32: GPT-2's logits lie near -100, where bfloat16 has steps of 0.5."""
        return self.weight[tokens].float(), None if self.bias is None else self.bias[tokens].float()


@torch.no_grad()
def find_head(model: Any) -> Head:
    """The output layer of a model, found out by comparing with the model's own logits."""
    layer = model.get_output_embeddings()
    weight, bias = layer.weight, getattr(layer, "bias", None)
    ids = torch.tensor([[1, 2]], device=weight.device)
    try:
        logits = model(input_ids=ids, use_cache=False).logits
        hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise unfit(model, error) from None
    plain = torch.nn.functional.linear(hidden.to(weight.dtype), weight, bias)
    if plain.shape == logits.shape and torch.allclose(plain.float(), logits.float(), rtol=1e-3, atol=1e-3):
        return Head(weight, bias)
    raise EngineError(
        f"The logits of a {model.config.model_type} model are not a plain product with its output layer, which "
        "tabllm relies on; take another model."
    )


def unfit(model: Any, error: Exception | None) -> EngineError:
    """What is said of a model that does not run, or runs otherwise, with attention and a cache that are given to it."""
    reason = f" ({str(error).strip().splitlines()[0][:150]})" if str(error or "").strip() else ""
    return EngineError(
        f"A model of the kind {model.config.model_type!r} cannot be run with the attention and the keys and values of "
        f"tabllm under PyTorch{reason}; take --engine mlx, or another model."
    )


class PairEmbedding(nn.Module):
    """Embeds pairs (token, field asked for), each in one number ``token * fields + field``, as the sum of both.

    Args:
        tokens, fields: float32; small updates would be lost in 16 bits.
        dtype: of what is given to the model.
    """

    def __init__(self, tokens: Tensor, fields: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.tokens, self.fields, self.dtype = nn.Parameter(tokens), nn.Parameter(fields), dtype

    def forward(self, pairs: Tensor) -> Tensor:
        """int[rows, m] -> [rows, m, width]."""
        count = len(self.fields)
        made = nn.functional.embedding(pairs // count, self.tokens) + nn.functional.embedding(
            pairs % count, self.fields
        )
        return made.to(self.dtype)


@torch.no_grad()
def new_vocabulary(
    model: Any, words: Sequence[Sequence[int]], fields: Sequence[Sequence[int]], log_frequencies: np.ndarray
) -> Head:
    """Replace a model's vocabulary, and give its new head.

    An embedding starts as the mean of the embeddings of the subwords that its value is written with (Hewitt 2021,
    "Initializing new word embeddings for pretrained language models").

    Args:
        words: for each new token the old ones that its value is written with; one more token is made to begin rows.
        fields: for each field the tokens that its column's name is written with.
        log_frequencies: float32[words], where the head's bias starts.
    """
    dtype = model.get_input_embeddings().weight.dtype
    old = model.get_input_embeddings().weight.float()
    begin = old.mean(dim=0, keepdim=True)
    mean = [torch.stack([old[list(ids)].mean(dim=0) for ids in group]) for group in (words, fields)]
    tokens, requested = torch.cat([mean[0], begin]), mean[1]
    output = model.get_output_embeddings().weight.float()
    rows = torch.stack([output[list(ids)].mean(dim=0) for ids in words])
    # Only differences between the tokens of a field matter; what all rows share would swamp the start frequencies.
    rows = rows - rows.mean(dim=0, keepdim=True)
    model.set_input_embeddings(PairEmbedding(tokens.clone(), requested.clone(), dtype))
    bias = torch.as_tensor(log_frequencies, dtype=rows.dtype, device=rows.device)
    return Head(nn.Parameter(rows.clone()), nn.Parameter(bias.clone()))
