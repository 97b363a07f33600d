#!/usr/bin/env python3
"""Utility against epsilon, and the attack beside the accountant: private fits of Adult.

    python scripts/bench_dp.py                                                # three generators, epsilon 1, 3, 10, none
    python scripts/bench_dp.py --models tvae --epsilons 3 none --rows 8000    # a quick look
    python scripts/bench_dp.py --markdown                                     # the table of what is done already

The bundled Adult (both parts, 48,842 rows) is shuffled with seed 0 and a third is held out, so that learned and
held-out rows were dealt at random, as the audit wants it. A private fit is
given the schema of the table as public, and its defaults for private fits; `none` is a plain fit with plain defaults.
"columns" is a private fit of epsilon 3 that learns next to nothing beyond the columns' distributions: what training
has to beat. Two lower bounds of epsilon stand beside what was spent (Steinke et al. 2023; 95 %, at the run's delta, 0
if plain): "black box" is what attacks on the synthetic rows show, next to nothing of a private run; "white box" is what
canaries show in updates of the run's own noise, sample rate and number (tabular/neural/private/audit.py,
scripts/audit_dp.py).

Every fit is written to --results as it is made; a second call goes on from there.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
import time
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

import tabllm  # noqa: F401 (registers the generators)
from eval.attacks.audit import against_claim
from eval.attacks.membership import measure_membership
from eval.metrics.fidelity import column_fidelity
from eval.metrics.trends import pair_trends
from eval.models.utility import measure_utility
from eval.preparing.tables import load_tables
from tabllm.bench.machine import describe_machine
from tabllm.demo import load_adult
from tabular import infer_schema
from tabular.dp.accounting import Release
from tabular.dp.settings import Privacy
from tabular.neural.private.audit import audit_updates
from tabular.registry import create

TARGET = "income"
HEADERS = (
    "model",
    "epsilon",
    "spent",
    "black box",
    "white box",
    "shape error, %",
    "trend error, %",
    "AUC (real)",
    "fit, s",
)


def load(rows: int | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(learned, held out)."""
    table = pd.concat([load_adult("train"), load_adult("test")])
    table = table.sample(frac=1, random_state=0)[: None if rows is None else rows * 3 // 2].reset_index(drop=True)
    cut = len(table) * 2 // 3
    return table[:cut].reset_index(drop=True), table[cut:].reset_index(drop=True)


def privacy_of(epsilon: str, arguments: argparse.Namespace) -> Privacy | None:
    if epsilon == "none":
        return None
    share = {} if arguments.share is None else {"schema_share": arguments.share}
    clip = {} if arguments.clip is None else {"clip": arguments.clip}
    return Privacy(3.0 if epsilon == "columns" else float(epsilon), public_schema=True, **share, **clip)


def measure(
    model: str, epsilon: str, seed: int, options: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, Any]:
    learned, held_out = load(arguments.rows)
    privacy = privacy_of(epsilon, arguments)
    asked = {} if privacy is None else {"privacy": privacy, **options}
    if epsilon == "columns":
        asked |= {"steps": 1, "learning_rate": 1e-12}
    start = time.perf_counter()
    synthesizer = create(model, seed=seed, **asked).fit(learned)
    fitted = time.perf_counter()
    made = synthesizer.sample(arguments.sample or len(learned))
    tables = load_tables(learned, made, held_out, infer_schema(learned))
    utility, _ = measure_utility(tables, TARGET)
    membership, _ = measure_membership(tables, seed=seed)
    told = synthesizer.describe().get("privacy")
    claim = None if told is None else against_claim(membership, told["epsilon"], told["delta"])
    white_box = None
    if told is not None and epsilon != "columns":
        updates = Release(told["noise_multiplier"], told["sample_rate"], told["steps"])
        audit = audit_updates(updates, rows=len(learned), delta=told["delta"], clip=told["clip_norm"], seed=seed)
        white_box = audit.bound
    return {
        "rows": len(learned),
        "fit_seconds": fitted - start,
        "privacy": told,
        "audit": membership.epsilon.value if claim is None else claim.lower_bound,
        "white_box": white_box,
        "contradicted": claim is not None
        and (claim.contradicted or (white_box or 0.0) > told["spent_alone"]["updates"]),
        "shape": column_fidelity(tables).shape_error_percent,
        "trend": pair_trends(tables)[0].error_percent,
        "auc": utility.synthetic.metrics[utility.headline],
        "auc_real": utility.real.metrics[utility.headline],
    }


def drawn(works: list[tuple[str, str]], found: dict[tuple[str, str], list[dict[str, Any]]]) -> list[tuple[str, ...]]:
    """One line of text per generator and epsilon: medians over the seeds, the greatest of the bounds."""
    lines = []
    for work in works:
        done = found.get(work, [])
        if not done:
            continue

        def median(key: str, done: list[dict[str, Any]] = done) -> float:
            return statistics.median(one[key] for one in done)

        spent = done[0]["privacy"]["epsilon"] if done[0]["privacy"] and work[1] != "columns" else None
        if work[1] == "columns":
            spent = done[0]["privacy"]["spent_alone"]["columns"]
        lines.append(
            (
                *work,
                "-" if spent is None else f"{spent:.2f}",
                f"{max(one['audit'] for one in done):.2f}{' (contradicts)' * any(o['contradicted'] for o in done)}",
                f"{max(one['white_box'] for one in done):.2f}" if done[0].get("white_box") is not None else "-",
                f"{median('shape'):.2f}",
                f"{median('trend'):.2f}",
                f"{median('auc'):.3f} ({median('auc_real'):.3f})",
                f"{median('fit_seconds'):,.0f}",
            )
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tvae", "tabddpm", "nano"])
    parser.add_argument("--epsilons", nargs="+", default=["columns", "1", "3", "10", "none"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", type=int, help="learn so many; half as many are held out")
    parser.add_argument("--sample", type=int, help="make so many; as many as were learned if absent")
    parser.add_argument("--share", type=float, help="of epsilon for the columns")
    parser.add_argument("--clip", type=float, help="norm of a row's gradient")
    parser.add_argument("--set", dest="options", action="append", default=[], metavar="NAME=VALUE", help="if private")
    parser.add_argument("--results", type=Path, default=Path("bench-dp.jsonl"))
    parser.add_argument("--markdown", action="store_true", help="fit nothing; print what is done as Markdown")
    arguments = parser.parse_args()
    options = {key: ast.literal_eval(value) for key, value in (text.split("=", 1) for text in arguments.options)}
    settings = {name: getattr(arguments, name) for name in ("rows", "sample", "share", "clip")} | options
    console = Console(width=120)
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    known = {one["key"]: one for one in map(json.loads, lines)}
    works = [(model, epsilon) for model in arguments.models for epsilon in arguments.epsilons]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for model, epsilon in works:
        for seed in arguments.seeds:
            key = json.dumps([model, epsilon, seed, settings], sort_keys=True)
            if key not in known and not arguments.markdown:
                known[key] = {"key": key, **measure(model, epsilon, seed, options, arguments)}
                with arguments.results.open("a") as file:
                    file.write(json.dumps(known[key]) + "\n")
                console.print(f"[dim]{model} at epsilon {epsilon}, seed {seed}: AUC {known[key]['auc']:.3f}[/]")
            if key in known:
                found.setdefault((model, epsilon), []).append(known[key])
    rows = drawn(works, found)
    if arguments.markdown:
        print(f"| {' | '.join(HEADERS)} |\n|---|{'---|' * (len(HEADERS) - 1)}")
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
        return
    table = Table(*HEADERS, title=f"Adult, {len(arguments.seeds)} seed(s)")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    machine = describe_machine("torch", "cpu")
    console.print(f"{machine['device_name']}, {machine['cores']} cores, torch {machine['engine_version']}.")


if __name__ == "__main__":
    main()
