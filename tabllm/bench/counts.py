"""What fine-tuning and sampling cannot do without, counted: operations, bytes, kernels. No device is needed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..decoding.precisions import PACKED
from ..lm.engines.adamw import STATE_BYTES
from ..lm.engines.base import Shape

__all__ = ["Roof", "Work", "decode_work", "must_multiply_update", "update_work", "weight_bytes"]

#: Bytes of a number of quantized weights, with the scale and the bias that 64 of them share.
_PACKED_BYTES = {"8bit": 1 + 4 / 64, "4bit": 0.5 + 4 / 64}


@dataclass(frozen=True)
class Roof:
    """What a device can do at best.

    Attributes:
        flops: multiply-adds of a matrix product, counted twice, per second.
        bytes_per_second: read and written.
    """

    flops: float
    bytes_per_second: float


@dataclass(frozen=True)
class Work:
    """What one update, or one call of the model, has to do.

    Attributes:
        flop: multiply-adds, each counted as two operations.
        bytes: that must be read or written.
    """

    flop: float
    bytes: float

    def seconds(self, roof: Roof) -> float:
        """The least time (Williams et al. 2009, the roofline model): the longer of computing and moving."""
        return max(self.flop / roof.flops, self.bytes / roof.bytes_per_second)

    def bound(self, roof: Roof) -> str:
        """Which of the two it is: ``"compute"`` or ``"memory"``."""
        return "compute" if self.flop / roof.flops >= self.bytes / roof.bytes_per_second else "memory"


def weight_bytes(precision: str) -> float:
    """Bytes of one weight of a block's matrices."""
    return _PACKED_BYTES[precision] if precision in PACKED else (4.0 if precision == "fp32" else 2.0)


def must_multiply_update(
    shape: Shape, lengths: Sequence[int] | np.ndarray, *, targets: int, used: int, method: str, adapters: int = 0
) -> float:
    """Multiply-adds of an update, each counted as two operations; padding, norms, activations, the optimizer are not.

    A token goes through each matrix once forward, once backward for the gradient of what went in, and once more for
    the gradient of the matrix where that is trained.

    Args:
        lengths: tokens of each row.
        targets: tokens of the rows that are learned.
        used: tokens over which the softmax runs.
        method: ``"full"``, or one that leaves the blocks' matrices as they are.
        adapters: weights of the adapters.
    """
    tokens = np.asarray(lengths, np.float64)
    passes = 3 if method == "full" else 2
    seen = float((tokens * (tokens + 1) / 2).sum())  # pairs (token, token before it or itself)
    attention = 3 * 2 * shape.layers * shape.heads * shape.head_width * seen
    matrices = float(tokens.sum()) * (passes * shape.body + 3 * adapters)
    return 2.0 * (matrices + attention + passes * targets * used * shape.width)


def update_work(
    shape: Shape,
    lengths: Sequence[int] | np.ndarray,
    *,
    precision: str,
    method: str,
    targets: int,
    used: int,
    trained: int,
    kept_bytes: float = 0.0,
) -> Work:
    """One update of fine-tuning.

    Args:
        trained: weights that are trained, all or the adapters.
        kept_bytes: activations that the backward pass reads again (:mod:`tabllm.lm.engines.memory` says how many).
    """
    adapters = 0 if method == "full" else trained
    flop = must_multiply_update(shape, lengths, targets=targets, used=used, method=method, adapters=adapters)
    # The blocks' matrices are read forward and backward; activations are written once and read once.
    moved = 2 * shape.body * weight_bytes(precision) + 2 * kept_bytes
    return Work(flop, moved + trained * STATE_BYTES)


def decode_work(
    shape: Shape, *, precision: str, rows: int, length: float, head: float, number_bytes: int, tokens: float = 1.0
) -> Work:
    """One call of the model in sampling: so many more tokens of each of ``rows`` rows that have ``length`` so far.

    Args:
        head: tokens that may follow, whose rows of the head are multiplied.
        number_bytes: of a key or a value.
    """
    attention = 2 * shape.layers * shape.heads * shape.head_width * rows * tokens * length
    flop = 2.0 * (rows * tokens * shape.body + attention + rows * head * shape.width)
    cache = rows * (length + tokens) * shape.cache_bytes(number_bytes)
    return Work(flop, shape.body * weight_bytes(precision) + cache + head * shape.width * 4.0)
