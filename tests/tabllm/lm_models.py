"""Tiny models with a tokenizer, a table to write in it, and the slow way to compute what an engine computes."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

KINDS = ("gpt2", "llama")
ENGINES = ("torch", "mlx")
both_engines = pytest.mark.parametrize("engine_name", ENGINES)
both_kinds = pytest.mark.parametrize("kind", KINDS)
VOCABULARY, WIDTH, LAYERS, CONTEXT = 300, 64, 2, 96
#: DeepSeek-coder's rotary settings, as its config.json spells them, and as transformers 5 does.
ROPE = {"rope_theta": 100000.0, "rope_scaling": {"type": "linear", "factor": 4.0}}
ROPE_5 = {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000.0}}


@functools.cache
def folder_of(kind: str) -> Path:
    """A GPT-2, or a Llama as DeepSeek-coder is one, with weights large enough that a wrong step shows."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    torch.manual_seed(0)
    common = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.15}
    if kind == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=4, **common))
    else:
        config = LlamaConfig(
            hidden_size=WIDTH,
            intermediate_size=96,
            num_hidden_layers=LAYERS,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=False,
            **common,
        )
        model = LlamaForCausalLM(config)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(folder)
    if kind == "llama":
        spell_rope(folder, ROPE)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer(), bos_token="<s>", eos_token="<s>").save_pretrained(folder)
    return folder


def engine_of(name: str, folder: Path, **options):
    """An engine; skips the test where it is not installed."""
    if name == "torch":
        from tabllm.lm.engines.pytorch.engine import TorchLm

        return TorchLm(folder, **options)
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    from tabllm.lm.engines.mlx.engine import MlxLm

    return MlxLm(folder, **options)


@functools.cache
def loaded(name: str, kind: str):
    """An engine that no test trains."""
    return engine_of(name, folder_of(kind))


def spell_rope(folder: Path, rope: dict) -> None:
    """Write rotary settings into a config.json."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config = {name: value for name, value in config.items() if name not in {**ROPE, **ROPE_5}} | rope
    path.write_text(json.dumps(config))


@functools.cache
def tokenizer():
    """Bytes, and what is frequent in a few strings."""
    from tabllm.bench.standin import byte_tokenizer

    texts = ["north northern south east, of size 10 20 30, price 1999 2001"] * 3
    return byte_tokenizer(texts, tokens=VOCABULARY, special="<s>")


def table(rows: int = 120) -> pd.DataFrame:
    """Categories of unequal length, a number that depends on them, and holes."""
    rng = np.random.default_rng(0)
    side = rng.choice(["north", "northern", "south", "east by far"], rows, p=[0.4, 0.2, 0.3, 0.1])
    size = pd.Series((rng.normal(40, 12, rows) + 30 * (side == "south")).round(1))
    size[rng.random(rows) < 0.15] = np.nan
    return pd.DataFrame({"side": side, "count": rng.integers(0, 12, rows), "size": size})


@functools.cache
def text_codec(serialization: str = "csv"):
    """(codec, choices) of :func:`table` in the tiny tokenizer."""
    from tabllm.lm.serialization.text import TextCodec
    from tabllm.lm.serialization.tokenizer import TextTokenizer
    from tabular.encoding.arrays import to_arrays
    from tabular.preparing.inference import infer_schema

    frame = table()
    schema = infer_schema(frame)
    arrays = to_arrays(frame, schema)
    codec = TextCodec.fit(arrays, schema, TextTokenizer(tokenizer(), 0), serialization=serialization)
    return codec, codec.encode(arrays)


def started_training(engine_name: str, precision: str, method: str):
    """GPT-2 at the start of its training, and a batch of 8 rows."""
    from tabllm.lm.engines.base import Tuning
    from tabllm.lm.serialization.base import level_masks
    from tabllm.lm.training.batches import BatchMaker

    engine = engine_of(engine_name, folder_of("gpt2"), precision=precision)
    codec, choices = text_codec()
    maker = BatchMaker(codec)
    engine.start_training(Tuning(method, rank=4), maker.used, level_masks(codec, maker.used), weight_decay=0.0)
    return engine, maker.make(choices[:8], np.tile([0, 1, 2], (8, 1)))


def full_logits(folder: Path, rows: list[list[int]]) -> list[np.ndarray]:
    """What transformers gives after every token of each row, float64[tokens, vocabulary]: no cache, no padding."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([row])).logits[0].double().numpy() for row in rows]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, in float64."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
