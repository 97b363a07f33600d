"""How much memory a fine-tuning run will need, reported before it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from tabular.errors import EngineError

from ...decoding.precisions import PACKED
from ...hub.facts import ModelFacts
from .base import Shape, Tuning

__all__ = ["Estimate", "check", "dense_fits", "kept_bytes", "machine_memory", "training_memory"]

#: Fraction of the machine's memory that a run may take: the system and other programs need the rest.
USABLE = 0.85
#: Fraction of the memory that dense weights may take when a quantized model is sampled: the cache needs the rest.
DENSE_SHARE = 0.5
#: Numbers kept for the backward pass per token, block and unit of width, and with checkpointing. PyTorch keeps 16 for
#: GPT-2, 18 to 19 for a Llama, and 1.1 with checkpointing. MLX (scripts/bench_memory.py, its processor backend) keeps
#: about twice as much, by tuning and bytes of a number; some of it in float32 whatever the number's type.
KEPT, KEPT_CHECKPOINTED = 20.0, 1.2
MLX_KEPT = {
    ("full", 4): 39.0,
    ("lora", 4): 35.0,
    ("dora", 4): 48.0,
    ("full", 2): 52.0,
    ("lora", 2): 40.0,
    ("dora", 2): 70.0,
}
#: What blocks without adapters need in passing, as a part of what one with adapters keeps.
FORWARD = 0.65
#: How often attention's weights [heads, tokens, tokens] are kept; torch's fused kernels keep them once or less.
ATTENTION = {"torch": 1.0, "mlx": 1.7}


@dataclass(frozen=True)
class Estimate:
    """Bytes.

    Attributes:
        weights: of the model.
        gradients: of what is trained.
        moments: AdamW's, and float32 masters of trained weights of 16 bits.
        renewed: what an update holds twice, where it makes new arrays in place of changing the old ones.
        best: the copy of the best weights, on the host.
        activations: what the backward pass needs of the forward one.
    """

    weights: float
    gradients: float
    moments: float
    renewed: float
    best: float
    activations: float

    @property
    def peak(self) -> float:
        """The most on the device: either before the backward pass, or in the update."""
        return self.weights + self.moments + max(self.activations, self.gradients + self.renewed)

    @property
    def total(self) -> float:
        """All of it, and a twentieth for what comes and goes."""
        return 1.05 * (self.peak + self.best)

    def sentence(self) -> str:
        """One line for a person."""
        training = self.total / 1.05 - self.weights - self.activations
        return (
            f"About {self.total / 1e9:.1f} GB of memory: weights {self.weights / 1e9:.1f}, gradients and optimizer "
            f"{training / 1e9:.1f}, activations {self.activations / 1e9:.1f}."
        )


def training_memory(
    facts: ModelFacts,
    *,
    precision: str,
    tuning: Tuning,
    rows: int,
    tokens: int,
    used: int,
    engine: str,
    device: str,
    vocabulary: bool = False,
) -> Estimate:
    """The memory of a run.

    Args:
        rows, tokens: of the batch that goes through the model at once, and of its rows.
        used: tokens over which the softmax runs.
        engine, device: as :func:`.loading.choose_engine` gives them.
        vocabulary: whether one of the table's own is trained, and gradients go through all blocks.
    """
    packed = precision in PACKED
    # On a processor quantized weights are multiplied with float32.
    each = 4 if precision == "fp32" or (packed and device == "cpu") else 2
    if tuning.method == "full":
        trained = facts.parameters
    else:
        # Two thin matrices beside each of a block's: their long sides add up to about this many widths.
        sides = 4 * 2 * facts.width + 3 * (facts.width + facts.inner)
        trained = min((tuning.layers or facts.layers) * tuning.rank * sides, facts.parameters)
    # Adapters are trained in fp32, full weights at their own precision with masters in fp32; moments and the copy of
    # the best are in fp32.
    own = each if tuning.method == "full" else 4
    through = replace(tuning, layers=None) if vocabulary else tuning
    activations = kept_bytes(facts, through, rows=rows, tokens=tokens, used=used, number_bytes=each, engine=engine)
    masters = trained * 4.0 if own == 2 else 0.0
    renewed = trained * (own + 8.0) + masters if engine == "mlx" else 0.0
    return Estimate(
        facts.memory(precision), trained * float(own), trained * 8.0 + masters, renewed, trained * 4.0, activations
    )


def kept_bytes(
    size: ModelFacts | Shape, tuning: Tuning, *, rows: int, tokens: int, used: int, number_bytes: int, engine: str
) -> float:
    """Bytes of activations that the backward pass needs; arguments as of :func:`training_memory`."""
    in_block = MLX_KEPT.get((tuning.method, number_bytes), KEPT) if engine == "mlx" else KEPT
    kept = KEPT_CHECKPOINTED if tuning.checkpointing else in_block
    attention = 0.0 if tuning.checkpointing else ATTENTION[engine] * size.heads * tokens
    blocks = float(size.layers)
    if tuning.layers is not None and not tuning.checkpointing:  # the others compute forward, and keep nothing
        blocks = min(blocks, tuning.layers + FORWARD)
    activations = rows * tokens * blocks * (kept * size.width + attention) * number_bytes
    again = in_block * size.width * number_bytes if tuning.checkpointing else 0
    return activations + rows * tokens * (used * 8 + again)


def check(estimate: Estimate, engine: str, device: str, processes: int = 1) -> None:
    """Raise :class:`EngineError` if the machine cannot hold it.

    Args:
        processes: how many of this machine need as much; a CUDA GPU is used by one.
    """
    there = machine_memory(engine, device)
    needed = estimate.total * (1 if device.startswith("cuda") else processes)
    if there is None or needed <= USABLE * there:
        return
    raise EngineError(
        f"This needs about {needed / 1e9:.1f} GB, and {there / 1e9:.1f} GB are there: take --tuning lora, "
        "--precision bf16, 8bit or 4bit, a smaller --batch-size with --accumulate, --checkpointing, or a smaller model."
    )


def dense_fits(parameters: int, bytes_each: int, engine: str, device: str) -> bool:
    """Whether a quantized model of so many parameters can be sampled with dense weights, which multiply faster."""
    memory = machine_memory(engine, device)
    return memory is not None and parameters * bytes_each <= DENSE_SHARE * memory


def machine_memory(engine: str, device: str) -> float | None:
    """Bytes of memory where the model lies; ``None`` where nobody says."""
    if engine == "mlx" and device == "gpu":
        import mlx.core as mx

        # What Metal lets a process use: two thirds to three quarters of the memory, and the system is left its part.
        info = mx.device_info()
        most = float(info.get("max_recommended_working_set_size", 0))
        return most / USABLE if most else float(info.get("memory_size", 0)) or None
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.get_device_properties(device).total_memory)
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):  # Windows has no sysconf
        return None
