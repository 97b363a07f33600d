"""Which engine, device and precision a pretrained model gets, and the engine itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tabular.errors import EngineError, UsageError
from tabular.machine.devices import prepare_processor
from tabular.progress import Reporter

from ...decoding.backend import choose_backend, install_mlx
from ...decoding.precisions import PACKED, PRECISIONS
from ...hub.facts import ModelFacts, read_facts
from ...hub.folder import ModelFolder
from .base import LmEngine

__all__ = ["choose_engine", "default_precision", "make_lm", "placed", "precision_of"]

#: Models of more parameters than this are kept in bf16 if nothing else is requested.
LARGE = 500_000_000


def choose_engine(engine: str, device: str, precision: str, *, packed: bool = False) -> tuple[str, str]:
    """(engine, device) as :func:`tabllm.decoding.backend.choose_backend` has them, with mlx-lm where it is MLX.

    Args:
        packed: whether the weights on the disk are quantized already, as mlx-lm writes them.

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
    if packed:
        if engine == "torch" or not has_mlx:
            raise EngineError(
                f"The weights are quantized in MLX's form, which only the engine mlx reads ({install_mlx()}); "
                f"or take the model that they were made of with --precision {precision}."
            )
        return choose_backend("mlx", "auto" if device.startswith("cuda") else device)
    chosen, where = choose_backend(engine, device)
    if precision in PACKED and chosen == "torch" and not where.startswith("cuda"):
        if engine == "auto" and has_mlx and device in ("auto", "cpu"):
            return choose_backend("mlx", device)  # faster there than bitsandbytes on a processor
        if where == "cpu" and importlib.util.find_spec("bitsandbytes") is not None:
            return chosen, where
        raise EngineError(
            f"PyTorch has no {precision} weights on {where}: take --engine mlx ({install_mlx()}), "
            "a CUDA GPU, or --precision bf16."
        )
    return chosen, where


def default_precision(parameters: int) -> str:
    """What ``auto`` means for a model of so many parameters whose weights are not quantized."""
    return "fp32" if parameters <= LARGE else "bf16"


def precision_of(facts: ModelFacts, requested: str, shown: str) -> str:
    """The precision that a model's weights are loaded in for ``requested``, which may be ``auto``.

    Args:
        shown: what an error calls the model.

    Raises:
        UsageError: if its weights are quantized already, to something else than ``requested``.
    """
    if facts.bits is None:
        return default_precision(facts.parameters) if requested == "auto" else requested
    stored = f"{facts.bits}bit"
    if requested not in ("auto", stored):
        raise UsageError(
            f"The weights of {shown} have {facts.bits} bits and cannot be loaded in {requested}: take --precision "
            f"{stored}, or the model that they were made of."
        )
    return stored


def placed(
    folder: ModelFolder, engine: str, device: str, precision: str, progress: Reporter
) -> tuple[ModelFacts, str, str, str]:
    """(facts, precision, engine, device) for the model in ``folder``, where each of the last three may be ``auto``.

    Raises:
        UsageError, EngineError: as :func:`precision_of` and :func:`choose_engine`.
    """
    facts = read_facts(folder.path)
    precision = precision_of(facts, precision, folder.name)
    # Only the folder says that weights are quantized, and not every engine that is first choice reads such.
    engine, device = choose_engine(engine, device, precision, packed=facts.bits is not None)
    if (engine, device) == ("torch", "cpu"):
        prepare_processor(progress, many_sizes=True)
    return facts, precision, engine, device


def make_lm(engine: str, device: str, folder: str | Path, *, precision: str, random: int | None = None) -> LmEngine:
    """The model in a folder on a backend that :func:`choose_engine` gave."""
    made: Any
    if engine == "mlx":
        from .mlx.engine import MlxLm

        made = MlxLm(folder, precision=precision, device=device, random=random)
        return made
    from .pytorch.engine import TorchLm

    if device == "cpu":
        prepare_processor(many_sizes=True)
    made = TorchLm(folder, precision=precision, device=device, random=random)
    return made
