"""mlx-lm beside it, on the same weights, rows and batches: what ``mlx_lm.benchmark`` and ``mlx_lm.lora`` do."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tabllm.decoding.backend import choose_backend
from tabllm.decoding.mlx_device import take_device

from .models import place_of, quantized_folder, rows_as_tokens
from .plan import Line, Sizes, sampled

__all__ = ["fit", "sample"]

#: Tokens of a prompt. A row begins with one; mlx-lm wants two.
PROMPT = 2


class _Rows:
    """Rows of tokens as mlx-lm's trainer takes a data set."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[int]:
        return self.rows[index]

    def process(self, row: list[int]) -> tuple[list[int], int]:
        """(tokens, where the loss begins)."""
        return row, 0


def sample(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """As ``mlx_lm.benchmark`` does it: ``batch_generate`` on random prompts, as many tokens as a row has."""
    import mlx.core as mx
    from mlx_lm import batch_generate, load

    model, tokenizer, folder = _load(line, device, work, tiny, load)
    length = round(float(np.mean([len(row) for row in rows_as_tokens(folder, 1000, tiny=tiny)])))
    tokenizer._eos_token_ids = {}  # as mlx_lm.benchmark has it: no row ends early
    prompts = mx.random.randint(0, 1000, (sizes.block, PROMPT)).tolist()

    def run() -> Any:
        return batch_generate(model, tokenizer, prompts, max_tokens=length - PROMPT)

    run()
    mx.reset_peak_memory()
    start = time.perf_counter()
    stats = [run().stats for _ in range(sizes.trials)]
    seconds = time.perf_counter() - start
    return {
        **sampled("mlx_lm.batch_generate", sizes, length, seconds),
        "generation_tokens_per_second": float(np.mean([each.generation_tps for each in stats])),
        "peak_gb": mx.get_peak_memory() / 1e9,
    }


def fit(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """As ``mlx_lm.lora`` does it, on all layers with adapters of the same rank; the first report warms up.

    Full tuning of mlx-lm trains the blocks and leaves the embeddings as they are.
    """
    from mlx_lm import load
    from mlx_lm.lora import CONFIG_DEFAULTS, train_model

    model, _, folder = _load(line, device, work, tiny, load)
    updates = sizes.updates_for(line)
    reports: list[dict[str, Any]] = []
    watch = SimpleNamespace(on_train_loss_report=reports.append, on_val_loss_report=lambda report: None)
    with tempfile.TemporaryDirectory() as place:
        settings = {
            **CONFIG_DEFAULTS,
            "model": str(folder),
            "train": True,
            "fine_tune_type": line.tuning,
            "optimizer": "adamw",
            "num_layers": len(model.layers),
            "batch_size": sizes.batch,
            "iters": 2 * updates,
            "learning_rate": 1e-4,
            "steps_per_report": updates,
            "adapter_path": place,
            "max_seq_length": 512,
            "lora_parameters": {"rank": 16, "dropout": 0.0, "scale": 2.0},
        }
        rows = rows_as_tokens(folder, 2 * updates * sizes.batch, tiny=tiny)
        train_model(SimpleNamespace(**settings), model, _Rows(rows), _Rows([]), watch)
    found = reports[-1]
    per_second = found["iterations_per_second"]
    return {
        "library": "mlx_lm.lora",
        "tuning": line.tuning,
        "batch": sizes.batch,
        "updates": updates,
        "rows_per_second": per_second * sizes.batch,
        "tokens_per_second": found["tokens_per_second"],
        "ms_per_update": 1e3 / per_second,
        "peak_gb": found["peak_memory"],
    }


def _load(line: Line, device: str, work: Path, tiny: bool, load: Any) -> tuple[Any, Any, Path]:
    take_device(choose_backend(*place_of(device))[1])
    folder = quantized_folder(work, line.model, line.precision, tiny=tiny)
    model, tokenizer = load(str(folder))[:2]
    return model, tokenizer, folder
