#!/usr/bin/env python3
"""What a whole fit and a sample of a table of 1,000 columns and 500 rows take, for each generator, by the command line.

    python scripts/bench_wide.py                          # goes on where it was stopped; results in wide.json
    python scripts/bench_wide.py --models tvae --columns 300
    python scripts/bench_wide.py --table                  # the measured figures as a table

``tabllm fit`` and ``tabllm sample`` run one after the other with their defaults and one seed, each a process of its
own: seconds by the clock, CPU seconds, and the most memory of the larger process. A command that refuses the table is
kept with the last line that it said. The threads are those of the environment (``OMP_NUM_THREADS``), else all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_growth import made

MODELS = ("nano", "ctgan", "tvae", "tabddpm", "tabcascade")
#: Seconds and bytes that a fit and a sample should stay below.
LIMITS = 600, 4 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--columns", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--results", type=Path, default=Path("wide.json"))
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    arguments = parser.parse_args()
    results: dict[str, Any] = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for model in arguments.models if not arguments.table else ():
        key = f"{model} {arguments.columns} x {arguments.rows}"
        if key not in results:
            results[key] = measured(model, arguments.rows, arguments.columns)
            arguments.results.write_text(json.dumps(results, indent=1))
            print(key, results[key], flush=True)
    print(table(results))


def measured(model: str, rows: int, columns: int) -> dict[str, Any]:
    """Seconds of fit and sample, CPU seconds of both, and the peak in megabytes; or what the command said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made(rows, columns, 10).to_csv(folder / "wide.csv", index=False)
        fit = ["fit", "wide.csv", "--model", model, "--seed", "0", "-o", "run"]
        sample = ["sample", "run", "-n", str(rows), "--seed", "0", "-o", "rows.csv"]
        found: dict[str, Any] = {"threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)}
        cpu, peak = 0.0, 0
        for part, command in (("fit", fit), ("sample", sample)):
            done = ran(command, folder)
            if done["code"]:
                return {**found, "refused": done["said"]}
            found[part] = round(done["seconds"], 1)
            cpu, peak = cpu + done["cpu"], max(peak, done["peak"])
    return {**found, "cpu": round(cpu, 1), "peak_mb": round(peak / (1 << 20))}


def ran(command: list[str], folder: Path) -> dict[str, Any]:
    """One command of tabllm: its exit code, seconds, CPU seconds, most memory in bytes, and last line on stderr."""
    began = time.perf_counter()
    with open(folder / "said", "w+") as said:
        program = [sys.executable, "-m", "tabllm", *command]
        process = subprocess.Popen(program, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        said.seek(0)
        lines = said.read().strip().splitlines()
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * (1 if sys.platform == "darwin" else 1 << 10),
        "said": lines[-1] if lines else "",
    }


def table(results: dict[str, Any]) -> str:
    """What was measured, as a Markdown table."""
    heads = ("", "threads", "fit", "500 rows", "CPU", "peak memory", "in 10 minutes and 4 GB")
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 2) + "---|"]
    for key, one in results.items():
        model, _, shape = key.partition(" ")
        if "refused" in one:
            lines.append(f"| `{model}`, {shape} | {one['threads']} | | | | | refused: {one['refused']} |")
            continue
        holds = one["fit"] + one["sample"] < LIMITS[0] and one["peak_mb"] * (1 << 20) < LIMITS[1]
        cells = (one["threads"], f"{one['fit']:,.0f} s", f"{one['sample']:,.0f} s", f"{one['cpu']:,.0f} s")
        line = " | ".join(map(str, (*cells, f"{one['peak_mb']:,} MB", "yes" if holds else "no")))
        lines.append(f"| `{model}`, {shape} | {line} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
