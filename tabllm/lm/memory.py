"""How much memory a fine-tuning run will need, told before it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tabular.errors import EngineError

from ..hub.facts import ModelFacts
from .engine import Tuning

__all__ = ["Estimate", "check", "machine_memory", "training_memory"]

#: Share of the machine's memory that a run may take: the system and other programs need the rest.
USABLE = 0.85
#: Numbers kept for the backward pass per token, block and unit of width, and with checkpointing. PyTorch keeps 16 for
#: GPT-2, 18 to 19 for a Llama, and 1.1 with checkpointing.
KEPT, KEPT_CHECKPOINTED = 20, 1.2


@dataclass(frozen=True)
class Estimate:
    """Bytes.

    Attributes:
        weights: of the model.
        training: gradients, AdamW's moments and the kept copy of the best weights.
        activations: what the backward pass needs of the forward one.
    """

    weights: float
    training: float
    activations: float

    @property
    def total(self) -> float:
        """All of it, and a twentieth for what comes and goes."""
        return 1.05 * (self.weights + self.training + self.activations)

    def sentence(self) -> str:
        """One line for a person."""
        return (
            f"About {self.total / 1e9:.1f} GB of memory: weights {self.weights / 1e9:.1f}, gradients and optimizer "
            f"{self.training / 1e9:.1f}, activations {self.activations / 1e9:.1f}."
        )


def training_memory(
    facts: ModelFacts, *, precision: str, tuning: Tuning, rows: int, tokens: int, used: int
) -> Estimate:
    """The memory of a run.

    Args:
        rows, tokens: of the batch that goes through the model at once, and of its rows.
        used: tokens over which the softmax runs.
    """
    each = 4 if precision == "fp32" else 2
    if tuning.method == "full":
        trained = facts.parameters
    else:
        # Two thin matrices beside each of a block's: their long sides add up to about this many widths.
        sides = 4 * 2 * facts.width + 3 * (facts.width + facts.inner)
        trained = min(facts.layers * tuning.rank * sides, facts.parameters)
    # The gradient at the weights' precision, two moments and the copy of the best in fp32.
    training = trained * (each + 12)
    kept = KEPT_CHECKPOINTED if tuning.checkpointing else KEPT
    attention = 0 if tuning.checkpointing else facts.heads * tokens
    activations = rows * tokens * facts.layers * (kept * facts.width + attention) * each
    activations += rows * tokens * (used * 8 + (KEPT * facts.width * each if tuning.checkpointing else 0))
    return Estimate(facts.memory(precision), training, activations)


def check(estimate: Estimate, engine: str, device: str) -> None:
    """Raise :class:`EngineError` if the machine cannot hold it."""
    there = machine_memory(engine, device)
    if there is None or estimate.total <= USABLE * there:
        return
    raise EngineError(
        f"This needs about {estimate.total / 1e9:.1f} GB, and {there / 1e9:.1f} GB are there: take --tuning lora, "
        "--precision bf16, 8bit or 4bit, a smaller --batch-size with --accumulate, --checkpointing, or a smaller model."
    )


def machine_memory(engine: str, device: str) -> float | None:
    """Bytes of memory where the model lies; ``None`` where nobody says."""
    if engine == "mlx" and device == "gpu":
        import mlx.core as mx

        return float(mx.device_info().get("memory_size", 0)) or None
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.get_device_properties(device).total_memory)
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):  # Windows has no sysconf
        return None
