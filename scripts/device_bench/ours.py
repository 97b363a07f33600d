"""What tabllm does on the device: nano on Adult, and a language model's fit and sample."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tabllm.bench.machine import describe_machine
from tabllm.bench.run import bench_models, bench_training
from tabllm.demo import load_adult
from tabular.registry import create

from .models import SERIALIZATION, place_of, plain_folder, table
from .plan import Line, Sizes

__all__ = ["fit", "nano", "sample"]


def nano(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """One fit with nano's defaults, and as many rows as it learned."""
    engine, place = place_of(device)
    data = load_adult("train")
    data = data.head(sizes.table_rows or len(data))
    settings = {"epochs": sizes.nano_epochs} if sizes.nano_epochs else {}
    model = create("nano", engine=engine, device=place, **settings)
    start = time.perf_counter()
    model.fit(data)
    fitted = time.perf_counter()
    model.sample(len(data), seed=1)
    sampled = time.perf_counter()
    facts = model.describe()
    return {
        "machine": describe_machine(facts["engine"], facts["device"]),
        "fit_seconds": fitted - start,
        "rows": len(data),
        "rows_per_second": len(data) / (sampled - fitted),
        **{name: facts[name] for name in ("parameters", "steps", "epochs", "held_out_loss")},
    }


def fit(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """Updates of fine-tuning."""
    found = bench_training(
        table(tiny=tiny),
        **_model(line, device, work, tiny=tiny),
        precision=line.precision,
        serialization=SERIALIZATION,
        tuning=line.tuning,
        batch=sizes.batch,
        updates=sizes.updates_for(line),
    )
    return {"machine": found["machine"], "peak": found["peaks"][line.precision], **_figures(found["training"])}


def sample(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """Rows from the model after a short training."""
    found = bench_models(
        table(tiny=tiny),
        **_model(line, device, work, tiny=tiny),
        precisions=[line.precision],
        serializations=[SERIALIZATION],
        batches=[sizes.block],
        rows=sizes.rows_for(line),
        steps=sizes.steps,
    )
    return {"machine": found["machine"], "peak": found["peaks"][line.precision], **_figures(found["speeds"][0])}


def _model(line: Line, device: str, work: Path, *, tiny: bool) -> dict[str, Any]:
    """The line's model, and where it computes."""
    engine, place = place_of(device)
    return {"model": str(plain_folder(work, line.model, line.precision, tiny=tiny)), "engine": engine, "device": place}


def _figures(speed: dict[str, Any]) -> dict[str, Any]:
    """Without what the line's name says, a path of this machine among it."""
    return {name: value for name, value in speed.items() if name not in ("model", "precision")}
