"""Parts of adapters: the dropout before them, and DoRA beside quantized weights that memory has no dense copy of."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn

__all__ = ["Dropout", "FrozenDora"]


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) by a key, while there is one.

    MLX's own draws anew when gradient checkpointing computes a block again, so gradients would be of other numbers.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._key: mx.array | None = None  # with a low line, or it would be a weight

    def use(self, key: mx.array | None) -> None:
        """Drop what this key says; nothing without one."""
        self._key = key

    def __call__(self, x: mx.array) -> mx.array:
        """[..., inputs] -> the same."""
        if self._key is None:
            return x
        keep = mx.random.bernoulli(1 - self.rate, x.shape, key=self._key)
        return mx.where(keep, x / (1 - self.rate), mx.array(0, x.dtype))


class FrozenDora(nn.Module):
    """A trained DoRA layer (Liu et al. 2024) beside its quantized weights.

    mlx-lm's unpacks the matrix and takes the norm of each of its rows at every call. Once training is over the ratio of
    magnitude and norm is fixed: it is kept, and what is multiplied is the packed matrix. Nothing is rounded anew.

    Args:
        layer: mlx-lm's ``DoRALinear`` on a quantized layer.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        base = self.linear = layer.linear
        weight = mx.dequantize(
            base.weight, base.scales, base.biases, group_size=base.group_size, bits=base.bits, mode=base.mode
        ).astype(mx.float32)
        step = layer.scale * (layer.lora_a @ layer.lora_b).T
        dtype = base.scales.dtype
        self.ratio = (layer.m / mx.linalg.norm(weight + step, axis=1)).astype(dtype)
        self.lora_a, self.lora_b = layer.lora_a.astype(dtype), (layer.scale * layer.lora_b).astype(dtype)
        mx.eval(self.ratio, self.lora_a, self.lora_b)

    def __call__(self, x: mx.array) -> mx.array:
        """[..., inputs] -> [..., outputs]."""
        base = self.linear
        y = mx.quantized_matmul(
            x,
            base.weight,
            scales=base.scales,
            biases=base.biases,
            transpose=True,
            group_size=base.group_size,
            bits=base.bits,
            mode=base.mode,
        )
        y = self.ratio * (y + (x @ self.lora_a) @ self.lora_b)
        return y + base.bias if "bias" in base else y

    def fuse(self) -> nn.Linear:
        """The sum as one layer; for :func:`.weights.fused`, which unpacks ``linear`` before."""
        made = nn.Linear(1, 1, bias=False)
        step = self.lora_a.astype(mx.float32) @ self.lora_b.astype(mx.float32)
        made.weight = self.ratio[:, None].astype(mx.float32) * (self.linear.weight + step.T)
        if "bias" in self.linear:
            made.bias = self.linear.bias
        return made
