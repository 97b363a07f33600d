"""Fine-tuning a causal language model on rows; the same for every engine.

A short warm-up, then one cosine to a tenth of the top; rows of like length together; a held-out part of the rows
that says which weights to keep and when to stop. The loop itself is :func:`tabular.training.loop.train`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tabular.progress import Reporter
from tabular.training import loop
from tabular.training.learner import Learner, State
from tabular.training.plan import BatchPlan, evaluated_every, fingerprint_of, planned_steps, warm_cosine

from ...decoding.orders import draw_orders
from ...parallel.group import Group
from ..engines.base import LmEngine, Tuning
from ..serialization.base import LmCodec, level_masks
from .batches import BatchMaker

__all__ = ["Plan", "Trained", "plan_training", "train"]

#: Fraction of rows that are learned in the codec's column order; the others learn to be given columns.
PLAIN_SHARE = 0.6
DEFAULT_EPOCHS, MIN_STEPS, MAX_STEPS = 3.0, 100, 3000
DEFAULT_BATCH = 32
#: Evaluations without a gain after which training stops.
PATIENCE = 3
#: Fraction of the work that goes into evaluations, and the bounds on their number that this makes.
EVALUATION_SHARE, EVALUATIONS = 0.15, (3, 20)
WARM_UP_SHARE, FINAL_SHARE = 0.05, 0.1
WEIGHT_DECAY = 0.01
#: Batches whose rows are sorted by length together.
SORTED_BATCHES = 16
#: Seconds between two checkpoints; a full one of GPT-2 is 1.5 GB.
CHECKPOINT_SECONDS = 120.0
#: What the names of the optimizer's arrays begin with in a checkpoint.
OPTIMIZER = "optimizer/"


@dataclass(frozen=True, kw_only=True)
class Plan(BatchPlan):
    """What a training run does; part of what a checkpoint must agree with.

    Attributes:
        pieces: micro-batches, in which a batch goes through the model one after the other (gradient accumulation).
    """

    held_out: ClassVar[tuple[float, int]] = (0.05, 384)
    pieces: int
    patience: int = PATIENCE


@dataclass(frozen=True)
class Trained(loop.Trained):
    """What came of a training run, losses in nats per row; the engine holds the weights too.

    Attributes:
        column_losses: column -> the best evaluation's held-out loss, in nats per row.
        tokens: that went through the model in training.
    """

    column_losses: dict[str, float]
    tokens: int


def plan_training(
    rows: int,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    batch_rows: int | None = None,
    pieces: int = 1,
    learning_rate: float,
    evaluations: int | None = None,
    seed: int,
) -> Plan:
    """Settings for a table of ``rows`` rows; what is ``None`` is chosen from the size of the table."""
    seen = rows - Plan.held_out_rows(rows)
    batch_rows = min(batch_rows or DEFAULT_BATCH, seen)
    per_epoch = Plan.steps_per_epoch(rows, batch_rows)
    steps = planned_steps(steps, epochs, per_epoch, DEFAULT_EPOCHS, (MIN_STEPS, MAX_STEPS))
    if evaluations is None:
        # A row of an update costs three times one that is evaluated.
        work = EVALUATION_SHARE * 3 * steps * batch_rows
        evaluations = int(np.clip(work / Plan.held_out_rows(rows), *EVALUATIONS))
    return Plan(
        steps=steps,
        eval_every=evaluated_every(steps, evaluations),
        learning_rate=learning_rate,
        seed=seed,
        patience=PATIENCE,
        batch_rows=batch_rows,
        pieces=min(pieces, batch_rows),
    )


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
        TabllmError: if the loss is no longer a number though the step size was halved several times.
        UsageError: if the processes have different data or settings.
        LostProcess: if another process ended.
    """
    learner = FineTuning(engine, codec, choices, plan, group)
    maker = learner.maker
    # The same choices are other tokens where rows are written otherwise.
    described = {"plan": asdict(plan), "tuning": asdict(tuning), "settings": dict(settings or {})}
    fingerprint = fingerprint_of(described, choices, maker.tokens, maker.leads)
    engine.start_training(tuning, maker.used, level_masks(codec, maker.used), weight_decay=WEIGHT_DECAY)
    if group is not None:
        group.check_same(engine.name, fingerprint)
    done = loop.train(learner, plan, fingerprint=fingerprint, progress=progress, checkpoint=checkpoint, processes=group)
    per_column = dict(zip(codec.names, learner.facts["best_columns"], strict=True))
    return Trained(**vars(done), column_losses=per_column, tokens=learner.facts["tokens"])


class FineTuning(Learner):
    """An engine in training on the rows that are not held out; see :func:`train` for the arguments.

    Attributes:
        maker: makes batches of rows.
    """

    label: ClassVar[str] = "Fine-tuning"
    evaluates_first: ClassVar[bool] = True
    returns_to_best: ClassVar[bool] = True
    checkpoint_seconds: ClassVar[float] = CHECKPOINT_SECONDS

    def __init__(
        self,
        engine: LmEngine,
        codec: LmCodec,
        choices: np.ndarray,
        plan: Plan,
        group: Group | None,
    ) -> None:
        super().__init__()
        self.engine, self.codec, self.plan, self.group, self.factor = engine, codec, plan, group, 1.0
        self.rank, self.size = (0, 1) if group is None else (group.rank, group.size)
        self.facts = {"tokens": 0, "best_columns": []}
        shuffled = np.random.default_rng([plan.seed, 0]).permutation(len(choices))
        held_out = Plan.held_out_rows(len(choices))
        unseen, self.seen = choices[shuffled[:held_out]], choices[shuffled[held_out:]]
        self.held_out, self.groups = held_out, np.arange(len(codec.names))
        self.maker = BatchMaker(codec, pad_to=engine.pad_to)
        mine = unseen[self.rank :: self.size]
        self.eval_batches = [
            self.maker.make(part, np.tile(self.groups, (len(part), 1)))
            for part in np.array_split(mine, -(-len(mine) // 128) or 1)
            if len(part)
        ]
        self.steps_per_epoch = len(self.seen) / plan.batch_rows
        self.pieces = plan.pieces
        self.batches: Iterator[np.ndarray] = iter(())
        self.next_batch, self.evaluated_tokens = -1, 0

    def begin(self) -> None:
        if self.group is not None:  # draws on a device may differ
            weights = self.group.broadcast_arrays(self.engine.trained() if self.group.leads else {})
            if not self.group.leads:
                self.engine.load_trained(weights)

    def step(self, number: int) -> Any:
        if number != self.next_batch:
            per_epoch = max(1, len(self.seen) // self.plan.batch_rows)
            self.batches = _batches(self.codec, self.seen, self.plan, number, per_epoch)
        self.next_batch = number + 1
        rows = self.seen[next(self.batches)]
        rng = np.random.default_rng([self.plan.seed, 3, number])
        orders = draw_orders(len(rows), self.groups, plain_share=PLAIN_SHARE, rng=rng)
        # Rows of like length stand together, so that every second one is a part as long as the others.
        parts = np.array_split(np.arange(self.rank, len(rows), self.size), self.pieces)
        pieces = [self.maker.make(rows[part], orders[part]) for part in parts if len(part)]
        loss = self.engine.train_step(pieces, self.rate(number), len(rows), self.group)
        tokens = sum(int(piece.lengths.sum()) for piece in pieces)
        self.facts["tokens"] += tokens if self.group is None else int(self.group.total(np.array(tokens, np.int64)))
        return loss

    def halve_batch(self) -> int | None:
        """Half the rows; not in a fit of several processes, of which the others know nothing of it."""
        if self.group is not None or self.pieces >= self.plan.batch_rows or not self.engine.drop_gradients():
            return None
        self.pieces = min(2 * self.pieces, self.plan.batch_rows)
        return -(-self.plan.batch_rows // self.pieces)

    def rate(self, step: int) -> float:
        """The step size of update ``step``."""
        return learning_rate(self.plan, step) * self.factor

    def slow_down(self) -> None:
        self.factor /= 2

    def state(self) -> State:
        moments = {OPTIMIZER + name: value for name, value in self.engine.training_state().items()}
        return {**self.engine.trained(), **moments}

    def restore(self, state: Mapping[str, Any]) -> None:
        weights = {name: value for name, value in state.items() if not name.startswith(OPTIMIZER)}
        moments = {name.removeprefix(OPTIMIZER): at for name, at in state.items() if name.startswith(OPTIMIZER)}
        # Of the best weights there are none, and the optimizer begins anew.
        anew = moments or {name: np.zeros_like(value) for name, value in self.engine.training_state().items()}
        self.engine.load_trained(weights, anew)
        self.next_batch, self.evaluated_tokens = -1, self.facts["tokens"]

    def evaluate(self) -> dict[str, float]:
        columns = len(self.groups)
        summed = sum((self.engine.losses(batch, columns) for batch in self.eval_batches), np.zeros(columns))
        self.by_column = (summed if self.group is None else self.group.total(summed)) / self.held_out
        return {"": float(np.sum(self.by_column))}

    def kept(self) -> State:
        self.facts["best_columns"] = self.by_column.tolist()
        return self.engine.trained()

    def measures(self, step: int, steps: int, seconds: float) -> dict[str, float]:
        tokens, self.evaluated_tokens = self.facts["tokens"] - self.evaluated_tokens, self.facts["tokens"]
        rate = round(tokens / max(seconds, 1e-9), 1)
        return {"learning_rate": self.rate(step - 1), "tokens_per_second": rate}

    def finish(self, best: State) -> State:
        self.engine.load_trained(best)
        self.engine.finish_training()
        return best


def learning_rate(plan: Plan, step: int) -> float:
    """The rate of update number ``step``, the first being 0."""
    warm_up = max(1, round(plan.steps * WARM_UP_SHARE))
    return warm_cosine(plan.learning_rate, step, plan.steps, warm_up=warm_up, final=FINAL_SHARE)


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
