#!/usr/bin/env python
"""Peak memory of an update of a language model on MLX, beside what 'tabllm fit' says before it starts; and of loading.

    python scripts/bench_memory.py                      # both architectures, all precisions and tunings
    python scripts/bench_memory.py --shape gpt2 --precision 4bit --tuning lora

Weights are random. On a processor MLX multiplies quantized weights with float32, on a GPU with bfloat16.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tabllm.bench.standin import write_standin
from tabllm.decoding.precisions import PACKED, PRECISIONS
from tabllm.hub.facts import read_facts
from tabllm.lm.engines.base import Tuning
from tabllm.lm.engines.memory import training_memory
from tabllm.lm.engines.mlx.engine import MlxLm
from tabllm.lm.serialization.base import level_masks
from tabllm.lm.serialization.text import TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabllm.lm.training.batches import BatchMaker
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema

VOCABULARY = 2000
SHAPES = {
    "gpt2": {"n_embd": 256, "n_head": 4, "n_layer": 4, "n_positions": 256, "n_ctx": 256, "vocab_size": VOCABULARY},
    "deepseek-coder-1.3b": {
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 256,
    },
}


def visits() -> pd.DataFrame:
    """A small table whose rows take some 60 tokens."""
    rng = np.random.default_rng(0)
    columns = {f"column number {i}": np.round(rng.normal(0, 50, 400), 2) for i in range(6)}
    return pd.DataFrame(columns | {"device": rng.choice(["ios", "android"], 400)})


def measure(shape: str, precision: str, how: Tuning, rows: int) -> dict[str, object]:
    import mlx.core as mx
    from transformers import AutoConfig, AutoModelForCausalLM

    table = visits()
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [f" {value}" for column in table for value in table[column]]
        write_standin(shape, texts, folder, changes=SHAPES[shape])
        AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
        facts = read_facts(folder)
        device = "gpu" if mx.is_available(mx.gpu) else "cpu"
        mx.clear_cache()
        mx.reset_peak_memory()
        before = mx.get_active_memory()
        engine = MlxLm(folder, precision=precision, device=device)
        mx.eval(engine.model.parameters())
        load_peak, loaded = mx.get_peak_memory() - before, mx.get_active_memory() - before
        codec = TextCodec.fit(arrays, schema, TextTokenizer.load(folder), serialization="great")
        maker = BatchMaker(codec, pad_to=engine.pad_to)
        engine.start_training(how, maker.used, level_masks(codec, maker.used), weight_decay=0.01)
        choices = codec.encode(arrays)[:rows]
        batch = maker.make(choices, np.tile(np.arange(len(codec.names)), (len(choices), 1)))
        for _ in range(2):
            mx.clear_cache()
            mx.reset_peak_memory()
            float(engine.train_step([batch], 1e-3))
            engine.wait()
        peak = mx.get_peak_memory()
    estimate = training_memory(
        facts,
        precision=precision,
        tuning=how,
        rows=len(choices),
        tokens=batch.ids.shape[1],
        used=len(maker.used),
        engine="mlx",
        device=device,
    )
    return {
        "shape": shape,
        "precision": precision,
        "tuning": how.method,
        "checkpointing": how.checkpointing,
        "lora_layers": how.layers,
        "lora_dropout": how.dropout,
        "tokens": list(batch.ids.shape),
        "peak_mb": round(peak / 1e6, 1),
        "estimate_mb": round(estimate.peak / 1e6, 1),
        "weights_mb": round(estimate.weights / 1e6, 1),
        "moments_mb": round(estimate.moments / 1e6, 1),
        "activations_mb": round(estimate.activations / 1e6, 1),
        "estimate_of_peak": round(estimate.peak / peak, 3),
        "load_peak_of_result": round(load_peak / loaded, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--precision", choices=PRECISIONS, action="append")
    parser.add_argument("--tuning", choices=("full", "lora", "dora"), action="append")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--lora-layers", type=int)
    parser.add_argument("--lora-dropout", type=float, default=0.0)
    given = parser.parse_args()
    for shape in given.shape or SHAPES:
        for precision in given.precision or PRECISIONS:
            for tuning in given.tuning or ("full", "lora", "dora"):
                if tuning == "full" and precision in PACKED:
                    continue
                how = Tuning(tuning, checkpointing=given.checkpointing)
                if tuning != "full":
                    how = replace(how, dropout=given.lora_dropout, layers=given.lora_layers)
                line = measure(shape, precision, how, given.rows)
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
