"""The training of ``nano`` under differential privacy: what the plain one does, less all that examines rows.

No rows are held out, so nothing says when to stop, which state is best or how far to trust a field; the planned steps
are taken, and the averaged weights are kept. See :mod:`tabular.dp`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from tabular.dp.session import PrivateFit
from tabular.progress import Reporter
from tabular.training import loop
from tabular.training.learner import State
from tabular.training.plan import evaluated_every, fingerprint_of, planned_steps

from ..decoding.orders import draw_orders
from .engines.rank_kernel import Kernels
from .engines.torch_engine import TorchEngine
from .trainer import PLAIN_SHARE, EngineLearner, Plan, Trained

__all__ = ["plan_private_training", "train_privately"]

#: Rows that an update draws on average, and updates, where nothing else is requested.
PRIVATE_BATCH, PRIVATE_STEPS = 2048, 250
#: Evaluations, at which a checkpoint is written.
EVALUATIONS = 20


def plan_private_training(
    rows: int, *, epochs: float | None, steps: int | None, batch_rows: int | None, learning_rate: float, seed: int
) -> Plan:
    """Settings for a table of ``rows`` rows; what is ``None`` is chosen from their number."""
    batch_rows = min(batch_rows or PRIVATE_BATCH, rows)
    steps = planned_steps(steps, epochs, rows / batch_rows, 1, (PRIVATE_STEPS, PRIVATE_STEPS))
    every = evaluated_every(steps, EVALUATIONS)
    return Plan(steps=steps, eval_every=every, learning_rate=learning_rate, seed=seed, batch_rows=batch_rows)


def train_privately(
    engine: TorchEngine,
    tokens: np.ndarray,
    groups: np.ndarray,
    plan: Plan,
    kernels: Kernels,
    private: PrivateFit,
    *,
    progress: Reporter,
    checkpoint: str | Path | None = None,
) -> Trained:
    """As :func:`.trainer.train`; the history holds no loss.

    Raises:
        KeyboardInterrupt: after the checkpoint is written.
        TabllmError: if the weights are no longer numbers.
    """
    tokens = tokens.astype(np.int64)
    # Not orthogonal: that would make as much of directions that are all noise as of the others.
    learner = PrivateNanoLearner(engine, tokens, groups, plan, private, kernels)
    fingerprint = fingerprint_of({"privacy": private.fingerprint}, tokens)
    done = loop.train(learner, plan, fingerprint=fingerprint, progress=progress, checkpoint=checkpoint)
    return Trained(**vars(done))


class PrivateNanoLearner(EngineLearner):
    """Learns rows by noisy gradients; each update has streams of its own, so that a fit that goes on makes the same
    noise and pays once."""

    counts_lost_updates: ClassVar[bool] = True

    def __init__(
        self,
        engine: TorchEngine,
        tokens: np.ndarray,
        groups: np.ndarray,
        plan: Plan,
        private: PrivateFit,
        kernels: Kernels,
    ) -> None:
        super().__init__(engine, plan, kernels=kernels)
        self.update, self.tokens, self.groups = engine.private_train_step, tokens, groups
        self.streams, self.gradient = private.streams, private.gradient
        self.steps_per_epoch = len(tokens) / plan.batch_rows

    def step(self, number: int) -> None:
        coins, noise, of_orders = (self.streams.generator(name, number) for name in ("coins", "noise", "orders"))
        rows = self.tokens[self.gradient.draw(coins)]
        orders = draw_orders(len(rows), self.groups, plain_share=PLAIN_SHARE, rng=of_orders)
        self.update(rows, orders, self.rate(number), self.gradient, noise)

    def halve_batch(self) -> int | None:
        smaller = self.gradient.halved()
        if smaller is None or not self.engine.drop_gradients():
            return None
        self.gradient = smaller
        return smaller.chunk_rows

    def finish(self, best: State) -> State:
        return self.engine.averaged()

    def is_finite(self) -> bool:
        return all(np.isfinite(value).all() for value in self.engine.numpy_weights().values())
