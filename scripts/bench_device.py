#!/usr/bin/env python3
"""Fit and sample on this machine's device, beside the libraries of the field on the same shapes, as one JSON file.

    bash scripts/bench_mac.sh                                         # on a Mac: all of it, about 20 minutes
    bash scripts/bench_cuda.sh                                        # on a box with an NVIDIA GPU
    python scripts/bench_device.py --device cpu --tiny --json tiny.json   # whether it works, in a minute

Nano learns the bundled Adult table. Language models of GPT-2's shape (124 M weights) and of DeepSeek-Coder 1.3B's have
random weights, so that nothing is downloaded: beside mlx_lm on MLX, and beside transformers and peft on PyTorch, with
the same weights, rows and batches. Each line runs in a process of its own and is written at once. What failed is said
and leaves the others; a second call goes on with what is lacking, and tries what failed again.

The models take 8 GB of disk in a folder beside the JSON file, and go when all lines are there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from device_bench.plan import FULL, TINY, Line, Sizes, lines_for, named

from tabular.storage.rundir import write_json

ROOT = Path(__file__).resolve().parents[1]
#: Longest that a line may take, in seconds.
LIMIT = 900
#: A traceback's last line.
ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")
LIBRARIES = ("tabllm", "mlx", "mlx-lm", "torch", "transformers", "peft", "bitsandbytes", "numpy")
#: Of the file, so that a reader knows what it is.
KIND = "tabllm device benchmark"


def measure(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """The figures of a line."""
    from device_bench import ours

    if tiny:
        from tabllm.bench import machine

        machine.PROBE_SECONDS, machine.EDGE, machine.GPU_EDGE = 0.05, 256, 1024
    if line.kind.startswith("peer"):
        if device == "mlx":
            from device_bench import peers_mlx as peers
        else:
            from device_bench import peers_torch as peers
        return getattr(peers, line.kind.removeprefix("peer "))(line, sizes, device, work, tiny)
    return getattr(ours, line.kind)(line, sizes, device, work, tiny)


def apart(line: Line, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of a line that runs in a process of its own, or why there are none."""
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "line.json"
        command = [
            sys.executable,
            __file__,
            "--line",
            line.name,
            "--device",
            arguments.device,
            "--json",
            str(told),
            "--work",
            str(work_folder(arguments.json)),
        ]
        with open(Path(place) / "errors", "w+", encoding="utf-8", errors="replace") as errors:
            process = subprocess.Popen(command, stdout=errors, stderr=errors, start_new_session=True)
            try:
                code = process.wait(arguments.limit)
            except BaseException as stopped:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not isinstance(stopped, subprocess.TimeoutExpired):
                    raise
                return {"error": f"took more than {arguments.limit} seconds"}
            if code == 0:
                return json.loads(told.read_text(encoding="utf-8"))
            errors.seek(0)
            said = [text.strip() for text in errors if text.strip()]
        # The line of a traceback that names the error; what follows it may be the rest of a long message.
        named = [text for text in said if ERROR.match(text)]
        ended = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
        why = " ".join((named or said)[-1:]).replace(str(Path.home()), "~")  # the file goes to others
        return {"error": f"{ended}: {why[:300]}"}


def here(line: Line, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of a line without a process of its own, which takes seconds to start."""
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            return measure(line, TINY, arguments.device, work_folder(arguments.json), True)
    except Exception as error:  # whatever a library raises; the other lines go on
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def work_folder(path: Path) -> Path:
    """Where the models of a benchmark lie that is written to ``path``."""
    return path.absolute().with_name(f"{path.name}.models")


def versions() -> dict[str, str]:
    """Of what computes here."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    git = shutil.which("git")
    if git is not None:
        told = subprocess.run([git, "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            found["commit"] = told.stdout.strip()
    return found


def begun(path: Path, device: str, tiny: bool) -> dict[str, Any]:
    """What an earlier call wrote to the file, or a beginning."""
    result: dict[str, Any] = {"kind": KIND, "device": device, "tiny": tiny, "machine": {}, "versions": {}, "lines": {}}
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if any(found.get(name) != result[name] for name in ("kind", "device", "tiny")):
            sys.exit(f"{path} holds something else than a benchmark of this kind; name another file.")
        if found["versions"] != versions():
            sys.exit(f"{path} was measured with other versions; name another file.")
        result = found
    return result


def run(arguments: argparse.Namespace) -> None:
    result = begun(arguments.json, arguments.device, arguments.tiny)
    lines = lines_for(arguments.device)
    result["versions"] = versions()
    for number, line in enumerate(lines, 1):
        if "error" not in result["lines"].get(line.name, {"error": ""}):
            continue
        print(f"[{number}/{len(lines)}] {line.name} ... ", end="", flush=True, file=sys.stderr)
        start = time.perf_counter()
        found = here(line, arguments) if arguments.tiny else apart(line, arguments)
        result["machine"] = found.pop("machine", None) or result["machine"]
        result["lines"][line.name] = {**found, "whole_seconds": round(time.perf_counter() - start, 1)}
        write_json(arguments.json, result)
        print(shown(found), file=sys.stderr)
    failed = [name for name, found in result["lines"].items() if "error" in found]
    if failed:
        print(f"{len(failed)} of {len(lines)} lines failed; the same command tries them again.", file=sys.stderr)
    else:
        shutil.rmtree(work_folder(arguments.json), ignore_errors=True)
    print(f"Written to {arguments.json}.", file=sys.stderr)


def shown(found: dict[str, Any]) -> str:
    """A line's figures in a few words."""
    if "error" in found:
        return f"failed ({found['error']})"
    share = f", {100 * found['share']:.0f} % of peak" if found.get("share") else ""
    return f"{found['rows_per_second']:,.1f} rows/s{share}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("mlx", "cuda", "cpu"), required=True, help="cpu: PyTorch on the processor")
    parser.add_argument("--tiny", action="store_true", help="all shapes small: whether it works, no measurement")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds that a line may take")
    parser.add_argument("--line", help=argparse.SUPPRESS)  # what a process of its own is started with
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.line is None:
        try:
            run(arguments)
        except KeyboardInterrupt:
            sys.exit("\nStopped; the same command goes on with the lines that are lacking.")
        return
    line = named(arguments.line, arguments.device)
    write_json(arguments.json, measure(line, FULL, arguments.device, arguments.work, False))


if __name__ == "__main__":
    main()
