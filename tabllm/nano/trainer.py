"""The training of ``nano``; the same for every engine.

One cosine from ``learning_rate`` to nearly zero over the planned steps, a moving average of the weights, and
a held-out part of the rows that says which average to keep, how far to trust each field, and when to stop. The loop
itself is :func:`tabular.training.loop.train`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tabular.pacing import MANY_COLUMNS, updates_for
from tabular.personal.people import People
from tabular.progress import Reporter
from tabular.training import loop
from tabular.training.learner import Learner, State
from tabular.training.plan import BatchPlan, fingerprint_of, planned_steps, warm_cosine

from ..decoding.orders import draw_orders
from ..parallel.group import Group
from .engines.base import NanoEngine
from .engines.rank_kernel import Kernels
from .holdout import hold_out

__all__ = ["EngineLearner", "Plan", "Trained", "plan_training", "rate_at", "train"]

#: Fraction of rows that are learned in plain field order; the others learn to be given columns. (0.8 was worth 0.05
#: nats in plain order on California housing, and cost 0.3 where columns are given. 0.9 brought detection there from .93
#: to .95, and prices imputed in four completions from an R2 of .78 down to .75.)
PLAIN_SHARE = 0.6
#: Passes over the rows by default, and the bounds on the steps that this makes; the lowest of a wide table.
DEFAULT_EPOCHS, MIN_STEPS, MAX_STEPS, MIN_WIDE_STEPS = 7, 600, 4000, 400
#: Rows per update at most; a table of few rows gets fewer. On Adult and on Online Shoppers 128 cost as much per
#: row as 256 and gave rows that were more useful to train on.
MAX_BATCH = 128
#: At least so many, but of a wide table :data:`MIN_BATCH`.
SOME_ROWS = 16
#: Cells per update at most: what a layer keeps of more for its gradient takes over a gigabyte. At least so many rows.
MAX_CELLS, MIN_BATCH = 1 << 14, 8
#: Training stops when the held-out loss has not improved at this many evaluations in a row.
PATIENCE = 3
#: Fractions of a field's logits that are tried on the held-out rows, and the gain in nats from which less than the
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


@dataclass(frozen=True, kw_only=True)
class Plan(BatchPlan):
    """What a training run does; part of what a checkpoint must agree with.

    Attributes:
        plain_share: fraction of the rows that are learned in plain field order; 1 where what is given is always the
            first fields.
    """

    held_out: ClassVar[tuple[float, int]] = (0.05, 8192)
    patience: int = PATIENCE
    plain_share: float = PLAIN_SHARE


@dataclass(frozen=True)
class Trained(loop.Trained):
    """What came of a training run, losses in nats per row.

    Attributes:
        people: whom the rows were found to belong to, by their fields; some were held out whole.
    """

    people: People | None = None


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
    per_epoch = Plan.steps_per_epoch(rows, batch_rows)
    least = updates_for(columns, MIN_STEPS, MIN_WIDE_STEPS)
    steps = planned_steps(steps, epochs, per_epoch, DEFAULT_EPOCHS, (least, MAX_STEPS))
    return Plan(
        steps=steps,
        eval_every=int(np.clip(per_epoch, max(1, steps // 20), 400)),
        learning_rate=learning_rate,
        seed=seed,
        patience=PATIENCE,
        batch_rows=batch_rows,
    )


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
    owners: np.ndarray | None = None,
) -> Trained:
    """Fit ``engine`` to ``tokens`` (int32[rows, fields]); ``groups`` gives the column of each field.

    With ``checkpoint`` (a folder), what is needed to go on is written there at each evaluation and at Ctrl-C,
    and a run with the same data, plan and settings goes on from it, to the same result.

    Args:
        settings: of the generator, plain JSON data.
        kernels: smooth the rows of an ordered field's tokens, see :mod:`.engines.rank_kernel`.
        orthogonal: update the layers' matrices as :mod:`.engines.orthogonal` says.
        group: the processes that this fit is spread over, as for :func:`tabllm.lm.training.trainer.train`.
        owners: int64[rows] from 0, whose row each is: all rows of one are held out together. Found if absent.

    Raises:
        KeyboardInterrupt: after the checkpoint is written.
        TabllmError: if the loss is no longer a number, and was none at smaller step sizes.
        UsageError: if the processes have different data or settings.
        LostProcess: if another process ended.
    """
    learner = NanoLearner(
        engine, tokens, groups, plan, kernels=kernels, orthogonal=orthogonal, group=group, owners=owners
    )
    used = {**(settings or {}), **({"orthogonal": True} if orthogonal else {})}
    described = {"plan": asdict(plan), "config": engine.config.to_dict(), "groups": np.asarray(groups).tolist()}
    known = () if owners is None else (owners,)
    fingerprint = fingerprint_of({**described, "settings": used}, tokens, *(kernels or {}).values(), *known)
    if group is not None:
        group.check_same(engine.name, fingerprint)
    done = loop.train(learner, plan, fingerprint=fingerprint, progress=progress, checkpoint=checkpoint, processes=group)
    return Trained(**vars(done), people=learner.people)


class EngineLearner(Learner):
    """An engine in training, whose state the loop keeps on the host.

    Args:
        options: of :meth:`.NanoEngine.start_training`, beside those that all trainings have.
    """

    def __init__(self, engine: NanoEngine, plan: Plan, **options: Any) -> None:
        super().__init__()
        self.engine, self.plan, self.factor = engine, plan, 1.0
        self.options = {"weight_decay": WEIGHT_DECAY, "average": AVERAGE_DECAY, **options}

    def begin(self) -> None:
        self.engine.start_training(state=None, **self.options)

    def restore(self, state: Mapping[str, Any]) -> None:
        self.engine.start_training(state=state, **self.options)

    def state(self) -> State:
        return self.engine.training_state()

    def slow_down(self) -> None:
        self.factor /= 2

    def rate(self, step: int) -> float:
        """The step size of update ``step``."""
        return rate_at(self.plan, step) * self.factor


class NanoLearner(EngineLearner):
    """Learns the rows that are not held out, and is evaluated on those that are.

    Args:
        tokens, groups, group, owners: see :func:`train`.
        options: see :class:`EngineLearner`.

    Attributes:
        people: whom the rows were found to belong to.
    """

    def __init__(
        self,
        engine: NanoEngine,
        tokens: np.ndarray,
        groups: np.ndarray,
        plan: Plan,
        *,
        group: Group | None,
        owners: np.ndarray | None = None,
        **options: Any,
    ) -> None:
        super().__init__(engine, plan, **options)
        self.groups, self.group = groups, group
        self.mine = slice(None) if group is None else slice(group.rank, None, group.size)
        shuffled = np.random.default_rng([plan.seed, 0]).permutation(len(tokens))
        held, self.people = hold_out(tokens, shuffled, Plan.held_out_rows(len(tokens)), owners)
        # Rows may lie on the disk: those that are learned are read batch by batch.
        unseen = tokens[shuffled[held[shuffled]]].astype(np.int64)
        self.tokens, self.seen = tokens, shuffled[~held[shuffled]]
        self.held_out, orders = len(unseen), [np.tile(np.arange(unseen.shape[1]), (len(unseen), 1))]
        if plan.plain_share < 1:  # rows are learned in other orders, too
            orders.append(draw_orders(len(unseen), groups, plain_share=0.0, rng=np.random.default_rng([plan.seed, 1])))
        self.evaluated = len(orders) * len(unseen)
        self.eval_tokens = np.concatenate([unseen] * len(orders))[self.mine]
        self.eval_orders = np.concatenate(orders)[self.mine]
        self.marginal = engine.numpy_weights()["head.bias"]
        self.steps_per_epoch: int = max(1, len(self.seen) // plan.batch_rows)
        self.pieces = 1
        self.step_tokens = min(plan.batch_rows, len(self.seen)) * tokens.shape[1]
        self.epoch, self.order_of_rows = -1, np.empty(0, np.int64)

    def step(self, number: int) -> Any:
        plan, epoch = self.plan, number // self.steps_per_epoch
        if epoch != self.epoch:
            self.epoch = epoch
            self.order_of_rows = np.random.default_rng([plan.seed, 2, epoch]).permutation(len(self.seen))
        begin = number % self.steps_per_epoch * plan.batch_rows
        rows = self.tokens[self.seen[self.order_of_rows[begin : begin + plan.batch_rows]]].astype(np.int64)
        rng = np.random.default_rng([plan.seed, 3, number])
        orders = draw_orders(len(rows), self.groups, plain_share=plan.plain_share, rng=rng)
        mine, rate = (rows[self.mine], orders[self.mine]), self.rate(number)
        return self.engine.train_step(*mine, rate, len(rows), self.group, self.pieces)

    def halve_batch(self) -> int | None:
        """Half the rows; not in a fit of several processes, of which the others know nothing of it."""
        most = self.plan.batch_rows
        if self.group is not None or self.pieces >= most or not self.engine.drop_gradients():
            return None
        self.pieces = min(2 * self.pieces, most)
        return -(-most // self.pieces)

    def evaluate(self) -> dict[str, float]:
        losses = _losses(self.engine, self.eval_tokens, self.eval_orders, self.evaluated, self.group)
        self.choice = _chosen_shares(losses, self.held_out, () if self.people is None else self.people.columns)
        return {"": float(np.take_along_axis(losses, self.choice[None], axis=0).sum())}

    def kept(self) -> State:
        return _shrunk(self.engine.averaged(), self.marginal, self.engine.config.offsets, self.choice)

    def measures(self, step: int, steps: int, seconds: float) -> dict[str, float]:
        return {
            "learning_rate": self.rate(step - 1),
            "tokens_per_second": round(steps * self.step_tokens / max(seconds, 1e-9), 1),
        }


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
    fraction = np.repeat(np.asarray(SHARES, np.float32)[choice], np.diff(offsets))
    bias = fraction * weights["head.bias"] + (1 - fraction) * marginal
    return {**weights, "head.weight": weights["head.weight"] * fraction[:, None], "head.bias": bias}


def rate_at(plan: Plan, step: int) -> float:
    """The step size of an update: a short rise, then a cosine."""
    warm_up = min(WARM_UP_STEPS, max(1, plan.steps // 10))
    return warm_cosine(plan.learning_rate, step, plan.steps, warm_up=warm_up, final=FINAL_SHARE)
