"""Which engine and which device a model runs on."""

from __future__ import annotations

import importlib.util
import platform
import sys

from tabular.errors import EngineError, UsageError
from tabular.machine.devices import choose_torch_device

__all__ = ["choose_backend", "install_mlx"]

_MLX_DEVICES = ("gpu", "cpu")


def choose_backend(engine: str = "auto", device: str = "auto") -> tuple[str, str]:
    """The engine and device to use: ``("mlx", "gpu")`` on Apple silicon, ``("torch", "cuda")`` where there is
    CUDA, else ``("torch", "cpu")``, or ``("mlx", "cpu")`` where there is MLX and no PyTorch.

    Raises:
        UsageError: for an unknown engine.
        EngineError: for a device that this machine or this engine does not have.
    """
    if engine not in ("auto", "mlx", "torch"):
        raise UsageError(f"There is no engine {engine!r}; choose auto, mlx or torch.")
    prefers_mlx = device in ("auto", "gpu") and _has_metal()
    if engine == "mlx" or (engine == "auto" and (prefers_mlx or (not _has("torch") and _has("mlx")))):
        return "mlx", _mlx_device(device)
    return "torch", choose_torch_device(device)


def install_mlx() -> str:
    """The command that brings MLX to this machine, with mlx-lm for pretrained models."""
    return "pip install mlx mlx-lm" if sys.platform == "darwin" else "pip install 'mlx[cpu]' mlx-lm"


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _has_metal() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64" and _has("mlx")


def _mlx_device(device: str) -> str:
    if not _has("mlx"):
        raise EngineError(f"The engine mlx is not installed: {install_mlx()}; or take --engine torch.")
    import mlx.core as mx

    has_gpu = bool(mx.is_available(mx.gpu))  # the default device says no more once a model ran on the processor
    if device == "auto":
        return "gpu" if has_gpu else "cpu"
    if device not in (*_MLX_DEVICES, "cuda", "mps"):
        raise UsageError(f"There is no device {device!r}; choose one of auto, {'gpu, ' * has_gpu}cpu.")
    if device not in _MLX_DEVICES or (device == "gpu" and not has_gpu):
        raise EngineError(f"The engine mlx has no device {device!r} here; take one of: {'gpu, ' * has_gpu}cpu.")
    return device
