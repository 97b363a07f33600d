#!/usr/bin/env python3
"""Is the noise of private updates as great as it is said to be? Canaries in their gradients, at several noise levels.

    python scripts/audit_dp.py                            # epsilon 1, 3, 10; all, half, a quarter and none of the noise
    python scripts/audit_dp.py --epsilons 1 --rows 4000   # a quick look
    python scripts/audit_dp.py --epsilons 10 --rows 400000 --batch-rows 100000 --steps 10    # enough to contradict 10

Each line is one run of updates with as much noise as the accountant asks for, or less, in which every row is a canary
that was in or out by a fair coin (Steinke et al. 2023; tabular/neural/private/audit.py). "bound" is the least epsilon
that agrees with what the attacker guessed, at 95 %: of an honest run it lies below the claim, at a third of it or more;
with less noise it must rise above it. n rows can show no more than about log(n / 6), whatever the noise.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from tabular.dp.accounting import Release, noise_for
from tabular.dp.settings import DELTA_ROWS
from tabular.neural.private.audit import audit_updates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--noise", type=float, nargs="+", default=[1.0, 0.5, 0.25, 0.0], help="fractions added")
    parser.add_argument("--rows", type=int, default=32561)
    parser.add_argument("--batch-rows", type=int, default=2048, help="that an update draws on average")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows, steps = arguments.rows, arguments.steps
    rate, delta = min(arguments.batch_rows / rows, 1.0), DELTA_ROWS / rows
    table = Table(title=f"{rows:,} rows, {steps:,} updates on {arguments.batch_rows:,} rows each, delta {delta:.2g}")
    for name in ("claimed epsilon", "noise multiplier", "added", "right guesses", "bound", ""):
        table.add_column(name, justify="right", no_wrap=True)
    start = time.perf_counter()
    for epsilon in arguments.epsilons:
        noise = noise_for(epsilon, delta, sample_rate=rate, steps=steps)
        for fraction in arguments.noise:
            found = audit_updates(
                Release(noise, rate, steps),
                rows=rows,
                delta=delta,
                noise_multiplier=fraction * noise,
                seed=arguments.seed,
            )
            table.add_row(
                f"{found.claimed:.2f}",
                f"{noise:.2f}",
                f"{100 * fraction:g} %",
                f"{found.right:,} of {found.guesses:,}",
                f"{found.bound:.2f}",
                "contradicted" if found.contradicted else "",
            )
    console = Console(width=120)
    console.print(table)
    console.print(f"{time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
