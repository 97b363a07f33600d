"""In which number type a model's blocks are multiplied on a CUDA GPU, and how much of its memory is free.

Not yet measured on one. What is chosen is chosen by functions that ask no device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

__all__ = ["allow_tf32", "autocast_type", "free_bytes", "in_fast_types", "multiplies_bf16"]

#: CUDA's compute capability from which a GPU multiplies bfloat16 and TF32 by itself: Ampere's.
AMPERE = (8, 0)


def multiplies_bf16(device: torch.device) -> bool:
    """Whether a device is a GPU that multiplies bfloat16 by itself (before Ampere torch emulates it, slowly)."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= AMPERE


def autocast_type(weights: torch.dtype, native_bf16: bool) -> torch.dtype | None:
    """The type in which training multiplies float32 weights, which stay the masters; ``None``: as they are.

    Weights of 16 bits have their own float32 masters, and are multiplied as they are.

    Args:
        native_bf16: what :func:`multiplies_bf16` says.
    """
    return torch.bfloat16 if native_bf16 and weights == torch.float32 else None


@contextmanager
def in_fast_types(device: torch.device, autocast: torch.dtype | None) -> Iterator[None]:
    """Within it a model's blocks are multiplied in ``autocast``, where it is ``None`` as they are, float32 in TF32.

    Only for the blocks: logits need float32, since GPT-2's lie near -100, where 16 bits have steps of 0.5.
    """
    with ExitStack() as stack:
        if autocast is not None:
            stack.enter_context(torch.autocast(device.type, autocast))
        stack.enter_context(allow_tf32(device))
        yield


@contextmanager
def allow_tf32(device: torch.device) -> Iterator[None]:
    """Within it float32 products on CUDA round what they multiply to TF32 (10 bits of mantissa in place of 23).

    What a caller has set stays, and afterwards all is as it was. Before Ampere it changes nothing.
    """
    products = torch.backends.cuda.matmul
    if device.type != "cuda":
        yield
    elif hasattr(products, "fp32_precision"):  # from torch 2.9 on
        mine = products.fp32_precision == "none"
        if mine:
            products.fp32_precision = "tf32"
        try:
            yield
        finally:
            if mine:
                products.fp32_precision = "none"
    else:
        before = products.allow_tf32
        products.allow_tf32 = True
        try:
            yield
        finally:
            products.allow_tf32 = before


def free_bytes(device: torch.device) -> int | None:
    """Memory of a CUDA GPU that nobody uses, what torch holds in reserve included; ``None`` for another device."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
