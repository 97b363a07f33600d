#!/usr/bin/env python3
"""Do synthetic rows of a rare class help? The hybrid study on two real tables, from one command.

    python scripts/bench_augment.py --data FOLDER                 # both, under 20 minutes on 2 cores
    python scripts/bench_augment.py --only adult                  # needs no FOLDER: Adult comes with the package
    python scripts/bench_augment.py --data FOLDER --seeds 0 1 2   # other parts, another fit

hillstrom  who buys after an e-mail, 0.9 % of 64,000 (Kevin Hillstrom, MineThatData, 2008). FOLDER holds
           hillstrom_email_64k/hillstrom.csv.gz. Left out are `visit` and `spend`, which are known only with the answer.
adult      who earns more than 50,000 dollars (UCI Adult, both parts), thinned to 2 % by the seed 0.

Each seed parts the table anew (56 % to learn, 14 % to choose thresholds and numbers of trees, 30 % to judge by), fits
the generator to the rows to learn and trains with every recipe. What is done lies in --work and is not done again.
`tabllm augment DATA --target T --study` does the same to a table of yours.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from tabllm.augmenting.sheets import draw, to_json, to_markdown
from tabllm.augmenting.study import Settings, run_study
from tabllm.demo import load_adult
from tabular.io.reading import read_table
from tabular.progress import RichReporter
from tabular.storage.rundir import write_json, write_text

#: Share of the rich that is left in Adult.
THINNED = 0.02


def hillstrom(folder: Path) -> tuple[pd.DataFrame, str]:
    """The table without what is known only afterwards, and its target."""
    table = read_table(folder / "hillstrom_email_64k" / "hillstrom.csv.gz")
    return table.drop(columns=["visit", "spend"]), "conversion"


def adult(folder: Path) -> tuple[pd.DataFrame, str]:
    """Both parts of Adult with so few of the rich that they are 2 % of all, and the target."""
    table = pd.concat([load_adult("train"), load_adult("test")], ignore_index=True)
    rich = (table["income"] == ">50K").to_numpy()
    keep = round(THINNED / (1 - THINNED) * (~rich).sum())
    chosen = np.random.default_rng(0).choice(np.flatnonzero(rich), keep, replace=False)
    return table[~rich | np.isin(np.arange(len(table)), chosen)].reset_index(drop=True), "income"


TABLES = {"hillstrom": hillstrom, "adult": adult}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the tables")
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--work", type=Path, default=Path("bench-augment"))
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console(highlight=False)
    machine = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    console.print(machine)
    facts, pages = [], []
    for name in [arguments.only] if arguments.only else TABLES:
        table, target = TABLES[name](arguments.data)
        for seed in arguments.seeds:
            start = time.perf_counter()
            settings = Settings(target, model=arguments.model, oversampling=True, seed=seed)
            work = arguments.work / f"{name}-{arguments.model}-{seed}"
            study = run_study(table, settings, work, progress=RichReporter())
            took = time.perf_counter() - start
            draw(study, console)
            console.print(f"\n{name}, seed {seed}: {took:.0f} s in this call")
            facts.append({"table": name, "machine": machine, "seconds_of_this_call": took, **to_json(study)})
            pages.append(to_markdown(study))
    if arguments.markdown:
        write_text(arguments.markdown, "\n".join(pages))
    if arguments.json:
        write_json(arguments.json, facts)


if __name__ == "__main__":
    main()
