"""The model on the engine that was chosen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tabular.machine.devices import prepare_processor

from ..config import NanoConfig
from .base import NanoEngine

__all__ = ["make_engine"]


def make_engine(engine: str, device: str, config: NanoConfig, weights: Mapping[str, np.ndarray]) -> NanoEngine:
    """The model on a backend that :func:`tabllm.decoding.backend.choose_backend` gave."""
    if engine == "mlx":
        from .mlx_engine import MlxEngine

        return MlxEngine(config, weights, device)
    from .torch_engine import TorchEngine

    if device == "cpu":
        prepare_processor()
    return TorchEngine(config, weights, device)
