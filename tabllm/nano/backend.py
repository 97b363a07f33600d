"""Which engine and which device a model runs on, and a torch that keeps its memory."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
from collections.abc import Mapping

import numpy as np

from tabular.errors import EngineError, UsageError

from .config import NanoConfig
from .engine import NanoEngine

__all__ = ["choose_backend", "keep_freed_memory", "make_engine"]

_MLX_DEVICES = ("gpu", "cpu")
_TORCH_DEVICES = ("cuda", "mps", "cpu")


def choose_backend(engine: str = "auto", device: str = "auto") -> tuple[str, str]:
    """The engine and device to use: ``("mlx", "gpu")`` on Apple silicon, ``("torch", "cuda")`` where there is
    CUDA, else ``("torch", "cpu")``.

    Raises:
        UsageError: for an unknown engine.
        EngineError: for a device that this machine or this engine does not have.
    """
    if engine not in ("auto", "mlx", "torch"):
        raise UsageError(f"There is no engine {engine!r}; choose auto, mlx or torch.")
    if engine == "mlx" or (engine == "auto" and device in ("auto", "gpu") and _has_metal()):
        return "mlx", _mlx_device(device)
    return "torch", _torch_device(device)


def make_engine(engine: str, device: str, config: NanoConfig, weights: Mapping[str, np.ndarray]) -> NanoEngine:
    """The model on a backend that :func:`choose_backend` gave."""
    if engine == "mlx":
        from .mlx_engine import MlxEngine

        return MlxEngine(config, weights, device)
    from .torch_engine import TorchEngine

    if device == "cpu":
        keep_freed_memory()
    return TorchEngine(config, weights, device)


def _has_metal() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64" and importlib.util.find_spec("mlx") is not None


def _mlx_device(device: str) -> str:
    if importlib.util.find_spec("mlx") is None:
        raise EngineError(
            "The engine mlx is not installed; run \"pip install 'tabllm[mlx-cpu]'\", or take --engine torch."
        )
    import mlx.core as mx

    has_gpu = mx.default_device().type == mx.DeviceType.gpu
    if device == "auto":
        return "gpu" if has_gpu else "cpu"
    if device not in _MLX_DEVICES or (device == "gpu" and not has_gpu):
        raise EngineError(f"The engine mlx has no device {device!r} here; take one of: {'gpu, ' * has_gpu}cpu.")
    return device


def _torch_device(device: str) -> str:
    import torch

    there = [
        name
        for name, has in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
            ("cpu", True),
        )
        if has
    ]
    if device == "auto":
        return there[0]
    if device.partition(":")[0] not in there:
        raise EngineError(f"The engine torch has no device {device!r} here; take one of: {', '.join(there)}.")
    return device


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks of some MB instead of giving them back to the system at once.

    A training step frees and takes the same blocks again, and each time the system hands them out as fresh
    pages that must be zeroed: 30 % of a step's time on two cores of a Linux box. Elsewhere nothing is done.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # M_* of malloc.h
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_threshold, 32 << 20)  # the most that glibc takes
    libc.mallopt(trim_threshold, 1 << 30)
    libc.mallopt(top_pad, 64 << 20)
