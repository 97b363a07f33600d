"""The benchmark of language models: for each precision, serialization and batch one line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.schema import Schema

from ..codec import DEFAULT_BINS
from ..hub.facts import read_context
from ..hub.folder import resolve
from ..lm.engines.base import LmEngine, Tuning
from ..lm.engines.loading import choose_engine, make_lm
from ..lm.sampling.sampler import block_rows
from ..lm.serialization.base import LmCodec, Task
from ..lm.serialization.names import codec_class
from ..lm.serialization.table import TokenCodec
from ..lm.serialization.tokenizer import TextTokenizer
from ..lm.training.trainer import plan_training, train
from ..lm.vocabulary import use_vocabulary
from .machine import Peaks, describe_machine, measure_peaks
from .sampling import Speed, measure_sampling
from .standin import write_standin
from .training import measure_training

__all__ = ["bench_models", "bench_training"]

#: Rows per update of the short training, and its rate.
_BATCH, _RATE = 16, 3e-4


def bench_models(
    table: pd.DataFrame,
    *,
    model: str,
    random_weights: bool = False,
    precisions: Sequence[str] = ("fp32",),
    serializations: Sequence[str] = ("compact",),
    batches: Sequence[int] = (),
    rows: int = 1000,
    steps: int = 20,
    engine: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Reporter | None = None,
) -> dict[str, Any]:
    """Measure sampling on this machine.

    Args:
        random_weights: take random weights of the model's shape, which needs no download.
        batches: rows in a block at most; what fits into 2 GB of keys and values if absent.
        rows: made for each line.
        steps: of a short training before, so that rows are plausible and share beginnings as real ones do.

    Returns:
        ``{"machine": ..., "peaks": {precision: ...}, "speeds": [...]}``, plain JSON data.

    Raises:
        UsageError: for an unknown serialization, or a model whose shape is not known.
    """
    progress = progress or Reporter()
    for serialization in serializations:
        codec_class(serialization)
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    speeds: list[Speed] = []
    peaks: dict[str, Peaks] = {}
    backend = choose_engine(engine, device, precisions[0])
    with _folder(model, random_weights, table, progress) as folder:
        for precision in precisions:
            backend = choose_engine(engine, device, precision)
            for serialization in serializations:
                lm = make_lm(*backend, folder, precision=precision, random=seed if random_weights else None)
                codec = _codec(serialization, arrays, schema, folder)
                choices = codec.encode(arrays)
                if isinstance(codec, TokenCodec):
                    use_vocabulary(lm, codec, choices, TextTokenizer.load(folder))
                _train_briefly(lm, codec, choices, precision, steps, seed, progress)
                longest = codec.longest(range(len(codec.names)))
                sizes = list(batches) or [block_rows(lm, longest)]
                with progress.task(f"Sampling {precision}, {serialization}", len(sizes), "runs") as task:
                    for batch in sizes:
                        before = measure_peaks(*backend, precision)
                        speed = measure_sampling(
                            lm, codec, model=model, serialization=serialization, rows=rows, batch=batch, seed=seed
                        )
                        # On both sides of what it is compared with: a machine's speed changes with its heat and load.
                        peak = before.higher(measure_peaks(*backend, precision))
                        peaks[precision] = peak.higher(peaks.get(precision, peak))
                        fraction, moved = speed.gflops / peak.gflops, speed.gigabytes / peak.gigabytes
                        speeds.append(replace(speed, share=fraction, bandwidth_share=moved))
                        task.advance(1, f"{speed.rows_per_second:,.1f} rows/s")
                del lm
    return {
        "machine": describe_machine(*backend),
        "model": model,
        "random_weights": random_weights,
        "table_rows": len(table),
        "trained_steps": steps,
        "peaks": {precision: asdict(peak) for precision, peak in peaks.items()},
        "speeds": [asdict(speed) for speed in speeds],
    }


def bench_training(
    table: pd.DataFrame,
    *,
    model: str,
    random_weights: bool = False,
    precision: str = "fp32",
    serialization: str = "compact",
    tuning: str = "lora",
    batch: int = _BATCH,
    updates: int = 20,
    engine: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Reporter | None = None,
) -> dict[str, Any]:
    """Measure fine-tuning on this machine.

    Args:
        tuning: ``"full"``, ``"lora"`` or ``"dora"``.
        batch: rows of an update.
        updates: that are timed.

    Returns:
        ``{"machine": ..., "peaks": {precision: ...}, "training": {...}}``, plain JSON data.

    Raises:
        UsageError: for a model whose shape is not known.
    """
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    backend = choose_engine(engine, device, precision)
    with _folder(model, random_weights, table, progress or Reporter()) as folder:
        lm = make_lm(*backend, folder, precision=precision, random=seed if random_weights else None)
        codec = _codec(serialization, arrays, schema, folder)
        choices = codec.encode(arrays)
        if isinstance(codec, TokenCodec):
            use_vocabulary(lm, codec, choices, TextTokenizer.load(folder))
        before = measure_peaks(*backend, precision)
        speed = measure_training(
            lm,
            codec,
            choices,
            Tuning(tuning, seed=seed),
            model=model,
            serialization=serialization,
            batch=batch,
            updates=updates,
            seed=seed,
        )
        peak = before.higher(measure_peaks(*backend, precision))
    return {
        "machine": describe_machine(*backend),
        "peaks": {precision: asdict(peak)},
        "training": asdict(replace(speed, share=speed.gflops / peak.gflops)),
    }


@contextmanager
def _folder(model: str, random_weights: bool, table: pd.DataFrame, progress: Reporter) -> Iterator[Path]:
    if not random_weights:
        yield resolve(model, progress=progress).path
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = [f" {name}" for name in table.columns]
        for name in table.columns:
            texts += [f" {value}" for value in table[name].astype(str).head(5000)]
        write_standin(model, texts, Path(folder))
        yield Path(folder)


def _codec(serialization: str, arrays: dict[str, np.ndarray], schema: Schema, folder: Path) -> LmCodec:
    settings = {"serialization": serialization, "bins": DEFAULT_BINS}
    task = Task(arrays, schema, TextTokenizer.load(folder), read_context(folder), settings)
    return codec_class(serialization).fit_for(task)[0]


def _train_briefly(
    lm: LmEngine, codec: LmCodec, choices: np.ndarray, precision: str, steps: int, seed: int, progress: Reporter
) -> None:
    if not steps:
        return
    tuning = Tuning("full" if precision == "fp32" else "lora", seed=seed)
    rate = _RATE if precision == "fp32" else 10 * _RATE
    plan = plan_training(len(choices), steps=steps, batch_rows=_BATCH, learning_rate=rate, evaluations=1, seed=seed)
    train(lm, codec, choices, plan, tuning, progress=progress)
