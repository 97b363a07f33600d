"""AdamW in MLX, with clipped gradients and moments in float32, compiled into few kernels where that pays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import mlx.core as mx

__all__ = ["BETAS", "CLIP_NORM", "compiled_adamw"]

BETAS = (0.9, 0.99)
CLIP_NORM = 1.0
_EPSILON = 1e-8  # as torch has it
#: On a processor MLX compiles with the system's C++ compiler, which takes seconds: below so many weights too long.
WORTH_COMPILING = 10_000_000

Arrays = dict[str, mx.array]


def compiled_adamw(decays: Mapping[str, float], numbers: int) -> Callable[..., tuple[Arrays, Arrays, Arrays]]:
    """:func:`adamw` for weights of these names.

    Args:
        decays: weight decay of each weight.
        numbers: how many numbers the weights have together.
    """
    update: Any = partial(adamw, decays)
    on_processor = mx.default_device().type == mx.DeviceType.cpu
    if on_processor and (numbers < WORTH_COMPILING or shutil.which("g++") is None):
        return update
    return mx.compile(update)


def adamw(
    decays: Mapping[str, float],
    weights: Mapping[str, mx.array],
    gradients: Mapping[str, mx.array],
    first: Mapping[str, mx.array],
    second: Mapping[str, mx.array],
    learning_rate: mx.array,
    corrections: mx.array,
) -> tuple[Arrays, Arrays, Arrays]:
    """One update (Loshchilov & Hutter 2019, algorithm 2): new weights and moments.

    Args:
        first, second: moments, float32.
        corrections: float32[2], ``1 - beta1 ** step`` and the root of ``1 - beta2 ** step``.
    """
    norm = mx.sqrt(sum((value.astype(mx.float32) ** 2).sum() for value in gradients.values()))
    scale = mx.minimum(1.0, CLIP_NORM / (norm + 1e-6))
    updated: Arrays = {}
    new_first: Arrays = {}
    new_second: Arrays = {}
    for path, weight in weights.items():
        gradient = gradients[path].astype(mx.float32) * scale
        m = new_first[path] = BETAS[0] * first[path] + (1 - BETAS[0]) * gradient
        v = new_second[path] = BETAS[1] * second[path] + (1 - BETAS[1]) * gradient**2
        value = weight.astype(mx.float32) * (1 - learning_rate * decays[path])
        value = value - learning_rate / corrections[0] * m / (mx.sqrt(v) / corrections[1] + _EPSILON)
        updated[path] = value.astype(weight.dtype)
    return updated, new_first, new_second
