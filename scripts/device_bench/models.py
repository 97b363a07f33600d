"""Folders of models with random weights, and rows of Adult as the tokens that go through them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabllm.bench.standin import write_standin
from tabllm.demo import load_adult
from tabllm.lm.engines.pytorch.export import write_model
from tabllm.lm.serialization.text import TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema

from .plan import DEEPSEEK, GPT2

__all__ = ["SERIALIZATION", "place_of", "plain_folder", "quantized_folder", "rows_as_tokens", "small", "table"]

SERIALIZATION = "compact"
#: Rows of Adult that language models learn here: encoding all of them takes longer than the measurement.
TABLE_ROWS, TINY_ROWS = 8000, 300
_TINY: dict[str, dict[str, Any]] = {
    GPT2: {
        "n_embd": 64,
        "n_head": 4,
        "n_layer": 2,
        "n_positions": 256,
        "n_ctx": 256,
        "vocab_size": 1600,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
    DEEPSEEK: {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 1600,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
}


def small(model: str, blocks: int = 2) -> dict[str, Any]:
    """Changes that make a model of that kind small."""
    return {**_TINY[model], "n_layer" if model == GPT2 else "num_hidden_layers": blocks}


def place_of(device: str) -> tuple[str, str]:
    """(engine, device) as tabllm's own commands take them."""
    return ("mlx", "auto") if device == "mlx" else ("torch", device)


def table(*, tiny: bool) -> pd.DataFrame:
    """The rows that language models learn."""
    return load_adult("train").head(TINY_ROWS if tiny else TABLE_ROWS)


def plain_folder(work: Path, model: str, precision: str, *, tiny: bool) -> Path:
    """A folder as a model hub has it: config, tokenizer, and random weights, of fp16 where they are quantized later."""

    def write(folder: Path) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        rows = table(tiny=tiny)
        texts = [f" {value}" for name in rows for value in [name, *rows[name].astype(str).head(5000)]]
        write_standin(model, texts, folder, changes=small(model) if tiny else None)
        torch.manual_seed(0)
        config = AutoConfig.from_pretrained(folder)
        made = AutoModelForCausalLM.from_config(config, dtype=_dtype(precision))
        settings = (folder / "config.json").read_text(encoding="utf-8")
        write_model(made, folder)
        (folder / "config.json").write_text(settings, encoding="utf-8")  # as it is published

    return _once(work / f"{model}-{_width(precision)}{'-tiny' if tiny else ''}", write)


def quantized_folder(work: Path, model: str, precision: str, *, tiny: bool) -> Path:
    """The same weights in 8 or 4 bits as mlx-lm writes and reads them; as they are for another precision."""
    source = plain_folder(work, model, precision, tiny=tiny)
    if not precision.endswith("bit"):
        return source

    def write(folder: Path) -> None:
        from mlx_lm import convert

        folder.rmdir()  # it must not be there
        convert(str(source), str(folder), quantize=True, q_bits=int(precision[0]), q_group_size=64, dtype="float16")

    return _once(work / f"{source.name}-{precision}", write)


def _width(precision: str) -> str:
    return precision if precision in ("fp32", "bf16") else "fp16"


def _dtype(precision: str) -> Any:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision, torch.float16)


def _once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Have ``write`` fill the folder unless it stands already; it appears whole or not at all."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        try:
            write(temporary)
            os.replace(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def rows_as_tokens(folder: Path, rows: int, *, tiny: bool) -> list[list[int]]:
    """Rows of Adult as the tokens that tabllm would learn, for a library that knows no tables."""
    from tabllm.lm.training.batches import BatchMaker

    data = table(tiny=tiny)
    schema = infer_schema(data)
    arrays = to_arrays(data, schema)
    codec = TextCodec.fit(arrays, schema, TextTokenizer.load(folder), serialization=SERIALIZATION)
    choices = codec.encode(arrays)[:rows]
    batch = BatchMaker(codec).make(choices, np.tile(np.arange(len(codec.names)), (len(choices), 1)))
    return [list(map(int, ids[:length])) for ids, length in zip(batch.ids, batch.lengths, strict=True)]
