"""Device selection, what torch needs to compute well on a processor, and AVX-512 for float32 products on AMD."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, UsageError
from ..progress import Reporter
from .memory import keep_few_kernels, keep_freed_memory
from .threads import share_processor

if TYPE_CHECKING:
    import torch

__all__ = ["choose_torch_device", "full_width_products", "prepare_processor", "product_type"]


def choose_torch_device(device: str = "auto") -> str:
    """``device``, or for ``"auto"`` the best there is: ``"cuda"``, ``"mps"`` or ``"cpu"``.

    Raises:
        EngineError: for a device that this machine does not have, or without PyTorch.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise EngineError("PyTorch is not installed: pip install torch.") from None

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
    if device.partition(":")[0] not in ("cuda", "mps", "cpu", "gpu"):
        raise UsageError(f"There is no device {device!r}; choose one of auto, {', '.join(there)}.")
    if device.partition(":")[0] not in there:
        raise EngineError(f"The engine torch has no device {device!r} here; take one of: {', '.join(there)}.")
    return device


def prepare_processor(progress: Reporter | None = None, *, many_sizes: bool = False) -> None:
    """Set what torch needs to compute well on the processor, memory and threads.

    Args:
        progress: told of fewer threads.
        many_sizes: the model's products come in more sizes than :func:`.memory.keep_few_kernels` keeps kernels for.
    """
    if not many_sizes:
        keep_few_kernels()
    keep_freed_memory()
    note = share_processor()
    if progress is not None and note is not None:
        progress.note(note)


@contextmanager
def full_width_products() -> Iterator[None]:
    """Within it torch multiplies float32 matrices with AVX-512 on an AMD processor that has it; a decorator too.

    torch takes MKL for them, which uses no more than AVX2 on a processor that is not Intel's: half of what a Zen 5 can
    do. oneDNN uses AVX-512, and torch takes oneDNN where bfloat16 is *allowed* inside products. As oneDNN rounds to
    bfloat16 only where there is AMX, products stay as exact as float32 is, which is tried once. Elsewhere nothing is
    done, and what a caller has set stays. It is for layers of always the same sizes: oneDNN compiles a kernel for each
    size that it meets (about 1 ms), and each call costs it some 5 us more than MKL.
    """
    import torch

    products = getattr(torch.backends.mkldnn, "matmul", None)  # from torch 2.9 on
    processor = _processor()
    helps = processor.get("cpu_name", "").startswith("AMD") and processor.get("avx512_bw") and not processor["amx_tile"]
    if products is None or not helps or products.fp32_precision != "none" or not _stays_exact(products):
        yield
        return
    with _rounding_allowed(products):
        yield


@contextmanager
def _rounding_allowed(products: Any) -> Iterator[None]:
    products.fp32_precision = "bf16"
    try:
        yield
    finally:
        products.fp32_precision = "none"


@cache
def _stays_exact(products: Any) -> bool:
    """Whether a product is not rounded though it may be: its numbers are about 8, and float32 is exact to 1e-5."""
    import torch

    left, right = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with _rounding_allowed(products):
        found = left.float() @ right.float()
    return bool((found - left @ right).abs().max() < 1e-4)


def product_type(device: torch.device) -> torch.dtype:
    """The number type in which training multiplies fastest there at no loss: bfloat16 on a processor that multiplies it
    by itself, else float32."""
    import torch

    able = device.type == "cpu" and (_processor().get("avx512_bf16") or _processor().get("amx_bf16"))
    return torch.bfloat16 if able else torch.float32


def _processor() -> dict[str, Any]:
    """What torch tells of the processor; nothing before torch 2.9."""
    import torch

    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return found
