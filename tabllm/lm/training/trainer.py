"""Fine-tuning a causal language model on rows; the same for every engine.

A short warm-up, then one cosine to a tenth of the top; rows of like length together; a held-out part of the rows
that says which weights to keep and when to stop.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tabular.errors import TabllmError
from tabular.progress import Reporter
from tabular.storage.checkpoint import Checkpoint, deferred_interrupt
from tabular.storage.learning_curve import LearningCurve

from ...decoding.orders import draw_orders
from ...parallel.group import Group
from ..engines.base import LmEngine, Tuning
from ..serialization.base import LmCodec, level_masks
from .batches import BatchMaker

__all__ = ["Plan", "Trained", "plan_training", "train"]

#: Share of the rows that is held out, and the most of them that are looked at.
HELD_OUT_SHARE, MAX_HELD_OUT = 0.05, 384
#: Share of rows that are learned in the codec's column order; the others learn to be given columns.
PLAIN_SHARE = 0.6
DEFAULT_EPOCHS, MIN_STEPS, MAX_STEPS = 3.0, 100, 3000
DEFAULT_BATCH = 32
#: Looks at the held-out rows without a gain after which training stops.
PATIENCE = 3
#: Share of the work that goes into looks, and the bounds on their number that this makes.
LOOK_SHARE, LOOKS = 0.15, (3, 20)
WARM_UP_SHARE, FINAL_SHARE = 0.05, 0.1
WEIGHT_DECAY = 0.01
#: Batches whose rows are sorted by length together.
SORTED_BATCHES = 16
#: Seconds between two checkpoints; a full one of GPT-2 is 1.5 GB.
CHECKPOINT_SECONDS = 120.0
#: The most seconds without one, where evaluations are further apart than that.
MOST_CHECKPOINT_SECONDS = 600.0
#: How often a training that diverges goes back to its best weights at half the step size.
MOST_RESTARTS = 6


@dataclass(frozen=True)
class Plan:
    """What a training run does; part of what a checkpoint must agree with.

    Attributes:
        steps: updates planned.
        batch_rows: rows per update.
        pieces: parts in which a batch goes through the model one after the other (gradient accumulation).
        look_every: updates between two looks at the held-out rows.
        learning_rate: the schedule's top.
        seed: fixes the held-out rows, the batches and the orders.
    """

    steps: int
    batch_rows: int
    pieces: int
    look_every: int
    learning_rate: float
    seed: int

    def epochs(self, rows: int) -> float:
        """Passes over the part of a table of ``rows`` rows that is learned."""
        return self.steps / _steps_per_epoch(rows, self.batch_rows)


@dataclass(frozen=True)
class Trained:
    """What came of a training run; the engine holds the best weights.

    Attributes:
        history: one entry per look: step, epoch, losses in nats per row, seconds since the start; after the first
            update the rate of the last one, and the tokens of training per second since the last look.
        column_losses: column -> the best look's held-out loss, in nats per row.
        stopped_early: whether the held-out loss ended the run before its planned steps.
        restarts: how often the loss was no longer a number, and training went back at half the step size.
        tokens: that went through the model in training.
        kept: the best of what was trained, float32 by neutral names (:mod:`tabllm.lm.engines.weight_names`).
    """

    history: list[dict[str, float]]
    column_losses: dict[str, float]
    stopped_early: bool
    restarts: int
    tokens: int
    kept: dict[str, np.ndarray]


@dataclass
class _State:
    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    restarts: int = 0
    best_step: int = 0
    best_loss: float = math.inf
    best_columns: list[float] = field(default_factory=list)
    looks_since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def plan_training(
    rows: int,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    batch_rows: int | None = None,
    pieces: int = 1,
    learning_rate: float,
    looks: int | None = None,
    seed: int,
) -> Plan:
    """Settings for a table of ``rows`` rows; what is ``None`` is chosen from the size of the table."""
    seen = rows - _held_out(rows)
    batch_rows = min(batch_rows or DEFAULT_BATCH, seen)
    per_epoch = _steps_per_epoch(rows, batch_rows)
    if steps is None:
        if epochs is not None:
            steps = max(1, round(epochs * per_epoch))
        else:
            steps = int(np.clip(DEFAULT_EPOCHS * per_epoch, MIN_STEPS, MAX_STEPS))
    if looks is None:
        # A row of an update costs three times one that is looked at.
        looks = int(np.clip(LOOK_SHARE * 3 * steps * batch_rows / _held_out(rows), *LOOKS))
    return Plan(steps, batch_rows, min(pieces, batch_rows), max(1, math.ceil(steps / looks)), learning_rate, seed)


def train(
    engine: LmEngine,
    codec: LmCodec,
    choices: np.ndarray,
    plan: Plan,
    tuning: Tuning,
    *,
    progress: Reporter,
    checkpoint: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    group: Group | None = None,
) -> Trained:
    """Fine-tune ``engine`` on rows ``choices`` (int32[rows, width]), and leave the best weights in it.

    With ``checkpoint`` (a folder), what is needed to go on is written there now and then and at Ctrl-C, and a run
    with the same data, plan and settings goes on from it.

    Args:
        settings: of the generator and its base, plain JSON data.
        group: the processes that this fit is spread over, all of which call this. Each computes its part of every
            batch and of the evaluations; sums over all of them make the same losses and updates as one process. The
            first reads and writes checkpoints, which do not depend on the number of processes.

    Raises:
        KeyboardInterrupt: after the checkpoint is written.
        TabllmError: if the loss is no longer a number though the step size was halved :data:`MOST_RESTARTS` times.
        UsageError: if the processes have different data or settings.
        LostProcess: if another process ended.
    """
    rank, size = (0, 1) if group is None else (group.rank, group.size)
    shuffled = np.random.default_rng([plan.seed, 0]).permutation(len(choices))
    held_out = _held_out(len(choices))
    unseen, seen = choices[shuffled[:held_out]], choices[shuffled[held_out:]]
    maker, columns = BatchMaker(codec, pad_to=engine.pad_to), len(codec.names)
    groups = np.arange(columns)
    mine = unseen[rank::size]
    looked_at = [
        maker.make(part, np.tile(groups, (len(part), 1))) for part in np.array_split(mine, -(-len(mine) // 128) or 1)
        if len(part)
    ]  # fmt: skip
    fingerprint = _fingerprint(choices, maker, plan, tuning, settings or {})
    saved = Checkpoint(checkpoint, fingerprint) if checkpoint else None
    engine.start_training(tuning, maker.used, level_masks(codec, maker.used), weight_decay=WEIGHT_DECAY)
    found = None if saved is None or rank else saved.read()
    if group is not None:
        group.check_same(engine.name, fingerprint)
        found = group.broadcast_checkpoint(found)
        if found is None:  # draws on a device may differ
            weights = group.broadcast_arrays(engine.trained() if group.leads else {})
            if not group.leads:
                engine.load_trained(weights)
    state, best = _State(), engine.trained()
    if found is not None:
        arrays, best, facts = found
        with saved.taking_up() if saved is not None else contextlib.nullcontext():
            state = _State(**facts)
            engine.load_trained(
                {k.removeprefix("weights/"): v for k, v in arrays.items() if k.startswith("weights/")}, arrays
            )
        progress.note(f"Going on from step {state.step:,} of {plan.steps:,}.")

    curve, trained_until = LearningCurve(None if rank else checkpoint, progress), (state.tokens, time.perf_counter())

    def save() -> None:
        if saved is not None and rank == 0:
            now = {f"weights/{name}": value for name, value in engine.trained().items()} | engine.training_state()
            saved.write(now, best, asdict(state))

    def total(value: int) -> int:
        """Over all processes."""
        return value if group is None else int(group.total(np.array(value, np.int64)))

    def go_back() -> None:
        """Take up the best weights, without moments, at half the step size."""
        state.restarts += 1
        if state.restarts > MOST_RESTARTS:
            raise TabllmError(
                f"Training diverged: after {state.step:,} steps the loss is not a number, and so it was at "
                f"{MOST_RESTARTS} smaller step sizes; take a learning rate below {plan.learning_rate:g}."
            )
        engine.load_trained(best, {name: np.zeros_like(value) for name, value in engine.training_state().items()})
        progress.note(
            f"After {state.step:,} steps the loss was not a number: going on from step {state.best_step:,} at half the "
            "step size."
        )
        state.step, state.looks_since_best = state.best_step, 0
        state.history = [entry for entry in state.history if entry["step"] <= state.step]

    def look(losses: list[Any]) -> float:
        nonlocal best, trained_until
        train_loss = float(np.mean([float(value) for value in losses])) if losses else None  # waits for the device
        spent = time.perf_counter() - trained_until[1]
        summed = sum((engine.losses(batch, columns) for batch in looked_at), np.zeros(columns))
        by_column = (summed if group is None else group.total(summed)) / len(unseen)
        loss = float(np.sum(by_column))
        if not math.isfinite(loss):
            return loss
        state.seconds = time.perf_counter() - started
        state.history.append(
            {
                "step": state.step,
                "epoch": round(state.step * plan.batch_rows / len(seen), 3),
                "train_loss": loss if train_loss is None else train_loss,
                "held_out_loss": loss,
                "seconds": round(state.seconds, 2),
            }
        )
        if train_loss is not None:
            state.history[-1] |= {
                "learning_rate": learning_rate(plan, state.step - 1) / 2**state.restarts,
                "tokens_per_second": round((state.tokens - trained_until[0]) / max(spent, 1e-9), 1),
            }
        if loss < state.best_loss:
            state.best_loss, state.best_columns, state.looks_since_best = loss, np.asarray(by_column).tolist(), 0
            state.best_step = state.step
            best = engine.trained()
        else:
            state.looks_since_best += 1
        curve.evaluated(state.history)
        trained_until = state.tokens, time.perf_counter()
        return loss

    started = time.perf_counter() - state.seconds
    written = time.perf_counter()
    losses: list[Any] = []
    per_epoch = max(1, len(seen) // plan.batch_rows)
    batches = _batches(codec, seen, plan, state.step, per_epoch)
    with progress.task("Fine-tuning", plan.steps, "steps") as task, deferred_interrupt() as interrupted:
        task.advance(state.step)
        if state.step == 0 and not math.isfinite(look([])):
            raise TabllmError("The loss of the model is not a number before the first update: its weights are damaged.")
        while state.step < plan.steps and state.looks_since_best < PATIENCE:
            rows = seen[next(batches)]
            rng = np.random.default_rng([plan.seed, 3, state.step])
            orders = draw_orders(len(rows), groups, plain_share=PLAIN_SHARE, rng=rng)
            # Rows of like length stand together, so that every second one is a part as long as the others.
            parts = np.array_split(np.arange(rank, len(rows), size), plan.pieces)
            pieces = [maker.make(rows[part], orders[part]) for part in parts if len(part)]
            rate = learning_rate(plan, state.step) / 2**state.restarts
            losses.append(engine.train_step(pieces, rate, len(rows), group))
            state.tokens += total(sum(int(piece.lengths.sum()) for piece in pieces))
            state.step += 1
            if state.step % plan.look_every == 0 or state.step == plan.steps:
                loss, losses = look(losses), []
                if not math.isfinite(loss):
                    gone = state.step - state.best_step
                    go_back()
                    batches = _batches(codec, seen, plan, state.step, per_epoch)
                    task.advance(1 - gone)
                    continue
                if time.perf_counter() - written > CHECKPOINT_SECONDS:
                    save()
                    written = time.perf_counter()
                task.advance(1, f"loss {loss:.3f}")
            else:
                if time.perf_counter() - written > MOST_CHECKPOINT_SECONDS:
                    state.seconds = time.perf_counter() - started
                    save()
                    written = time.perf_counter()
                task.advance(1)
            if total(interrupted()):
                state.seconds = time.perf_counter() - started
                save()
                total(0)  # nobody ends before the checkpoint is written
                raise KeyboardInterrupt
        task.finish()
    engine.load_trained(best)
    engine.finish_training()
    per_column = dict(zip(codec.names, state.best_columns, strict=True))
    return Trained(state.history, per_column, state.step < plan.steps, state.restarts, state.tokens, best)


def learning_rate(plan: Plan, step: int) -> float:
    """The rate of update number ``step``, the first being 0."""
    warm = max(1, round(plan.steps * WARM_UP_SHARE))
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return plan.learning_rate * min(1.0, (step + 1) / warm) * (FINAL_SHARE + (1 - FINAL_SHARE) * cosine)


def _batches(codec: LmCodec, seen: np.ndarray, plan: Plan, done: int, per_epoch: int) -> Iterator[np.ndarray]:
    """Row numbers of each batch from number ``done`` on; rows of like length stand together."""
    lengths = codec.tokens_per_row(seen)
    size = plan.batch_rows
    epoch = done // per_epoch
    skip = done % per_epoch
    while True:
        rng = np.random.default_rng([plan.seed, 2, epoch])
        rows = rng.permutation(len(seen))[: per_epoch * size]
        window = SORTED_BATCHES * size
        parts = [rows[begin : begin + window] for begin in range(0, len(rows), window)]
        rows = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
        for number in rng.permutation(per_epoch)[skip:]:
            yield rows[number * size : (number + 1) * size]
        epoch, skip = epoch + 1, 0


def _steps_per_epoch(rows: int, batch_rows: int) -> int:
    return max(1, (rows - _held_out(rows)) // batch_rows)


def _held_out(rows: int) -> int:
    return int(np.clip(rows * HELD_OUT_SHARE, 1, MAX_HELD_OUT))


def _fingerprint(
    choices: np.ndarray, maker: BatchMaker, plan: Plan, tuning: Tuning, settings: Mapping[str, Any]
) -> str:
    text = json.dumps([asdict(plan), asdict(tuning), dict(settings)])
    # The same choices are other tokens where rows are written otherwise.
    arrays = (choices, maker.tokens, maker.leads)
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays) + text.encode()).hexdigest()
