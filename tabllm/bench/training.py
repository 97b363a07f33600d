"""How fast a language model is fine-tuned, and how near that comes to what the machine can do at best."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..lm.engines.base import LmEngine, Tuning
from ..lm.serialization.base import LmCodec, level_masks
from ..lm.training.batches import BatchMaker
from ..lm.training.trainer import WEIGHT_DECAY
from .counts import must_multiply_update
from .memory import forget_peak, peak_memory

__all__ = ["TrainingSpeed", "measure_training"]

#: Updates before the clock starts: fresh memory, kernels that are compiled.
WARM_UP = 3
#: Small, so that random weights stay sane.
RATE = 1e-4


@dataclass(frozen=True)
class TrainingSpeed:
    """One line of the table.

    Attributes:
        tuning: ``"full"``, ``"lora"`` or ``"dora"``.
        batch: rows of an update.
        updates: that were timed.
        rows_per_second, tokens_per_second: that were learned, padding not counted.
        peak_gb: as in :class:`~.sampling.Speed`.
        gflops: multiply-adds that had to be done, counted twice, in 1e9/s.
        share: of the machine's peak in a matrix product, 0 where that was not measured.
    """

    model: str
    precision: str
    serialization: str
    tuning: str
    batch: int
    updates: int
    seconds: float
    rows_per_second: float
    tokens_per_second: float
    tokens_per_row: float
    ms_per_update: float
    peak_gb: float
    gflops: float
    share: float = 0.0


def measure_training(
    engine: LmEngine,
    codec: LmCodec,
    choices: np.ndarray,
    tuning: Tuning,
    *,
    model: str,
    serialization: str,
    batch: int,
    updates: int,
    seed: int = 0,
) -> TrainingSpeed:
    """Time ``updates`` updates of ``batch`` rows, batches made meanwhile; the engine is left in the midst of training.

    Args:
        choices: int32[rows, width], what is learned.
    """
    maker = BatchMaker(codec, pad_to=engine.pad_to)
    engine.start_training(tuning, maker.used, level_masks(codec, maker.used), weight_decay=WEIGHT_DECAY)
    rng = np.random.default_rng(seed)
    orders = np.tile(np.arange(len(codec.names)), (batch, 1))
    done = []

    def update() -> Any:
        done.append(maker.make(choices[rng.integers(len(choices), size=batch)], orders))
        return engine.train_step([done[-1]], RATE)

    forget_peak(engine)
    for _ in range(WARM_UP):
        float(update())
    engine.wait()
    done.clear()
    start = time.perf_counter()
    for _ in range(updates):
        loss = update()
    float(loss)
    engine.wait()
    seconds = time.perf_counter() - start
    lengths = np.concatenate([each.lengths for each in done])
    adapters = 0 if tuning.method == "full" else sum(array.size for array in engine.trained().values())
    flop = must_multiply_update(
        engine.shape,
        lengths,
        targets=sum(len(each.target) for each in done),
        used=len(maker.used),
        method=tuning.method,
        adapters=adapters,
    )
    return TrainingSpeed(
        model=model,
        precision=engine.precision,
        serialization=serialization,
        tuning=tuning.method,
        batch=batch,
        updates=updates,
        seconds=seconds,
        rows_per_second=updates * batch / seconds,
        tokens_per_second=float(lengths.sum()) / seconds,
        tokens_per_row=float(lengths.mean()),
        ms_per_update=1e3 * seconds / updates,
        peak_gb=peak_memory(engine) / 1e9,
        gflops=flop / seconds / 1e9,
    )
