"""Memory: how libraries tell that there is too little, what they keep of it, and when it is given back."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = [
    "give_back_freed_memory",
    "is_out_of_memory",
    "keep_few_kernels",
    "keep_freed_memory",
    "release_cached_memory",
]

#: What the user may have set: then nothing is changed.
_CAPACITY = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY")
#: Kernels that oneDNN keeps ready for small models: a fit of one and the rows that it makes take up to 40.
KEPT_KERNELS = 64
#: Rows from which on the work on them takes so long that giving memory back is no part of it.
MANY_ROWS = 1_000


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory.

    torch says it by a RuntimeError of its own on a GPU and by a plain one on the processor; MLX by a plain one.
    """
    text = str(error).lower()
    named = type(error).__name__ == "OutOfMemoryError"
    reported = "can't allocate memory" in text or "unable to allocate" in text or "out of memory" in text
    return isinstance(error, MemoryError) or named or (isinstance(error, RuntimeError) and reported)


def release_cached_memory(device: torch.device) -> None:
    """Give memory of a GPU back that torch keeps for later: in other sizes it may be of use."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def keep_few_kernels() -> None:
    """Let oneDNN keep :data:`KEPT_KERNELS` kernels in place of 1,024; a number that the user has set stays.

    It compiles one for each size of a product in bfloat16, and keeps 0.3 MB for each of those that it has ready, which
    adds up in a process that fits many tables. (As much again is never freed.) Compiling one again takes 1 ms for a
    small model and 5 for a language model, whose batches come in many lengths: language models do not ask for this. The
    number is read when the first kernel is made.
    """
    if not any(name in os.environ for name in _CAPACITY):
        os.environ[_CAPACITY[0]] = str(KEPT_KERNELS)


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks of some MB instead of giving them back to the system at once.

    A training step frees and takes the same blocks again, and each time the system hands them out as fresh
    pages that must be zeroed: 30 % of a step's time on two cores of a Linux box. Elsewhere nothing is done.
    """
    if (libc := _glibc()) is None:
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # M_* of malloc.h
    libc.mallopt(mmap_threshold, 32 << 20)  # the most that glibc takes
    libc.mallopt(trim_threshold, 1 << 30)
    libc.mallopt(top_pad, 64 << 20)


def give_back_freed_memory(rows: int = MANY_ROWS) -> None:
    """Give the system back what a piece of work has freed and glibc keeps: some milliseconds.

    After :func:`keep_freed_memory` a process would else stay as large as the largest table ever made it.

    Args:
        rows: that the work was on. After fewer than :data:`MANY_ROWS` nothing is done: they freed little, and many
            small calls are to pay nothing.
    """
    if rows >= MANY_ROWS and (libc := _glibc()) is not None:
        libc.malloc_trim(ctypes.c_size_t(0))


@cache
def _glibc() -> Any:
    """The C library where it is glibc, else ``None``."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)
