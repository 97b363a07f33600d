"""One program in its own process, under a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

__all__ = ["run_program"]


def run_program(python: str, program: Path, folder: Path, *, limit: float, threads: int) -> dict[str, Any]:
    """Run ``program`` on ``folder``; what it wrote to ``times.json``, or ``{"failed": why}``.

    Args:
        limit: seconds of the clock after which the program and its children are killed.
        threads: that OpenMP, BLAS and numba may use.
    """
    environment = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        environment[name] = str(threads)
    environment["TOKENIZERS_PARALLELISM"] = "false"
    environment["CUDA_VISIBLE_DEVICES"] = ""
    start = time.monotonic()
    with (folder / "output.txt").open("w+b") as output:
        process = subprocess.Popen(
            [python, str(program), str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return {"failed": f"did not end within {limit:,.0f} s"}
        finally:
            # Workers that the program started end with it, also when this program is interrupted.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code:
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
            return {"failed": f"ended with {code}: {lines[-1][:200] if lines else 'no output'}"}
    times: dict[str, Any] = json.loads((folder / "times.json").read_text())
    return {**times, "whole_seconds": time.monotonic() - start}
