"""Which engine, device and precision a pretrained model gets, and the engine itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tabular.devices import prepare_processor
from tabular.errors import EngineError, UsageError

from ..nano.backend import choose_backend, install_mlx
from .engine import PRECISIONS, LmEngine

__all__ = ["choose_engine", "default_precision", "make_lm"]

#: Models of more parameters than this are kept in bf16 if nothing else is asked for.
LARGE = 500_000_000


def choose_engine(engine: str, device: str, precision: str) -> tuple[str, str]:
    """(engine, device) as :func:`tabllm.nano.backend.choose_backend` has them, with mlx-lm where it is MLX.

    Raises:
        UsageError: for an unknown engine or precision.
        EngineError: for what this machine does not have.
    """
    if precision not in ("auto", *PRECISIONS):
        raise UsageError(f"There is no precision {precision!r}; choose one of auto, {', '.join(PRECISIONS)}.")
    has_mlx = all(importlib.util.find_spec(name) is not None for name in ("mlx", "mlx_lm"))
    if engine == "mlx" and not has_mlx:
        raise EngineError(
            f"The engine mlx needs mlx and mlx-lm for pretrained models: {install_mlx()}; or take --engine torch."
        )
    chosen, place = choose_backend(engine, device)
    if precision in ("8bit", "4bit") and chosen == "torch" and not place.startswith("cuda"):
        if engine == "auto" and has_mlx and device in ("auto", "cpu"):
            return choose_backend("mlx", device)  # the one engine that has such weights here
        raise EngineError(
            f"PyTorch has no {precision} weights on {place}: take --engine mlx ({install_mlx()}), "
            "a CUDA GPU, or --precision bf16."
        )
    return chosen, place


def default_precision(parameters: int) -> str:
    """What ``auto`` means for a model of so many parameters."""
    return "fp32" if parameters <= LARGE else "bf16"


def make_lm(engine: str, device: str, folder: str | Path, *, precision: str, random: int | None = None) -> LmEngine:
    """The model in a folder on a backend that :func:`choose_engine` gave."""
    made: Any
    if engine == "mlx":
        from .mlx_engine import MlxLm

        made = MlxLm(folder, precision=precision, device=device, random=random)
        return made
    from .torch_engine import TorchLm

    if device == "cpu":
        prepare_processor()
    made = TorchLm(folder, precision=precision, device=device, random=random)
    return made
