#!/usr/bin/env python3
"""What the shapes of bench_device.py should take on a device at least, from counts: operations, bytes, kernels.

    python scripts/predict_device.py                                # an M2 Pro with 16 GPU cores
    python scripts/predict_device.py --tflops 6.8 --gigabytes 200   # one with 19
    python scripts/predict_device.py --update docs/mac.md           # writes the table between its two marks

For each model one update of fine-tuning (16 rows of Adult) and one block of sampled rows (64 of them, drawn from their
first to their last token, nothing shared). The least time is the longer of computing at the peak and moving at the full
bandwidth (the roofline model); "with launches" adds the time of starting the kernels. Nothing here was measured.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from device_bench.kernels import kernels_of_call, kernels_of_update
from device_bench.models import SERIALIZATION, table
from device_bench.pages import marks, update
from device_bench.plan import CASES, FULL

from tabllm.bench.counts import Roof, Work, decode_work, update_work
from tabllm.bench.standin import write_standin
from tabllm.lm.engines.base import Shape, Tuning
from tabllm.lm.engines.memory import kept_bytes
from tabllm.lm.serialization.text import TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabllm.lm.training.batches import BatchMaker
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema

MARKS = marks("predictions", "predict_device.py")
#: An M2 Pro: 16 cores of 128 lanes at 1.398 GHz, two operations each, and 200 GB/s.
TFLOPS, GIGABYTES = 5.73, 200.0
#: Seconds between two kernels that wait for each other: 8.8 ms for 3,200 of them on an M3 Ultra (ml-explore/mlx #4521).
LAUNCH = 2.75e-6


@dataclass(frozen=True)
class Rows:
    """What rows of Adult are for a language model, on average.

    Attributes:
        lengths: tokens of the rows of an update.
        targets: tokens of the update that are learned.
        calls: of the model for a row: its tokens that leave a choice.
        head: tokens that may follow in one of them.
        used: tokens over which the softmax runs in training.
    """

    lengths: np.ndarray
    targets: int
    calls: int
    head: float
    used: int


def facts_of(model: str) -> tuple[Shape, int, Rows]:
    """A model's shape, the weights of its adapters, and the rows; no weight is made."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    from tabllm.lm.engines.pytorch.model import shape_of

    data = table(tiny=False)
    schema = infer_schema(data)
    arrays = to_arrays(data, schema)
    with tempfile.TemporaryDirectory() as place:
        texts = [f" {value}" for name in data for value in [name, *data[name].astype(str).head(5000)]]
        write_standin(model, texts, Path(place))
        codec = TextCodec.fit(arrays, schema, TextTokenizer.load(place), serialization=SERIALIZATION)
        with torch.device("meta"):
            built = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(place))
    matrices = [part.weight.shape for part in built.base_model.modules() if isinstance(part, (torch.nn.Linear, Conv1D))]
    adapters = sum(Tuning().rank * (first + second) for first, second in matrices)
    choices = codec.encode(arrays)[: FULL.batch]
    batch = BatchMaker(codec).make(choices, np.tile(np.arange(len(codec.names)), (len(choices), 1)))
    levels = [level for automaton in codec.automata for level in automaton.levels if not level.forced]
    rows = Rows(
        batch.lengths,
        len(batch.target),
        round(len(batch.target) / batch.rows),
        float(np.mean([len(level.tokens) for level in levels])),
        len(codec.used),
    )
    return shape_of(built), adapters, rows


def predict(model: str, precision: str, tuning: str) -> tuple[tuple[Work, int], tuple[Work, int, int]]:
    """(Work, kernels) of an update, and (work, kernels, calls) of a call in sampling."""
    shape, adapters, rows = facts_of(model)
    number_bytes = 4 if precision == "fp32" else 2
    longest = int(rows.lengths.max())
    kept = kept_bytes(
        shape, Tuning(tuning), rows=FULL.batch, tokens=longest, used=rows.used, number_bytes=number_bytes, engine="mlx"
    )
    learned = update_work(
        shape,
        rows.lengths,
        precision=precision,
        method=tuning,
        targets=rows.targets,
        used=rows.used,
        trained=shape.parameters if tuning == "full" else adapters,
        kept_bytes=kept,
    )
    mean = float(rows.lengths.mean())
    call = decode_work(
        shape,
        precision=precision,
        rows=FULL.block,
        length=mean / 2,
        head=rows.head,
        number_bytes=number_bytes,
        tokens=mean / rows.calls,
    )
    return (
        (learned, kernels_of_update(model, precision, tuning, shape.layers)),
        (call, kernels_of_call(model, precision, shape.layers), rows.calls),
    )


def markdown(roof: Roof) -> str:
    """The table."""
    headers = (
        "model",
        "weights, tuning",
        "",
        "GFLOP",
        "GB moved",
        "kernels",
        "at least, ms",
        "bound by",
        "with launches, ms",
        "rows/s",
    )
    lines = [f"| {' | '.join(headers)} |", "|---" * len(headers) + "|"]
    for model, precision, tuning in CASES:
        (learned, launched), (call, each, calls) = predict(model, precision, tuning)
        block = Work(call.flop * calls, call.bytes * calls)
        for what, work, kernels, rows in (
            ("update", learned, launched, FULL.batch),
            (f"block, {calls} calls", block, each * calls, FULL.block),
        ):
            least, whole = work.seconds(roof), work.seconds(roof) + kernels * LAUNCH
            lines.append(
                f"| {model} | {precision}, {tuning} | {what} | {work.flop / 1e9:,.0f} | {work.bytes / 1e9:.2f} | "
                f"{kernels:,} | {1e3 * least:.0f} | {work.bound(roof)} | {1e3 * whole:.0f} | "
                f"{rows / whole:.0f} to {rows / least:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflops", type=float, default=TFLOPS, help="of a matrix product, 1e12/s")
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES, help="of memory bandwidth, 1e9 bytes/s")
    parser.add_argument("--update", type=Path, metavar="PAGE.md")
    arguments = parser.parse_args()
    made = markdown(Roof(arguments.tflops * 1e12, arguments.gigabytes * 1e9))
    update(arguments.update, made, MARKS)


if __name__ == "__main__":
    main()
