"""MLX's default device, and bounds on the memory that it keeps there."""

from __future__ import annotations

import contextlib

import mlx.core as mx

__all__ = ["CACHE_BYTES", "take_device"]

#: Bytes of freed buffers that are kept to be used again. Without a bound they grow with every new length of a batch
#: until the system swaps (mlx-lm #986, mlx #3129).
CACHE_BYTES = 2 << 30


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
