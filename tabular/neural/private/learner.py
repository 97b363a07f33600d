"""A learner (:class:`tabular.training.learner.Learner`) whose updates are private."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import torch

from ...dp.streams import HostDraws, SecretStreams
from ...dp.updates import NoisyGradient, RowsLoss
from ..updates.learner import AdamLearner
from ..updates.optimizer import Adam

if TYPE_CHECKING:
    from ...dp.session import PrivateFit
    from ...training.learner import Learner

__all__ = ["PrivateLearner", "private_learner"]


class PrivateLearner(AdamLearner):
    """Takes the optimizer of a plain learner, and gives it noisy gradients in place of its own.

    Args:
        adam: what moves the weights.
        gradient: how private it is made.
        streams: where coins, noise and the draws of the loss come from. Each update has its own, so that a fit that
            goes on makes the same noise and pays once.
        steps: updates planned.
        decay: whether the step size falls to 0.

    Attributes:
        loss: the mean loss of rows of the table; it may draw with :attr:`generator`, which stands for the secret stream
            of the update.
    """

    resumes_anywhere: ClassVar[bool] = True
    #: What an update tells of the rows is told: training that diverges goes back to its last good weights, and on with
    #: the updates that are left and noise that was never used.
    counts_lost_updates: ClassVar[bool] = True
    redoes_updates: ClassVar[bool] = True

    def __init__(
        self,
        adam: Adam,
        device: torch.device,
        gradient: NoisyGradient,
        *,
        streams: SecretStreams,
        steps: int,
        decay: bool,
    ) -> None:
        super().__init__(adam, device)
        self.gradient, self.streams, self.steps, self.decay = gradient, streams, steps, decay
        self.loss: RowsLoss | None = None

    def begin_interval(self, seed: int) -> None:
        """Nothing here comes from a seed."""

    def halve_batch(self) -> int | None:
        smaller = self.gradient.halved()
        if smaller is None:
            return None
        self.gradient = smaller
        return smaller.chunk_rows

    def step(self, number: int) -> None:
        assert self.loss is not None
        coins, noise, of_loss = (self.streams.generator(purpose, number) for purpose in ("coins", "noise", "loss"))
        drawn = torch.from_numpy(self.gradient.draw(coins)).to(self.generator.device)
        with HostDraws(self.generator, of_loss):
            gradients = self.gradient(self.loss, drawn, self.adam.weights, noise)
        self.adam.apply(gradients, number / self.steps, decay=self.decay)


def private_learner(
    plain: Learner, private: PrivateFit, loss: Callable[[torch.Generator], RowsLoss], *, decay: bool
) -> PrivateLearner:
    """One with the optimizer of ``plain``, which has seen the stand-in alone; the rows come in by ``loss``."""
    assert isinstance(plain, AdamLearner)
    learner = PrivateLearner(
        plain.adam, plain.generator.device, private.gradient, streams=private.streams, steps=private.steps, decay=decay
    )
    learner.loss = loss(learner.generator)
    return learner
