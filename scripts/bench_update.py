#!/usr/bin/env python
"""Seconds of one AdamW update on MLX, compiled as a fit has it and operation by operation.

    python scripts/bench_update.py                       # 16 million weights, the device of MLX
    python scripts/bench_update.py --millions 124

The best of the rounds counts: other programs only ever slow them down.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial

import mlx.core as mx

from tabllm.lm.engines.mlx.adamw import adamw

MATRIX = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    names = [f"weight {number}" for number in range(-(-given.millions * 1_000_000 // MATRIX))]
    plain = partial(adamw, dict.fromkeys(names, 0.01), False)
    seconds = {}
    for label, update in (("plain", plain), ("compiled", mx.compile(plain))):
        weights, gradients, first, second = (
            {name: mx.random.normal((1024, 1024)) * scale for name in names} for scale in (1, 1, 0, 0)
        )
        mx.eval(weights, gradients, first, second)
        times = []
        for _ in range(given.rounds):
            begin = time.perf_counter()
            weights, first, second, _ = update(
                weights, gradients, first, second, mx.array(1e-3), mx.array((0.1, 0.1)), mx.array(1.0)
            )
            mx.eval(weights, first, second)
            times.append(time.perf_counter() - begin)
        seconds[label] = round(min(times), 4)
    row = {"weights": len(names) * MATRIX, "device": str(mx.default_device()), "seconds": seconds}
    print(json.dumps({**row, "times_as_fast": round(seconds["plain"] / seconds["compiled"], 2)}))


if __name__ == "__main__":
    main()
