"""Where torch computes, and a processor build of it that keeps its memory."""

from __future__ import annotations

import ctypes
import platform
import sys

from .errors import EngineError

__all__ = ["choose_torch_device", "keep_freed_memory"]


def choose_torch_device(device: str = "auto") -> str:
    """``device``, or for ``"auto"`` the best there is: ``"cuda"``, ``"mps"`` or ``"cpu"``.

    Raises:
        EngineError: for a device that this machine does not have.
    """
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
