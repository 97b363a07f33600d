"""How memory that is not there is told by the libraries that asked for it, and what they keep of it given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["is_out_of_memory", "release_cached_memory"]


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
