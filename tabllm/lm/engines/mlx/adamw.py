"""AdamW in MLX, with clipped gradients and moments in float32, compiled into few kernels where that pays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import mlx.core as mx

from ..adamw import BETAS, CLIP_NORM, GROWTH

__all__ = ["compiled_adamw", "next_scale"]

_EPSILON = 1e-8  # as torch has it
#: On a processor MLX compiles with the system's C++ compiler, which takes seconds: below so many weights too long.
WORTH_COMPILING = 10_000_000

Arrays = dict[str, mx.array]


def compiled_adamw(
    decays: Mapping[str, float], numbers: int, *, scaled: bool = False
) -> Callable[..., tuple[Arrays, Arrays, Arrays, mx.array]]:
    """:func:`adamw` for weights of these names.

    Args:
        decays: weight decay of each weight.
        numbers: how many numbers the weights have together.
        scaled: whether the loss is scaled.
    """
    update: Any = partial(adamw, decays, scaled)
    on_processor = mx.default_device().type == mx.DeviceType.cpu
    if on_processor and (numbers < WORTH_COMPILING or shutil.which("g++") is None):
        return update
    return mx.compile(update)


def adamw(
    decays: Mapping[str, float],
    scaled: bool,
    weights: Mapping[str, mx.array],
    gradients: Mapping[str, mx.array],
    first: Mapping[str, mx.array],
    second: Mapping[str, mx.array],
    learning_rate: mx.array,
    corrections: mx.array,
    loss_scale: mx.array,
) -> tuple[Arrays, Arrays, Arrays, mx.array]:
    """One update (Loshchilov & Hutter 2019, algorithm 2): new weights and moments, and whether there was one.

    Args:
        scaled: whether the loss was scaled; a gradient that overflowed then changes nothing.
        weights, first, second: masters and moments, float32.
        corrections: float32[2], ``1 - beta1 ** step`` and the root of ``1 - beta2 ** step``.
        loss_scale: where ``scaled``, gradients are of the loss times this.
    """
    unscale = 1 / loss_scale if scaled else mx.array(1.0)
    norm = unscale * mx.sqrt(sum((value.astype(mx.float32) ** 2).sum() for value in gradients.values()))
    scale = mx.minimum(1.0, CLIP_NORM / (norm + 1e-6)) * unscale
    good = mx.isfinite(norm)
    updated: Arrays = {}
    new_first: Arrays = {}
    new_second: Arrays = {}
    for path, weight in weights.items():
        gradient = gradients[path].astype(mx.float32) * scale
        m = BETAS[0] * first[path] + (1 - BETAS[0]) * gradient
        v = BETAS[1] * second[path] + (1 - BETAS[1]) * gradient**2
        value = weight * (1 - learning_rate * decays[path])
        value = value - learning_rate / corrections[0] * m / (mx.sqrt(v) / corrections[1] + _EPSILON)
        if scaled:
            value, m, v = mx.where(good, value, weight), mx.where(good, m, first[path]), mx.where(good, v, second[path])
        updated[path], new_first[path], new_second[path] = value, m, v
    return updated, new_first, new_second, good


def next_scale(loss_scale: mx.array, good: mx.array, since: mx.array) -> tuple[mx.array, mx.array]:
    """The next loss scale: half after an overflow, twice after :data:`GROWTH` updates without one.

    Args:
        since: updates since it last changed.
    """
    since = mx.where(good, since + 1, 0)
    grown = since >= GROWTH
    scale = mx.where(good, mx.where(grown, 2 * loss_scale, loss_scale), mx.maximum(loss_scale / 2, 1.0))
    return scale, mx.where(grown, 0, since)
