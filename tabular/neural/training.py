"""The training loop of every generator here: progress, checkpoints, and what to do when a loss diverges."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import TabllmError
from ..progress import Reporter
from ..storage.checkpoint import Checkpoint, deferred_interrupt
from ..storage.learning_curve import LearningCurve

__all__ = ["LOOKS", "Learner", "Plan", "fingerprint_of", "train"]

#: Looks at the loss, evenly spaced: there the device is waited for, the state is kept, and a fit can be resumed.
LOOKS = 50
#: So often a diverging fit goes back to its last good state with half the step size.
MOST_RESTARTS = 5


class Learner(Protocol):
    """What the loop needs of a model in training."""

    def begin_interval(self, seed: int) -> None:
        """Draw everything random from ``seed`` from here on."""

    def step(self, number: int) -> Tensor | None:
        """Update number ``number`` (from 0): the loss, a scalar that stays on the device; ``None`` if it is private, or
        not told this time. The first of an interval is told, or none is."""

    def slow_down(self) -> None:
        """Halve the step size."""

    def state(self) -> dict[str, Tensor]:
        """Every tensor that the next step depends on: weights, averages, moments."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what :meth:`state` gave."""

    def judge(self) -> dict[str, Tensor]:
        """The loss on rows that are not learned, a scalar for each part of the network that is judged by itself:
        what the names of its weights begin with -> its loss. Nothing where nothing is held out."""

    def kept(self) -> dict[str, Tensor]:
        """The weights that rows would be made with now, by name."""

    def finish(self, weights: Mapping[str, Tensor]) -> None:
        """Training is over: leave ``weights``, by name, in the network."""


@dataclass(frozen=True)
class Plan:
    """What a training run does.

    Attributes:
        steps: updates at most.
        seed: of all that is random in it.
        patience: looks in a row that may bring no part of the network forward before training ends; only where the
            learner holds rows out.
    """

    steps: int
    seed: int
    patience: int = LOOKS

    @property
    def look_every(self) -> int:
        """Updates between two looks."""
        return max(1, math.ceil(self.steps / LOOKS))


@dataclass
class _State:
    step: int = 0
    seconds: float = 0.0
    restarts: int = 0
    best: dict[str, float] = field(default_factory=dict)
    looks_since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def fingerprint_of(settings: Mapping[str, Any], *arrays: np.ndarray) -> str:
    """A digest of the settings and the data: what a checkpoint must agree with."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def train(
    learner: Learner,
    plan: Plan,
    *,
    fingerprint: str,
    progress: Reporter,
    checkpoint: str | Path | None = None,
) -> tuple[list[dict[str, float]], int]:
    """Run ``plan`` and return (one entry per look, how often the fit had to restart).

    With ``checkpoint`` (a folder) the state is written there at the looks and at Ctrl-C; the same call goes on
    from it to the same result.

    Raises:
        KeyboardInterrupt: after the checkpoint is written.
        TabllmError: if the loss diverges though the step size was halved :data:`MOST_RESTARTS` times.
    """
    saved = Checkpoint(checkpoint, fingerprint) if checkpoint else None
    run = _State()
    best: dict[str, Tensor] = {}
    if saved is not None and (found := saved.read()) is not None:
        with saved.taking_up():
            run = _State(**found[2])
            learner.restore({name: torch.from_numpy(value) for name, value in found[0].items()})
            best = {name: torch.from_numpy(value) for name, value in found[1].items()}
        for _ in range(run.restarts):
            learner.slow_down()
        progress.note(f"Going on from step {run.step:,} of {plan.steps:,}.")
    good = _copy(learner.state())
    started = time.perf_counter() - run.seconds
    curve = LearningCurve(checkpoint, progress)
    with progress.task("Learning", plan.steps, "steps") as task, deferred_interrupt() as interrupted:
        task.advance(run.step)
        while run.step < plan.steps and run.looks_since_best < plan.patience:
            count = min(plan.look_every, plan.steps - run.step)
            learner.begin_interval(_interval_seed(plan.seed, run.step, run.restarts))
            losses: list[Tensor] = []
            for number in range(run.step, run.step + count):
                if (loss := learner.step(number)) is not None:
                    losses.append(loss)
                task.advance(1)
                if interrupted():
                    break
            if interrupted():
                if saved is not None and run.step:
                    saved.write(_arrays(good), _arrays(best), asdict(run))
                raise KeyboardInterrupt
            mean = float(torch.stack(losses).mean()) if losses else None
            if not (math.isfinite(mean or 0.0) and _all_finite(learner.state())):
                run.restarts += 1
                if run.restarts > MOST_RESTARTS:
                    raise TabllmError(
                        f"Training diverged at step {run.step:,} and again at {MOST_RESTARTS} smaller step sizes; "
                        "take a smaller --learning-rate."
                    )
                learner.restore(good)
                learner.slow_down()
                task.advance(-count)
                progress.note(f"The loss diverged after step {run.step:,}: going on from there at half the step size.")
                continue
            run.step += count
            run.seconds = time.perf_counter() - started
            told = {} if mean is None else {"train_loss": mean}
            look = {"step": run.step, **told, "seconds": round(run.seconds, 3)}
            good = _copy(learner.state())
            if judged := {part: float(loss) for part, loss in learner.judge().items()}:
                look["held_out_loss"] = sum(judged.values())
                better = tuple(part for part, loss in judged.items() if loss < run.best.get(part, math.inf))
                run.best |= {part: judged[part] for part in better}
                run.looks_since_best = 0 if better else run.looks_since_best + 1
                best |= _copy({name: value for name, value in learner.kept().items() if name.startswith(better)})
            run.history.append(look)
            curve.evaluated(run.history)
            shown = look.get("held_out_loss", mean)
            task.advance(0, "" if shown is None else f"loss {shown:.3f}")
            if saved is not None and run.step < plan.steps:
                saved.write(_arrays(good), _arrays(best), asdict(run))
        task.finish()
    learner.finish({**learner.kept(), **best})
    return run.history, run.restarts


def _interval_seed(seed: int, step: int, restarts: int) -> int:
    return int(np.random.SeedSequence([seed, step, restarts]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _arrays(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.cpu().numpy() for name, value in state.items()}


def _all_finite(state: Mapping[str, Tensor]) -> bool:
    checks = [value.isfinite().all() for value in state.values() if value.is_floating_point()]
    return bool(torch.stack(checks).all()) if checks else True
