"""The training loop of ``nano``; the same for every engine.

One cosine from ``learning_rate`` to nearly zero over the planned steps, a moving average of the weights, and
a held-out part of the rows that says which average to keep, how far to trust each field, and when to stop.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tabular.errors import TabllmError
from tabular.pacing import MANY_COLUMNS
from tabular.personal.people import People
from tabular.progress import Reporter
from tabular.storage.checkpoint import Checkpoint, deferred_interrupt
from tabular.storage.learning_curve import LearningCurve

from ..decoding.orders import draw_orders
from ..parallel.group import Group
from .engines.base import NanoEngine
from .engines.rank_kernel import Kernels
from .holdout import hold_out

__all__ = ["Plan", "Trained", "plan_training", "rate_at", "train"]

#: Share of the rows that is held out, and the most of them that are looked at.
HELD_OUT_SHARE, MAX_HELD_OUT = 0.05, 8192
#: Share of rows that are learned in plain field order; the others learn to be given columns. (0.8 was worth 0.05 nats
#: in plain order on California housing, and cost 0.3 where columns are given.)
PLAIN_SHARE = 0.6
#: Passes over the rows by default, and the bounds on the steps that this makes.
DEFAULT_EPOCHS, MIN_STEPS, MAX_STEPS = 7, 600, 4000
#: Rows per update at most; a table of few rows gets fewer. On Adult and on Online Shoppers 128 cost as much per
#: row as 256 and gave rows that were more useful to train on.
MAX_BATCH = 128
#: At least so many, but of a wide table :data:`MIN_BATCH`.
SOME_ROWS = 16
#: Cells per update at most: what a layer keeps of more for its gradient takes over a gigabyte. At least so many rows.
MAX_CELLS, MIN_BATCH = 1 << 14, 8
#: Training stops when the held-out loss has not improved at this many looks in a row.
PATIENCE = 3
#: Shares of a field's logits that are tried on the held-out rows, and the gain in nats from which less than the
#: whole is taken. A field of pure noise (an ad id, a date) is
#: learned by heart long before the fields that depend on each other are learned well; on its own it would end
#: the training. Drawn back to its marginal it does no harm, and the others go on.
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
#: The gain must also be this many times what chance makes of so few rows. (Without it, labels of tables of 500 to 1,000
#: rows were drawn back to their marginal for what 25 to 50 held-out rows said: of 1,000 rows of Bank the synthetic ones
#: gave an AUC of .69 in place of .73, and 500 with a planted product a trend error of 7.6 in place of 5.1.)
MIN_GAIN, CHANCE = 0.01, 0.5
WARM_UP_STEPS = 100
FINAL_SHARE = 0.02
WEIGHT_DECAY = 0.1
AVERAGE_DECAY = 0.99


@dataclass(frozen=True)
class Plan:
    """What a training run does; part of what a checkpoint must agree with.

    Attributes:
        steps: updates planned.
        batch_rows: rows per update.
        look_every: updates between two looks at the held-out rows.
        learning_rate: the cosine's top.
        seed: fixes the held-out rows, the batches and the orders.
        plain_share: share of rows that are learned in plain field order; 1 where what is given is always the first
            fields.
    """

    steps: int
    batch_rows: int
    look_every: int
    learning_rate: float
    seed: int
    plain_share: float = PLAIN_SHARE

    def epochs(self, rows: int) -> float:
        """Passes over the part of a table of ``rows`` rows that is learned."""
        return self.steps / _steps_per_epoch(rows, self.batch_rows)


@dataclass(frozen=True)
class Trained:
    """What came of a training run.

    Attributes:
        weights: the best averaged weights.
        history: one entry per look: step, epoch, losses in nats per row, seconds since the start, the rate of the last
            update, and the tokens of training per second since the last look.
        stopped_early: whether the held-out loss ended the run before its planned steps.
        people: whom the rows were found to belong to, by their fields; some were held out whole.
    """

    weights: dict[str, np.ndarray]
    history: list[dict[str, float]]
    stopped_early: bool
    people: People | None = None


@dataclass
class _State:
    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    looks_since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def plan_training(
    rows: int,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    batch_rows: int | None = None,
    learning_rate: float,
    seed: int,
    columns: int = 1,
) -> Plan:
    """Settings for a table of ``rows`` rows and ``columns`` columns; what is ``None`` is chosen from its size."""
    if batch_rows is None:
        batch_rows = int(np.clip(rows // 80, MIN_BATCH if columns > MANY_COLUMNS else SOME_ROWS, MAX_BATCH))
        batch_rows = min(batch_rows, max(MIN_BATCH, MAX_CELLS // columns))
    per_epoch = _steps_per_epoch(rows, batch_rows)
    if steps is None:
        if epochs is not None:
            steps = max(1, round(epochs * per_epoch))
        else:
            steps = int(np.clip(DEFAULT_EPOCHS * per_epoch, MIN_STEPS, MAX_STEPS))
    look_every = int(np.clip(per_epoch, max(1, steps // 20), 400))
    return Plan(steps, batch_rows, look_every, learning_rate, seed)


def train(
    engine: NanoEngine,
    tokens: np.ndarray,
    groups: np.ndarray,
    plan: Plan,
    *,
    progress: Reporter,
    checkpoint: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    kernels: Kernels | None = None,
    orthogonal: bool = False,
    group: Group | None = None,
) -> Trained:
    """Fit ``engine`` to ``tokens`` (int32[rows, fields]); ``groups`` gives the column of each field.

    With ``checkpoint`` (a folder), what is needed to go on is written there at each look and at Ctrl-C,
    and a run with the same data, plan and settings goes on from it, to the same result.

    Args:
        settings: of the generator, plain JSON data.
        kernels: smooth the rows of an ordered field's tokens, see :mod:`.engines.rank_kernel`.
        orthogonal: update the layers' matrices as :mod:`.engines.orthogonal` says.
        group: the processes that this fit is spread over, as for :func:`tabllm.lm.training.trainer.train`.

    Raises:
        KeyboardInterrupt: after the checkpoint is written.
        TabllmError: if the loss is no longer a number.
        UsageError: if the processes have different data or settings.
        LostProcess: if another process ended.
    """
    rank, size = (0, 1) if group is None else (group.rank, group.size)
    shuffled = np.random.default_rng([plan.seed, 0]).permutation(len(tokens))
    held_out = _held_out(len(tokens))
    held, people = hold_out(tokens, shuffled, held_out)
    unseen, seen = (tokens[shuffled[held[shuffled] == part]].astype(np.int64) for part in (True, False))
    mixed = _mixed(unseen, groups, np.random.default_rng([plan.seed, 1]), float(plan.plain_share == 1))
    look_orders = np.concatenate([_plain(unseen), mixed])
    look_tokens = np.concatenate([unseen, unseen])
    looks = len(look_tokens)
    look_tokens, look_orders = look_tokens[rank::size], look_orders[rank::size]

    told = {**(settings or {}), **({"orthogonal": True} if orthogonal else {})}
    fingerprint = _fingerprint(tokens, groups, plan, engine, kernels or {}, told)
    saved = Checkpoint(checkpoint, fingerprint) if checkpoint else None
    state = _State()
    best: dict[str, np.ndarray] = {}
    marginal = engine.numpy_weights()["head.bias"]
    start = partial(
        engine.start_training,
        weight_decay=WEIGHT_DECAY, average=AVERAGE_DECAY, kernels=kernels, orthogonal=orthogonal,
    )  # fmt: skip
    found = None if saved is None or rank else saved.read()
    if group is not None:
        group.check_same(engine.name, fingerprint)
        found = group.broadcast_checkpoint(found)
    if found is not None:
        arrays, best, facts = found
        with saved.taking_up() if saved is not None else contextlib.nullcontext():
            state = _State(**facts)
            start(state=arrays)
        progress.note(f"Going on from step {state.step:,} of {plan.steps:,}.")
    else:
        start(state=None)

    batches = max(1, len(seen) // plan.batch_rows)
    step_tokens = min(plan.batch_rows, len(seen)) * seen.shape[1]
    started = time.perf_counter() - state.seconds
    losses: list[Any] = []
    curve, trained_until = LearningCurve(None if rank else checkpoint, progress), (state.step, time.perf_counter())
    epoch, order_of_rows = -1, np.empty(0, np.int64)
    with progress.task("Learning", plan.steps, "steps") as task, deferred_interrupt() as interrupted:
        task.advance(state.step)
        while state.step < plan.steps and state.looks_since_best < PATIENCE:
            if state.step // batches != epoch:
                epoch = state.step // batches
                order_of_rows = np.random.default_rng([plan.seed, 2, epoch]).permutation(len(seen))
            begin = state.step % batches * plan.batch_rows
            rows = seen[order_of_rows[begin : begin + plan.batch_rows]]
            orders = _mixed(rows, groups, np.random.default_rng([plan.seed, 3, state.step]), plan.plain_share)
            mine = slice(rank, None, size)
            losses.append(engine.train_step(rows[mine], orders[mine], rate_at(plan, state.step), len(rows), group))
            state.step += 1
            if state.step % plan.look_every == 0 or state.step == plan.steps:
                train_loss = float(np.mean([float(value) for value in losses]))  # waits for the device
                spent = time.perf_counter() - trained_until[1]
                by_share = _losses(engine, look_tokens, look_orders, looks, group)  # (shares, fields)
                choice = _chosen_shares(by_share, len(unseen), () if people is None else people.columns)
                loss = float(np.take_along_axis(by_share, choice[None], axis=0).sum())
                if not math.isfinite(loss):
                    raise TabllmError(
                        f"Training diverged: after {state.step:,} steps the loss is not a number; take a learning rate "
                        f"below {plan.learning_rate:g}."
                    )
                state.seconds = time.perf_counter() - started
                state.history.append(
                    {
                        "step": state.step,
                        "epoch": round(state.step / batches, 3),
                        "train_loss": train_loss,
                        "held_out_loss": loss,
                        "seconds": round(state.seconds, 3),
                        "learning_rate": rate_at(plan, state.step - 1),
                        "tokens_per_second": round((state.step - trained_until[0]) * step_tokens / max(spent, 1e-9), 1),
                    }
                )
                losses = []
                state.looks_since_best += 1
                if loss < state.best_loss:
                    state.best_loss, state.looks_since_best = loss, 0
                    best = _shrunk(engine.averaged(), marginal, engine.config.offsets, choice)
                if saved is not None and rank == 0:
                    saved.write(engine.training_state(), best, asdict(state))
                curve.evaluated(state.history)
                trained_until = state.step, time.perf_counter()
                task.advance(1, f"loss {loss:.3f}")
            else:
                task.advance(1)
            if interrupted() if group is None else group.any(interrupted()):
                if saved is not None and rank == 0:
                    state.seconds = time.perf_counter() - started
                    saved.write(engine.training_state(), best, asdict(state))
                if group is not None:
                    group.wait()  # nobody ends before the checkpoint is written
                raise KeyboardInterrupt
        task.finish()
    return Trained(best, state.history, state.step < plan.steps, people)


def _losses(engine: NanoEngine, tokens: np.ndarray, orders: np.ndarray, rows: int, group: Group | None) -> np.ndarray:
    """float32[shares, fields]: :meth:`.NanoEngine.losses` of the ``rows`` rows of all processes together."""
    if group is None:
        return engine.losses(tokens, orders, SHARES)
    summed = np.zeros((len(SHARES), tokens.shape[1]))
    if len(tokens):
        summed += engine.losses(tokens, orders, SHARES).astype(np.float64) * len(tokens)
    return (group.total(summed) / rows).astype(np.float32)


def _chosen_shares(losses: np.ndarray, rows: int, personal: Sequence[int] = ()) -> np.ndarray:
    """For each field the place in :data:`SHARES` of the best; losses: float32[shares, fields], over ``rows`` rows.

    Of equally good ones the largest is taken, but of the fields ``personal``, which describe people, the smallest.
    """
    best = losses.argmin(axis=0)
    gain = losses[0] - losses.min(axis=0)
    choice = np.where(gain > max(MIN_GAIN, CHANCE / math.sqrt(rows)), best, 0)
    good = losses <= losses.min(axis=0) + MIN_GAIN
    smallest = len(losses) - 1 - good[::-1].argmax(axis=0)
    choice[list(personal)] = smallest[list(personal)]
    return choice


def _shrunk(
    weights: dict[str, np.ndarray], marginal: np.ndarray, offsets: list[int], choice: np.ndarray
) -> dict[str, np.ndarray]:
    """The weights with each field's logits mixed with its marginal's, by its chosen share."""
    share = np.repeat(np.asarray(SHARES, np.float32)[choice], np.diff(offsets))
    bias = share * weights["head.bias"] + (1 - share) * marginal
    return {**weights, "head.weight": weights["head.weight"] * share[:, None], "head.bias": bias}


def _steps_per_epoch(rows: int, batch_rows: int) -> int:
    return max(1, (rows - _held_out(rows)) // batch_rows)


def _held_out(rows: int) -> int:
    return int(np.clip(rows * HELD_OUT_SHARE, 1, MAX_HELD_OUT))


def _plain(tokens: np.ndarray) -> np.ndarray:
    return np.tile(np.arange(tokens.shape[1]), (len(tokens), 1))


def _mixed(tokens: np.ndarray, groups: np.ndarray, rng: np.random.Generator, plain_share: float = 0.0) -> np.ndarray:
    return draw_orders(len(tokens), groups, plain_share=plain_share, rng=rng)


def rate_at(plan: Plan, step: int) -> float:
    """The step size of an update: a short rise, then a cosine."""
    warm = min(1.0, (step + 1) / min(WARM_UP_STEPS, max(1, plan.steps // 10)))
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return plan.learning_rate * warm * (FINAL_SHARE + (1 - FINAL_SHARE) * cosine)


def _fingerprint(
    tokens: np.ndarray,
    groups: np.ndarray,
    plan: Plan,
    engine: NanoEngine,
    kernels: Kernels,
    settings: Mapping[str, Any],
) -> str:
    text = json.dumps([asdict(plan), engine.config.to_dict(), np.asarray(groups).tolist(), dict(settings)])
    arrays = np.ascontiguousarray(tokens), *kernels.values()
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays) + text.encode()).hexdigest()
