#!/usr/bin/env python3
"""What nano's probabilities say of Adult: bits per row, rows per second beside sampling, and the attack on the run.

python scripts/bench_score.py               # a fit with the defaults
python scripts/bench_score.py --steps 600   # a short one
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from eval.attacks.white_box import attack_run
from tabllm import TableLM
from tabllm.demo import TARGET, load_adult


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="updates of the fit")
    arguments = parser.parse_args()
    train, test = load_adult("train"), load_adult("test")
    model = TableLM(steps=arguments.steps).fit(train)
    print(f"fit: {model.facts['steps']:,} updates in {model.facts['fit_seconds']:.0f} s")
    start = time.perf_counter()
    made = model.sample(len(train), refine=False)
    print(f"sample: {len(made) / (time.perf_counter() - start):,.0f} rows/s")
    logs = {}
    for name, table in (("training", train), ("held-out", test), ("generated", made)):
        start = time.perf_counter()
        cells = model.cell_log_probs(table)
        took = time.perf_counter() - start
        logs[name] = cells.to_numpy().sum(axis=1)
        bits = -logs[name][np.isfinite(logs[name])] / np.log(2)
        impossible = np.isneginf(cells).sum()
        print(
            f"{name} rows: {bits.mean():.2f} bits a row, median {np.median(bits):.2f}, 99 % below "
            f"{np.quantile(bits, 0.99):.2f}; impossible {np.isneginf(logs[name]).sum():,} of {len(table):,} "
            f"{impossible[impossible > 0].to_dict()}; {len(table) / took:,.0f} rows/s"
        )
    for what, held_out in (
        ("all rows", logs["held-out"]),
        ("rows that can be drawn", logs["held-out"][np.isfinite(logs["held-out"])]),
    ):
        found = attack_run(logs["training"], held_out).attack
        print(
            f"attack on the run, {what}: AUC {found.auc.value:.4f} ({found.auc.low:.4f} to {found.auc.high:.4f}), "
            f"{100 * (found.tpr_at_1.value or 0):.2f} % of training rows named at 1 % of the others"
        )
    start = time.perf_counter()
    probs = model.predict_proba(test, TARGET)
    right = probs.columns[probs.to_numpy().argmax(axis=1)] == test[TARGET].to_numpy()
    print(f"predict {TARGET}: accuracy {right.mean():.4f}, {len(test) / (time.perf_counter() - start):,.0f} rows/s")


if __name__ == "__main__":
    main()
