"""The settings of fine-tuning: which there can be, what they mean for a model, and what a run keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular.errors import UsageError

from ...decoding.precisions import PACKED
from ...parallel.group import Group

__all__ = ["Tuning", "check_full", "choose_tuning", "dropout_seed", "tuning_facts", "tuning_of"]


@dataclass(frozen=True)
class Tuning:
    """What is trained.

    Attributes:
        method: ``"full"``, ``"lora"`` (Hu et al. 2022), ``"dora"`` (Liu et al. 2024), or ``"none"``: only a
            vocabulary of the table's own.
        rank: of the adapters.
        scale: their output is multiplied with it; what other libraries call alpha is ``rank * scale``.
        seed: of the adapters' start and of dropout.
        checkpointing: keep one activation per block and compute the others again in the backward pass.
        dropout: probability that a number is left out of what an adapter multiplies, in updates alone.
        layers: the last so many blocks have adapters; ``None``: all.
    """

    method: str = "lora"
    rank: int = 16
    scale: float = 2.0
    seed: int = 0
    checkpointing: bool = False
    dropout: float = 0.0
    layers: int | None = None


def choose_tuning(requested: Tuning, precision: str, blocks: int, shown: str) -> Tuning:
    """How a model of ``blocks`` transformer blocks is fine-tuned, as ``requested``; ``auto``: by the precision.

    Args:
        precision: of its weights.
        shown: what an error calls the model.

    Raises:
        UsageError: for full tuning of quantized weights, settings of adapters where there are none, or more blocks than
            there are.
    """
    method = requested.method if requested.method != "auto" else ("full" if precision == "fp32" else "lora")
    check_full(method, precision)
    adapters = {
        "lora_scale": requested.scale != Tuning.scale,
        "lora_dropout": requested.dropout,
        "lora_layers": requested.layers,
    }
    for name, given in adapters.items() if method == "full" else ():
        if given:
            raise UsageError(f"{name} is a setting of adapters, and all weights are trained here: take --tuning lora.")
    if requested.layers is not None and requested.layers > blocks:
        raise UsageError(f"lora_layers is {requested.layers}, and {shown} has {blocks} blocks; take at most so many.")
    return Tuning(**{**vars(requested), "method": method})


def check_full(method: str, precision: str) -> None:
    """Raise :class:`UsageError` for full tuning of quantized weights."""
    if method == "full" and precision in PACKED:
        raise UsageError(f"Weights of {precision} cannot be trained themselves; take --tuning lora.")


def tuning_facts(tuning: Tuning) -> dict[str, Any]:
    """What a run keeps of it; :func:`tuning_of` reads it."""
    facts: dict[str, Any] = {"tuning": tuning.method, "rank": tuning.rank}
    if tuning.method != "full":
        facts |= {"lora_scale": tuning.scale, "lora_dropout": tuning.dropout, "lora_layers": tuning.layers}
    return facts


def tuning_of(fit: Mapping[str, Any]) -> Tuning:
    """How a run's trained weights change its model; after full tuning they are the model's own, and change nothing.

    Args:
        fit: facts of the fit. Older releases wrote no scale and no layers, and had one scale.
    """
    if fit["tuning"] == "full":
        return Tuning("none")
    return Tuning(
        fit["tuning"],
        rank=int(fit["rank"]),
        scale=float(fit.get("lora_scale", Tuning.scale)),
        layers=fit.get("lora_layers"),
    )


def dropout_seed(tuning: Tuning, update: int, group: Group | None, part: int = 0) -> int:
    """The seed, 32 bits, of the dropout in an update, so that a resumed run drops the same.

    Args:
        group: the processes that a fit is spread over; each drops otherwise.
        part: number of the micro-batch.
    """
    rank = 0 if group is None else group.rank
    return int(np.random.SeedSequence([tuning.seed, 4, update, part, rank]).generate_state(1)[0])
