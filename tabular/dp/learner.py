"""A learner (:class:`tabular.neural.training.Learner`) whose updates are private."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import TabllmError
from ..neural.optimizer import Adam, AdamLearner
from .updates import NoisyGradient, RowsLoss

if TYPE_CHECKING:
    from ..neural.training import Learner
    from .session import PrivateFit

__all__ = ["PrivateLearner", "private_learner", "seeded_apart"]


class PrivateLearner(AdamLearner):
    """Takes the optimizer of a plain learner, and gives it noisy gradients in place of its own.

    Args:
        adam: what moves the weights.
        gradient: how private it is made.
        secret: what the rows that are drawn and the noise come of.
        steps: updates planned.
        decay: whether the step size falls to 0.

    Attributes:
        loss: the mean loss of rows of the table; it may draw from :attr:`generator`.
        taken: updates made.
    """

    def __init__(
        self, adam: Adam, device: torch.device, gradient: NoisyGradient, *, secret: int, steps: int, decay: bool
    ) -> None:
        super().__init__(adam, device)
        self.gradient, self.secret, self.steps, self.decay = gradient, secret, steps, decay
        self.loss: RowsLoss | None = None
        self.taken = 0

    def begin_interval(self, seed: int) -> None:
        self.generator.manual_seed(seeded_apart(self.secret, seed))

    def step(self, number: int) -> None:
        assert self.loss is not None
        drawn = self.gradient.draw(self.generator)
        gradients = self.gradient(self.loss, drawn, self.adam.weights, self.generator)
        self.adam.apply(gradients, number / self.steps, decay=self.decay)
        self.taken += 1

    def slow_down(self) -> None:
        raise TabllmError(
            "Private training diverged, and its steps cannot be taken back without paying for them again: take a "
            "smaller --learning-rate."
        )

    def state(self) -> dict[str, Tensor]:
        return {**super().state(), "count/private": torch.tensor(self.taken)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        super().restore(state)
        self.taken = int(state["count/private"])


def private_learner(
    plain: Learner, private: PrivateFit, loss: Callable[[torch.Generator], RowsLoss], *, decay: bool
) -> PrivateLearner:
    """One with the optimizer of ``plain``, which has seen the stand-in alone; the rows come in by ``loss``."""
    assert isinstance(plain, AdamLearner)
    learner = PrivateLearner(
        plain.adam, plain.generator.device, private.gradient, secret=private.secret, steps=private.steps, decay=decay
    )
    learner.loss = loss(learner.generator)
    return learner


def seeded_apart(secret: int, number: int) -> int:
    """A seed of 63 bits that tells nothing of ``secret``, another one for each ``number``."""
    digest = hashlib.sha256(secret.to_bytes(8, "big") + number.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
