#!/usr/bin/env python3
"""The table of language models on GPUs, from the files that bench_mac.sh and bench_cuda.sh write.

    python scripts/bench_table.py mac.json cuda.json                              # prints it
    python scripts/bench_table.py docs/measured/*.json --update docs/benchmarks.md  # writes it between its two marks

What no file holds is "not yet measured". A file made with --tiny is no measurement and is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_device import KIND
from device_bench.pages import marks, update
from device_bench.plan import Line, lines_for

MARKS = marks("devices", "bench_table.py")
MISSING = "not yet measured"
#: What stands for a machine of which there is no file.
UNKNOWN = {"mlx": "a Mac with Apple silicon (MLX)", "cuda": "an NVIDIA GPU (PyTorch)"}
KINDS = ("fit", "peer fit", "sample", "peer sample")
HEADERS = (
    "machine",
    "model",
    "weights, tuning",
    "fit: rows/s",
    "of peak, %",
    "beside it",
    "sample: rows/s",
    "of peak, %",
    "beside it",
)


def read(path: Path) -> dict[str, Any]:
    """A file of measurements, or the end with one sentence."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read ({error}).")
    if not isinstance(found, dict) or found.get("kind") != KIND:
        sys.exit(f"{path} is not a file of scripts/bench_device.py.")
    if found["tiny"]:
        sys.exit(f"{path} was made with --tiny: it says that the script works, and measures nothing.")
    return found


def machine_of(result: dict[str, Any]) -> str:
    """``"Apple M2 Pro, 16 GPU cores, 17 GB, mlx 0.32.4"``."""
    machine, versions = result["machine"], result["versions"]
    library = "mlx" if result["device"] == "mlx" else "torch"
    cores = machine.get("gpu_cores")
    parts = [
        machine.get("device_name", UNKNOWN.get(result["device"], "a processor")),
        f"{cores} GPU cores" if cores else "",
        f"{machine['memory_gb']:.0f} GB" if "memory_gb" in machine else "",
        f"{library} {versions[library]}",
    ]
    return ", ".join(filter(None, parts))


def rows_of(result: dict[str, Any]) -> list[list[str]]:
    """The table's rows of one machine: nano, and each language model."""
    lines, machine = result["lines"], machine_of(result)

    def figure(line: Line) -> str:
        value = lines.get(line.name, {}).get("rows_per_second")
        return MISSING if value is None else rounded(value)

    def percent(line: Line) -> str:
        value = lines.get(line.name, {}).get("share")
        return "" if value is None else rounded(100 * value)

    nano = lines.get("nano", {})
    fit = f"{nano['fit_seconds']:,.0f} s in all" if "fit_seconds" in nano else MISSING
    rows = [[machine, "nano, Adult", "", fit, "", "", figure(Line("nano")), "", ""]]
    for case in cases(result["device"]):
        fit, other_fit, sample, other_sample = (Line(kind, *case) for kind in KINDS)
        rows.append(
            [
                machine,
                case[0],
                f"{case[1]}, {case[2]}",
                figure(fit),
                percent(fit),
                figure(other_fit),
                figure(sample),
                percent(sample),
                figure(other_sample),
            ]
        )
    return rows


def cases(device: str) -> list[tuple[str, str, str]]:
    """(model, precision, tuning) of a device's language models."""
    return [(line.model, line.precision, line.tuning) for line in lines_for(device) if line.kind == "fit"]


def rounded(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown; a device of which there is no file has one row that says so."""
    rows = [row for result in results for row in rows_of(result)]
    for device, name in UNKNOWN.items():
        if all(result["device"] != device for result in results):
            rows += [
                [name, model, f"{precision}, {tuning}", MISSING, "", "", MISSING, "", ""]
                for model, precision, tuning in cases(device)
            ]
    lines = [HEADERS, ("---",) * len(HEADERS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.json")
    parser.add_argument("--update", type=Path, metavar="PAGE.md")
    arguments = parser.parse_args()
    made = table([read(path) for path in arguments.files])
    update(arguments.update, made, MARKS)


if __name__ == "__main__":
    main()
