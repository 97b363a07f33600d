"""What a training run does, found from the size of the table before its first update."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

__all__ = ["BatchPlan", "Plan", "evaluated_every", "fingerprint_of", "planned_steps", "warm_cosine"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training run does; part of what a checkpoint must agree with.

    Attributes:
        steps: updates at most.
        eval_every: updates between two evaluations.
        learning_rate: the highest step size.
        seed: of all that is random in it.
        patience: evaluations in a row without a better held-out loss after which training ends; only where the learner
            holds rows out.
    """

    steps: int
    eval_every: int
    learning_rate: float
    seed: int
    patience: int = 1 << 30


@dataclass(frozen=True, kw_only=True)
class BatchPlan(Plan):
    """The plan of a training on batches of rows, for which some rows of the table are held out.

    Attributes:
        batch_rows: rows per update.
    """

    #: Fraction of the rows that is held out, and the most of them.
    held_out: ClassVar[tuple[float, int]]
    batch_rows: int

    @classmethod
    def held_out_rows(cls, rows: int) -> int:
        """How many of a table's rows are held out, at least one."""
        fraction, most = cls.held_out
        return int(np.clip(rows * fraction, 1, most))

    @classmethod
    def steps_per_epoch(cls, rows: int, batch_rows: int) -> int:
        """Updates of a pass over the rows that are learned."""
        return max(1, (rows - cls.held_out_rows(rows)) // batch_rows)

    def epochs(self, rows: int) -> float:
        """Passes over the part of a table of ``rows`` rows that is learned."""
        return self.steps / self.steps_per_epoch(rows, self.batch_rows)


def planned_steps(
    steps: int | None, epochs: float | None, per_epoch: float, default_epochs: float, bounds: tuple[int, int]
) -> int:
    """Updates of a fit: ``steps``, or those of ``epochs`` passes of ``per_epoch`` updates, or by default those of
    ``default_epochs`` passes within ``bounds``."""
    if steps is not None:
        return steps
    if epochs is not None:
        return max(1, round(epochs * per_epoch))
    return int(np.clip(default_epochs * per_epoch, *bounds))


def evaluated_every(steps: int, evaluations: int) -> int:
    """Updates between two of ``evaluations`` evenly spaced evaluations."""
    return max(1, math.ceil(steps / evaluations))


def warm_cosine(highest: float, step: int, steps: int, *, warm_up: int, final: float) -> float:
    """The step size of update ``step`` (from 0) of ``steps``: a linear rise to ``highest``, then a cosine.

    Args:
        warm_up: updates of the rise.
        final: the fraction of the highest that the cosine ends at.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return highest * min(1.0, (step + 1) / warm_up) * (final + (1 - final) * cosine)


def fingerprint_of(settings: Mapping[str, Any], *arrays: np.ndarray) -> str:
    """A digest of settings (plain JSON data) and arrays: what a checkpoint must agree with."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
