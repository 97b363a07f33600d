"""What this machine offers: memory, devices, engines, optional packages. Facts only; the command draws them."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import tabllm
from eval.preparing.trees import load_xgboost
from tabular.machine.threads import allowed_cores

from .decoding.backend import install_mlx

__all__ = ["Choice", "Engine", "Machine", "Optional", "Report", "examine"]

#: An MLX this many times slower than numpy at the same product was built on a slow BLAS.
SLOW_BLAS = 4

#: Package -> (module, what it is for, the pip command). Ordinary dependencies are not listed: they are there.
_OPTIONAL = {
    "mlx-lm": ("mlx_lm", "pretrained language models on MLX", "pip install mlx-lm"),
    "bitsandbytes": ("bitsandbytes", "8-bit and 4-bit weights on CUDA", "pip install bitsandbytes"),
    "faker": ("faker", "made-up persons of a country", "pip install faker"),
    "openpyxl": ("openpyxl", "Excel files", "pip install openpyxl"),
    "optuna": ("optuna", "tuning", "pip install optuna"),
    "opacus": ("opacus", "differential privacy", "pip install opacus"),
}


@dataclass(frozen=True)
class Machine:
    """The computer. Sizes in bytes, ``None`` where the system does not tell."""

    system: str
    processor: str
    cores: int
    memory_bytes: int | None
    free_memory_bytes: int | None


@dataclass(frozen=True)
class Engine:
    """One way to compute.

    Attributes:
        version: ``None`` if it is not installed.
        devices: such as ``"cpu"``, ``"cuda: NVIDIA H100 (80 GB)"``, ``"metal: Apple M2 Pro (16 GB)"``.
        problem: why it cannot be used although it is installed.
        hint: what to do to have it, or to make it faster.
    """

    name: str
    version: str | None
    devices: tuple[str, ...] = ()
    problem: str | None = None
    hint: str | None = None

    @property
    def usable(self) -> bool:
        """Whether it can compute."""
        return self.version is not None and self.problem is None

    def has(self, device: str) -> bool:
        """Whether it can compute on a kind of device."""
        return self.usable and any(found.startswith(device) for found in self.devices)


@dataclass(frozen=True)
class Choice:
    """What ``--engine auto`` takes, and why."""

    engine: str
    device: str
    reason: str


@dataclass(frozen=True)
class Optional:
    """A package that is not needed by most."""

    name: str
    purpose: str
    version: str | None
    install: str


@dataclass(frozen=True)
class Report:
    """All of it."""

    tabllm: str
    python: str
    machine: Machine
    engines: tuple[Engine, ...]
    choice: Choice
    optional: tuple[Optional, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"version": 1, **asdict(self)}


def examine() -> Report:
    """Look at everything; takes the time of importing torch and MLX."""
    engines = (_mlx(), _torch())
    return Report(
        tabllm=tabllm.__version__,
        python=platform.python_version(),
        machine=_machine(),
        engines=engines,
        choice=_choose(*engines),
        optional=(
            *(
                Optional(name, purpose, _version(name) if importlib.util.find_spec(module) else None, install)
                for name, (module, purpose, install) in _OPTIONAL.items()
            ),
            _xgboost(),
        ),
    )


def _xgboost() -> Optional:
    """An ordinary dependency, but one that can be there and not work: on a Mac without libomp."""
    loaded = load_xgboost()
    version = None if loaded.module is None else str(loaded.module.__version__)
    return Optional("xgboost", f"reports{f' ({loaded.reason})' * (version is None)}", version, loaded.cure)


def _choose(mlx: Engine, torch: Engine) -> Choice:
    if mlx.has("metal"):
        return Choice("mlx", "metal", "this Mac has a GPU that MLX uses best")
    if torch.has("cuda"):
        return Choice("torch", "cuda", "there is an NVIDIA GPU")
    if torch.usable:
        return Choice("torch", "cpu", "there is no GPU; PyTorch is the faster of the two on a processor")
    if mlx.usable:
        return Choice("mlx", "cpu", "PyTorch cannot be used here")
    return Choice("none", "none", "neither MLX nor PyTorch can be used: pip install torch")


def _machine() -> Machine:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        memory: int | None = pages * size
    except (AttributeError, OSError, ValueError):
        memory = None
    return Machine(
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        processor=_processor(),
        cores=allowed_cores(),
        memory_bytes=memory,
        free_memory_bytes=_free_memory(),
    )


def _processor() -> str:
    try:
        if sys.platform == "darwin":
            import subprocess

            return subprocess.run(
                ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=True
            ).stdout.strip()
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.processor()
    except (OSError, ValueError):
        return platform.processor()


def _free_memory() -> int | None:
    try:
        with open("/proc/meminfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _reason(error: BaseException) -> str:
    """The first line of what a package says when it cannot be imported."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _torch() -> Engine:
    if importlib.util.find_spec("torch") is None:
        return Engine("torch", None, hint="pip install torch")
    try:
        import torch
    except Exception as error:  # a broken install raises whatever its loader meets
        return Engine("torch", _version("torch") or "?", problem=_reason(error), hint="pip install -U torch")
    devices = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        found = torch.cuda.get_device_properties(index)
        devices.append(f"cuda: {found.name} ({found.total_memory / 2**30:.0f} GB)")
    if torch.backends.mps.is_available():
        devices.append("mps: the GPU of this Mac")
    threads = torch.get_num_threads()
    return Engine("torch", torch.__version__, (*devices, f"cpu: {threads} thread{'s' * (threads != 1)}"))


def _mlx() -> Engine:
    if importlib.util.find_spec("mlx") is None:
        return Engine("mlx", None, hint=_mlx_cure())
    version = _version("mlx") or "?"
    try:
        mx = importlib.import_module("mlx.core")
        return Engine("mlx", version, _mlx_devices(mx), hint=_blas_hint(mx))
    except Exception as error:
        return Engine("mlx", version, problem=_reason(error), hint=_mlx_cure())


def _mlx_cure() -> str:
    """How to have MLX here; its wheels for macOS are made for 14 and newer."""
    major = platform.mac_ver()[0].partition(".")[0]
    return "MLX needs macOS 14 or newer" if major.isdecimal() and int(major) < 14 else install_mlx()


def _mlx_devices(mx: Any) -> tuple[str, ...]:
    found = []
    if mx.metal.is_available():
        facts = mx.device_info()
        memory = facts.get("memory_size", 0) / 2**30
        found.append(f"metal: {facts.get('device_name', 'GPU')} ({memory:.0f} GB)")
    elif hasattr(mx, "cuda") and mx.cuda.is_available():
        found.append("cuda: an NVIDIA GPU")
    return (*found, "cpu")


def _blas_hint(mx: Any) -> str | None:
    """Whether MLX multiplies slowly on this processor: some Linux builds come with the reference BLAS."""
    if sys.platform != "linux":
        return None
    import numpy as np

    size = 384
    left = np.ones((size, size), dtype=np.float32)
    theirs = mx.array(left)

    def multiply_mlx() -> None:
        mx.eval(mx.matmul(theirs, theirs, stream=mx.cpu))

    if _fastest(multiply_mlx) < SLOW_BLAS * _fastest(lambda: left @ left):
        return None
    return (
        "it multiplies slowly on this processor; install OpenBLAS (libopenblas0) and start with "
        "LD_PRELOAD=libopenblas.so.0, for 10 to 40 times the speed"
    )


def _fastest(work: Any) -> float:
    """The least of four wall times: the first call warms up, and other programs only ever slow it down."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
