#!/usr/bin/env python3
"""How much longer a fit takes beside other busy processes: nano, tvae and a small language model.

    python scripts/bench_busy.py                        # one busy process, 3 rounds
    python scripts/bench_busy.py --busy 2 --models nano
    GOMP_SPINCOUNT=300000 python scripts/bench_busy.py  # as libgomp spins where nobody tells it otherwise

Each fit is one fresh process, so that its libraries read their settings anew; its time is that of `fit` alone. Quiet
and busy fits take turns, so that a machine that slows down slows both. The language model has the shape of GPT-2 with
4 layers of width 256, random weights, and a tokenizer made from the table. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Generator -> options of a fit of some seconds on two cores.
FITS: dict[str, dict[str, Any]] = {
    "nano": {"steps": 400},
    "tvae": {"steps": 1500},
    "lm": {"steps": 12, "batch_size": 32, "precision": "fp32"},
}
ROWS = 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(FITS), default=list(FITS))
    parser.add_argument("--busy", type=int, default=1, metavar="N", help="busy processes beside the fit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fit", nargs=2, metavar=("MODEL", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        print(fit(arguments.fit[0], Path(arguments.fit[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        if "lm" in arguments.models:
            write_standin(Path(folder))
        print(f"{'':6} {'quiet, s':>9} {'busy, s':>9} {'ratio':>7}   median of {arguments.rounds} rounds")
        for model in arguments.models:
            quiet, busy = [], []
            for _ in range(arguments.rounds):
                quiet.append(timed(model, folder))
                with busy_processes(arguments.busy):
                    busy.append(timed(model, folder))
            at_rest, beside = statistics.median(quiet), statistics.median(busy)
            print(f"{model:6} {at_rest:9.2f} {beside:9.2f} {beside / at_rest:7.2f}", flush=True)


def timed(model: str, folder: str) -> float:
    """Seconds of one fit in a process of its own."""
    command = [sys.executable, __file__, "--fit", model, folder]
    root = str(Path(__file__).resolve().parents[1])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.split()[-1])


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """``count`` processes that compute without end."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def fit(model: str, folder: Path) -> float:
    """Seconds that ``model`` takes to learn the made-up visits."""
    import tabllm  # noqa: F401 (registers the generators)
    from tabllm.ads.example import example_table
    from tabular.registry import create

    named = {"base": str(folder)} if model == "lm" else {}
    synthesizer = create(model, device="cpu", **FITS[model], **named)
    table = example_table(ROWS)
    start = time.perf_counter()
    synthesizer.fit(table)
    return time.perf_counter() - start


def write_standin(folder: Path) -> None:
    """A small GPT-2 with random weights in ``folder``, with a tokenizer made from the visits."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from tabllm.ads.example import example_table
    from tabllm.bench.standin import write_standin

    write_standin("gpt2", map(str, example_table(ROWS).to_numpy().ravel()), folder)
    special = {"bos_token_id": 0, "eos_token_id": 0}
    GPT2LMHeadModel(GPT2Config(vocab_size=1500, n_layer=4, n_embd=256, n_head=4, **special)).save_pretrained(folder)


if __name__ == "__main__":
    main()
