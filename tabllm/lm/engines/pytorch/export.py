"""A fine-tuned transformers model as a folder of plain weights that transformers and mlx-lm both read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....decoding.attention import register_batched_attention
from ....hub.model_files.spelling import spell_for_mlx
from ..base import Tuning
from .training import Training

__all__ = ["dense_copy", "write_model"]


@torch.no_grad()
def dense_copy(model: Any, trained: Mapping[str, np.ndarray], tuning: Tuning | None, device: torch.device) -> Any:
    """A model of plain weights that computes what ``model``, of bitsandbytes' quantized weights, computes.

    Args:
        trained: of its adapters, float32 by neutral names (:mod:`tabllm.lm.engines.weight_names`); they are merged into
            the copy, and in place they would be rounded to the quantized grid.
        tuning: which adapters; ``None``: it has none.
    """
    from transformers import AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    config = type(model.config).from_dict(
        {name: value for name, value in model.config.to_dict().items() if name != "quantization_config"}
    )
    dense = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=register_batched_attention()).to(
        device
    )
    theirs = dict(model.named_modules())
    for name, module in dense.named_modules():
        source = theirs[name]
        source = getattr(source, "base_layer", source)
        for part, weight in module.named_parameters(recurse=False):
            value = _plain(source, part)
            # Quantizing turned GPT-2's matrices round.
            turned = isinstance(module, Conv1D) and not isinstance(source, Conv1D) and weight.ndim == 2
            weight.copy_(value.T if turned else value)
    dense.eval()
    if tuning is None:
        return dense
    training = Training(dense, None, tuning, np.zeros(1, np.int64), np.ones((1, 1), bool), 0.0, device)
    training.load(trained, None)
    return training.finish(merge=True)


def _plain(module: Any, part: str) -> Tensor:
    """A weight as plain numbers; peft's own helper takes the scales of 8 bits out of the layer on a processor."""
    weight: Tensor = getattr(module, part)
    kind = type(weight).__name__
    if kind == "Params4bit":
        from bitsandbytes.functional import dequantize_4bit

        unpacked: Tensor = dequantize_4bit(weight.data, weight.quant_state)  # type: ignore[attr-defined]
        return unpacked
    if kind == "Int8Params":
        # Before its first product a layer keeps rows and scales at the weight, from then on in its state.
        scales = next(each for each in (weight.SCB, module.state.SCB) if each is not None)  # type: ignore[attr-defined]
        return weight.data.float() * (scales[:, None] / 127)
    return weight


def write_model(model: Any, folder: Path) -> None:
    """Write weights and config. GPT-2's weights get the names of the hub's own, without ``transformer.``.

    mlx-lm reads no others; transformers reads both.
    """
    weights = None
    if model.config.model_type == "gpt2":
        tied = model.config.tie_word_embeddings
        weights = {
            name.removeprefix("transformer."): value
            for name, value in model.state_dict().items()
            if not (tied and name == "lm_head.weight")
        }
    model.save_pretrained(folder, state_dict=weights)
    spell_for_mlx(folder)
