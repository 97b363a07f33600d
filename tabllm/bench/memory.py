"""The most memory that a measurement took."""

from __future__ import annotations

import resource
import sys

from ..lm.engines.base import LmEngine

__all__ = ["forget_peak", "peak_memory"]


def forget_peak(engine: LmEngine) -> None:
    """Let the peak be that of what comes now, where that can be had."""
    if engine.name == "mlx":
        import mlx.core as mx

        mx.reset_peak_memory()
    elif engine.device_name.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(engine.device_name)


def peak_memory(engine: LmEngine) -> float:
    """Bytes, of the device; with torch on a processor, of the process so far."""
    if engine.name == "mlx":
        import mlx.core as mx

        return float(mx.get_peak_memory())
    if engine.device_name.startswith("cuda"):
        import torch

        return float(torch.cuda.max_memory_allocated(engine.device_name))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(used) * (1 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes on Linux
