"""MLX's default device, and bounds on the memory that it keeps there."""

from __future__ import annotations

import contextlib
import re

import mlx.core as mx

__all__ = ["CACHE_BYTES", "half_type", "take_device"]

#: Bytes of freed buffers that are kept to be used again. Without a bound they grow with every new length of a batch
#: until the system swaps (mlx-lm #986, mlx #3129).
CACHE_BYTES = 2 << 30


def half_type(architecture: str) -> mx.Dtype:
    """The type of 16 bits that a GPU computes with by itself: M1 and M2 emulate bfloat16, from M3 on it is native.

    Args:
        architecture: as ``mx.device_info()`` names it; ``applegpu_g13`` is M1's, ``applegpu_g14`` M2's.
    """
    found = re.match(r"applegpu_g(\d+)", architecture)
    return mx.float16 if found and int(found[1]) < 15 else mx.bfloat16


def take_device(device: str) -> None:
    """Make ``"gpu"`` or ``"cpu"`` MLX's default device.

    On Apple's GPU the memory that Metal recommends at most is wired: else the system may page weights out between two
    steps (mlx-lm #828). Nothing is taken by it before it is used.
    """
    gpu = device == "gpu"
    mx.set_default_device(mx.gpu if gpu else mx.cpu)
    mx.set_cache_limit(CACHE_BYTES)
    if gpu and mx.metal.is_available():
        most = int(mx.device_info().get("max_recommended_working_set_size", 0))
        with contextlib.suppress(ValueError, RuntimeError):  # before macOS 15 nothing can be wired
            mx.set_wired_limit(most)
