"""What is measured: the lines of the table, and how large each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["FULL", "TINY", "Line", "Sizes", "lines_for", "named"]

GPT2, DEEPSEEK = "gpt2", "deepseek-coder-1.3b"
#: Model, precision and tuning that are measured, the most wanted first.
CASES = (
    (GPT2, "fp32", "full"),
    (GPT2, "fp16", "lora"),
    (DEEPSEEK, "4bit", "lora"),
    (DEEPSEEK, "8bit", "lora"),
)
#: On CUDA a model of fp32 is trained with products of bf16; fp16 is Apple's M1 and M2's type of 16 bits.
CUDA_CASES = (
    (GPT2, "fp32", "full"),
    (GPT2, "bf16", "lora"),
    (DEEPSEEK, "4bit", "lora"),
    (DEEPSEEK, "8bit", "lora"),
)
#: PyTorch has no 4 and 8 bits on a processor without bitsandbytes.
CPU_CASES = CUDA_CASES[:2]


@dataclass(frozen=True)
class Line:
    """One measurement, in a process of its own.

    Attributes:
        kind: ``nano``, ``fit`` and ``sample`` of tabllm, ``peer fit`` and ``peer sample`` of the library beside it.
        tuning: ``full`` or ``lora``.
    """

    kind: str
    model: str = ""
    precision: str = ""
    tuning: str = ""

    @property
    def name(self) -> str:
        """``"gpt2 fp32 peer fit"``."""
        return " ".join(filter(None, (self.model, self.precision, self.kind)))


@dataclass(frozen=True)
class Sizes:
    """How much is done.

    Attributes:
        table_rows: of Adult that nano learns, and as many are sampled; all if 0.
        nano_epochs: of nano's fit; its own choice if 0.
        batch: rows of an update.
        updates: that are timed; ``large_updates`` for the model of 1.3 billion weights.
        block: rows that are drawn together, on both sides.
        rows: sampled; ``large_rows`` for the model of 1.3 billion weights.
        steps: updates before sampling, so that rows are plausible and share beginnings as real ones do.
        trials: of the peer's sampling.
    """

    table_rows: int
    nano_epochs: int
    batch: int
    updates: int
    large_updates: int
    block: int
    rows: int
    large_rows: int
    steps: int
    trials: int

    def updates_for(self, line: Line) -> int:
        """Updates that are timed."""
        return self.large_updates if line.model == DEEPSEEK else self.updates

    def rows_for(self, line: Line) -> int:
        """Rows that are sampled."""
        return self.large_rows if line.model == DEEPSEEK else self.rows


def sampled(library: str, sizes: Sizes, length: int, seconds: float) -> dict[str, Any]:
    """What a peer's sampling is reported as: ``sizes.trials`` batches of rows of ``length`` tokens."""
    rows = sizes.block * sizes.trials
    return {
        "library": library,
        "batch": sizes.block,
        "rows": rows,
        "tokens_per_row": length,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "tokens_per_second": rows * length / seconds,
    }


FULL = Sizes(
    table_rows=0,
    nano_epochs=0,
    batch=16,
    updates=30,
    large_updates=10,
    block=64,
    rows=2000,
    large_rows=500,
    steps=40,
    trials=3,
)
TINY = Sizes(
    table_rows=400,
    nano_epochs=1,
    batch=4,
    updates=2,
    large_updates=2,
    block=8,
    rows=20,
    large_rows=20,
    steps=2,
    trials=1,
)


def lines_for(device: str) -> list[Line]:
    """All lines of ``mlx``, ``cuda`` or ``cpu``."""
    lines = [Line("nano")]
    for case in {"mlx": CASES, "cuda": CUDA_CASES}.get(device, CPU_CASES):
        lines += [Line(kind, *case) for kind in ("sample", "peer sample", "fit", "peer fit")]
    return lines


def named(name: str, device: str) -> Line:
    """The line of that name."""
    return next(line for line in lines_for(device) if line.name == name)
