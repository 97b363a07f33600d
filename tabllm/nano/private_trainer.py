"""The training loop of ``nano`` under differential privacy: what the plain one does, less all that looks at rows.

No rows are held out, so nothing says when to stop, which state is best or how far to trust a field; the planned steps
are taken, and the averaged weights are kept. See :mod:`tabular.dp`.
"""

from __future__ import annotations

import hashlib
import math
import time
from functools import partial
from pathlib import Path

import numpy as np

from tabular.dp.session import PrivateFit
from tabular.errors import TabllmError
from tabular.progress import Reporter
from tabular.storage.checkpoint import Checkpoint, deferred_interrupt

from ..decoding.orders import draw_orders
from .engines.rank_kernel import Kernels
from .engines.torch_engine import TorchEngine
from .trainer import AVERAGE_DECAY, PLAIN_SHARE, WEIGHT_DECAY, Plan, Trained, rate_at

__all__ = ["plan_private_training", "train_privately"]

#: Rows that an update draws on average, and updates, where nothing else is asked for.
PRIVATE_BATCH, PRIVATE_STEPS = 2048, 250
#: Looks, at which a checkpoint is written.
LOOKS = 20


def plan_private_training(
    rows: int, *, epochs: float | None, steps: int | None, batch_rows: int | None, learning_rate: float, seed: int
) -> Plan:
    """Settings for a table of ``rows`` rows; what is ``None`` is chosen from their number."""
    batch_rows = min(batch_rows or PRIVATE_BATCH, rows)
    if steps is None:
        steps = PRIVATE_STEPS if epochs is None else max(1, round(epochs * rows / batch_rows))
    return Plan(steps, batch_rows, max(1, math.ceil(steps / LOOKS)), learning_rate, seed)


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
    fingerprint = hashlib.sha256(np.ascontiguousarray(tokens).tobytes() + private.fingerprint.encode()).hexdigest()
    saved = Checkpoint(checkpoint, fingerprint) if checkpoint else None
    step, seconds, history = 0, 0.0, []
    # Not orthogonal: that would make as much of directions that are all noise as of the others.
    start = partial(engine.start_training, weight_decay=WEIGHT_DECAY, average=AVERAGE_DECAY, kernels=kernels)
    if saved is not None and (found := saved.read()) is not None:
        arrays, _, facts = found
        step, seconds, history = facts["step"], facts["seconds"], facts["history"]
        with saved.taking_up():
            start(state=arrays)
        progress.note(f"Going on from step {step:,} of {plan.steps:,}.")
    else:
        start(state=None)
    started = time.perf_counter() - seconds

    def keep() -> None:
        if saved is not None and step:
            state = {"step": step, "seconds": time.perf_counter() - started, "history": history}
            saved.write(engine.training_state(), {}, state)

    with progress.task("Learning", plan.steps, "steps") as task, deferred_interrupt() as interrupted:
        task.advance(step)
        while step < plan.steps:
            # Each step has streams of its own, so that a fit that goes on makes the same noise and pays once.
            coins, noise, of_orders = (private.streams.generator(name, step) for name in ("coins", "noise", "orders"))
            rows = tokens[private.gradient.draw(coins)]
            orders = draw_orders(len(rows), groups, plain_share=PLAIN_SHARE, rng=of_orders)
            engine.private_train_step(rows, orders, rate_at(plan, step), private.gradient, noise)
            step += 1
            task.advance(1)
            if step % plan.look_every == 0 or step == plan.steps:
                if not all(np.isfinite(value).all() for value in engine.numpy_weights().values()):
                    raise TabllmError(
                        f"Training diverged: after {step:,} steps the weights are not numbers; take a learning rate "
                        f"below {plan.learning_rate:g}."
                    )
                epoch = round(step * plan.batch_rows / len(tokens), 3)
                passed = round(time.perf_counter() - started, 3)
                history.append({"step": step, "epoch": epoch, "seconds": passed})
                keep()
            if interrupted():
                keep()
                raise KeyboardInterrupt
        task.finish()
    return Trained(engine.averaged(), history, False)
