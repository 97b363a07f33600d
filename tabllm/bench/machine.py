"""What the machine is, and how fast it multiplies and moves memory at best, measured in a second or two."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Peaks", "describe_machine", "gpu_cores", "measure_peaks"]

#: Edge of the matrices that are multiplied, and numbers that are copied.
EDGE, COPIED = 2048, 1 << 25
#: Of matrices on a GPU: one of 2,048 does not fill a large one.
GPU_EDGE = 8192
#: Seconds that each probe goes on for; the best of its rounds counts, since other programs only ever slow it down.
PROBE_SECONDS = 0.8


@dataclass(frozen=True)
class Peaks:
    """The most that was seen.

    Attributes:
        gflops: multiply-adds of a square matrix product in the model's own number type, counted twice, in 1e9/s.
        gigabytes: read and written in a copy, in 1e9 bytes/s.
    """

    gflops: float
    gigabytes: float

    def higher(self, other: Peaks) -> Peaks:
        """The higher of each."""
        return Peaks(max(self.gflops, other.gflops), max(self.gigabytes, other.gigabytes))


def measure_peaks(engine: str, device: str, precision: str) -> Peaks:
    """The peaks of a device as one engine reaches them.

    Quantized weights are multiplied in fp32 on a processor, and in the GPU's own type of 16 bits on a GPU.
    """
    if precision not in ("fp32", "fp16", "bf16"):
        precision = "fp32" if device == "cpu" else "16"
    edge = EDGE if device == "cpu" else GPU_EDGE
    multiply, copy, width = (_mlx if engine == "mlx" else _torch)(device, precision, edge)
    return Peaks(2 * edge**3 / _best(multiply) / 1e9, 2 * COPIED * width / _best(copy) / 1e9)


def _torch(device: str, number: str, edge: int) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    import torch

    from tabular.machine.devices import full_width_products

    dtype = {"fp32": torch.float32, "fp16": torch.float16}.get(number, torch.bfloat16)
    left, right = (torch.randn(edge, edge, device=device).to(dtype) for _ in range(2))
    source = torch.ones(COPIED, device=device, dtype=dtype)
    target = torch.zeros_like(source)

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        elif device == "mps":
            torch.mps.synchronize()

    @full_width_products()
    def multiply() -> None:
        torch.matmul(left, right)
        wait()

    def copy() -> None:
        target.copy_(source)
        wait()

    return multiply, copy, dtype.itemsize


def _mlx(device: str, number: str, edge: int) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    import mlx.core as mx

    from ..decoding.mlx_device import half_type, take_device

    take_device(device)
    types = {"fp32": mx.float32, "fp16": mx.float16, "bf16": mx.bfloat16}
    dtype = types.get(number) or half_type(str(mx.device_info().get("architecture", "")))
    left, right = (mx.random.normal((edge, edge)).astype(dtype) for _ in range(2))
    source = mx.ones((COPIED,), dtype)
    mx.eval(left, right, source)
    return lambda: mx.eval(left @ right), lambda: mx.eval(source + 1), dtype.size


def _best(work: Callable[[], Any]) -> float:
    """Seconds of the fastest round; the first warms up."""
    work()
    times: list[float] = []
    end = time.perf_counter() + PROBE_SECONDS
    while time.perf_counter() < end or len(times) < 2:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.min(times))


def describe_machine(engine: str, device: str) -> dict[str, Any]:
    """The machine in words and numbers, for a table of results."""
    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "system_version": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        "engine": engine,
        "device": device,
    }
    if engine == "mlx":
        from importlib.metadata import version

        import mlx.core as mx

        found["engine_version"] = version("mlx")
        found["device_name"] = found["processor"]
        if device == "gpu":
            found["device_name"] = str(mx.device_info().get("device_name", device))
            found["gpu_cores"] = gpu_cores(_told("system_profiler", "-json", "SPDisplaysDataType"))
    else:
        import torch

        found["engine_version"] = torch.__version__
        found["threads"] = torch.get_num_threads()
        found["device_name"] = torch.cuda.get_device_name(device) if device.startswith("cuda") else found["processor"]
    return found


def gpu_cores(profile: str) -> int | None:
    """Cores of a Mac's GPU, from what ``system_profiler -json SPDisplaysDataType`` prints; ``None`` if it says none."""
    try:
        found = [display.get("sppci_cores") for display in json.loads(profile)["SPDisplaysDataType"]]
        return next((int(cores) for cores in found if cores), None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _told(*command: str) -> str:
    """What a program of the system prints; nothing where there is none such."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _processor() -> str:
    """The processor's name, as the system tells it."""
    if platform.system() == "Darwin":
        return _told("sysctl", "-n", "machdep.cpu.brand_string").strip() or platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        return names[0] if names else platform.processor()
    except OSError:
        return platform.processor()
