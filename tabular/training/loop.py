"""The training loop: updates, evaluations, checkpoints, Ctrl-C, and what happens when a loss is not a number.

A learner (:class:`.learner.Learner`) brings the model, its rows and its updates; nothing here depends on the library
that it computes with. Between two evaluations no value is waited for.
"""

from __future__ import annotations

import contextlib
import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NoMemoryError, TabllmError
from ..machine.memory import is_out_of_memory
from ..progress import Reporter
from ..storage.checkpoint import Checkpoint, deferred_interrupt
from ..storage.learning_curve import LearningCurve
from .learner import Learner, State
from .plan import Plan
from .processes import Processes

__all__ = ["MOST_RESTARTS", "Trained", "train"]

#: How often training that diverges goes back to its last good state at half the step size.
MOST_RESTARTS = 6
#: The most seconds without a checkpoint, where evaluations are further apart than that.
MOST_CHECKPOINT_SECONDS = 600.0


@dataclass(frozen=True)
class Trained:
    """What came of a training run.

    Attributes:
        weights: that rows are made with, by name: those that served held-out rows best, or the last.
        history: one entry per evaluation: step, epoch, losses, seconds since the start, and what the learner measures.
        steps: updates made.
        restarts: how often the loss was not a number, and training went back at half the step size.
        stopped_early: whether the held-out loss ended the run before its planned steps.
    """

    weights: State
    history: list[dict[str, float]]
    steps: int
    restarts: int
    stopped_early: bool


def train(
    learner: Learner,
    plan: Plan,
    *,
    fingerprint: str,
    progress: Reporter,
    checkpoint: str | Path | None = None,
    processes: Processes | None = None,
) -> Trained:
    """Train ``learner`` as ``plan`` says.

    With ``checkpoint`` (a folder) what is needed to go on is written there at evaluations and at Ctrl-C; the same call
    goes on from it to the same result. Where a loss or a weight is not a number, training goes back to the last good
    state, and on at half the step size.

    Args:
        fingerprint: of the rows and the settings; a checkpoint of others is left alone.
        processes: that this fit is spread over, all of which call this. The first reads and writes checkpoints.

    Raises:
        KeyboardInterrupt: after the checkpoint is written.
        RunError: for a checkpoint that cannot be gone on from.
        NoMemoryError: if an update needs more memory than there is, in micro-batches as small as they can be.
        TabllmError: if the loss is no longer a number though the step size was halved :data:`MOST_RESTARTS` times.
    """
    processes = processes or Processes()
    folder = checkpoint if processes.leads else None
    saved = None if folder is None else Checkpoint(folder, fingerprint)
    return _Run(learner, plan, progress, processes, saved, LearningCurve(folder, progress)).train()


@dataclass
class _Facts:
    """Where a run stands, as plain JSON data: what a checkpoint holds beside arrays."""

    step: int = 0
    seconds: float = 0.0
    restarts: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    evals_since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    learner: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Point:
    """A state of the learner that training can go on from."""

    step: int
    evals_since_best: int
    state: Mapping[str, Any]


@dataclass
class _Run:
    learner: Learner
    plan: Plan
    progress: Reporter
    processes: Processes
    checkpoint: Checkpoint | None
    curve: LearningCurve
    facts: _Facts = field(default_factory=_Facts)
    best: State = field(default_factory=dict)
    losses: list[Any] = field(default_factory=list)

    def train(self) -> Trained:
        self._begin()
        learner, plan = self.learner, self.plan
        with self.progress.task(learner.label, plan.steps, "steps") as task, deferred_interrupt() as interrupted:
            task.advance(self.facts.step)
            if learner.evaluates_first and self.facts.step == 0 and self._evaluated() is None:
                raise TabllmError(
                    "The loss of the model is not a number before the first update: its weights are damaged."
                )
            begins = True
            while self.facts.step < plan.steps and self.facts.evals_since_best < plan.patience:
                if begins:
                    learner.begin_interval(_interval_seed(plan.seed, self.facts.step, self.facts.restarts))
                try:
                    loss = learner.step(self.facts.step)
                except (RuntimeError, MemoryError) as error:
                    begins = self._make_smaller(error)
                    task.advance(-self._return() if begins else 0)
                    continue
                if loss is not None:
                    self.losses.append(loss)
                self.facts.step += 1
                begins = self.facts.step % plan.eval_every == 0 or self.facts.step == plan.steps
                done, text = 1, ""
                if begins and (found := self._evaluated()) is not None:
                    text = found
                    if self._is_due(learner.checkpoint_seconds):
                        self._write(self._now() if learner.returns_to_best else self.good)
                elif begins:
                    done -= self._go_back()
                elif self._is_due(MOST_CHECKPOINT_SECONDS):
                    self._write(self._latest())
                task.advance(done, text)
                if self.processes.any(interrupted()):
                    self._write(self._latest())
                    self.processes.wait()  # nobody ends before the checkpoint is written
                    raise KeyboardInterrupt
            if not self.facts.history:  # all updates were lost, and cannot be made again
                raise self._diverged()
            task.finish()
        facts, weights = self.facts, learner.finish(self.best)
        return Trained(weights, facts.history, facts.step, facts.restarts, facts.step < plan.steps)

    def _make_smaller(self, error: RuntimeError | MemoryError) -> bool:
        """Halve the micro-batches, of which one was too large for the memory there is, and say so; whether training has
        to go back to its last good state. Anything else that went wrong is raised."""
        if not is_out_of_memory(error):
            raise error
        traceback.clear_frames(error.__traceback__)  # they hold what there was no memory for
        rows = self.learner.halve_batch()
        if rows is None:
            raise self._without_memory() from error
        back = not self.learner.redoes_updates
        self.progress.note(
            f"Out of memory after {self.facts.step:,} steps: each batch goes through the model in micro-batches of "
            f"{rows:,} row{'s' * (rows != 1)} from {f'step {self.good.step:,}' if back else 'here'} on."
        )
        return back

    def _without_memory(self) -> NoMemoryError:
        steps, size = self.facts.step, self.processes.size
        alone = "" if size == 1 else f", and a fit in {size} processes cannot make its batches smaller by itself"
        return NoMemoryError(
            f"Out of memory after {steps:,} step{'s' * (steps != 1)}{alone}: take a smaller --batch-size, for language "
            "models a larger --accumulate, or close other programs."
        )

    def _begin(self) -> None:
        """Take up the checkpoint, if there is one, or begin anew."""
        learner = self.learner
        found = self.processes.broadcast_checkpoint(None if self.checkpoint is None else self.checkpoint.read())
        if found is None:
            learner.begin()
            state: Mapping[str, Any] = {} if learner.returns_to_best else learner.state()
        else:
            state, self.best, known = found
            with contextlib.nullcontext() if self.checkpoint is None else self.checkpoint.taking_up():
                self.facts = _Facts(**known)
                learner.facts.update(self.facts.learner)
                learner.restore(state)
            for _ in range(self.facts.restarts):
                learner.slow_down()
            self.progress.note(f"Going on from step {self.facts.step:,} of {self.plan.steps:,}.")
        self.good = _Point(self.facts.step, self.facts.evals_since_best, state)
        if learner.returns_to_best:
            self.good = _Point(self.facts.best_step, 0, self.best)
        self.written_at = self.evaluated_at = time.perf_counter()
        self.evaluated_step, self.started = self.facts.step, self.written_at - self.facts.seconds

    def _evaluated(self) -> str | None:
        """Evaluate the model, and remember its state to go back to: the loss in words, or ``None`` if it diverged."""
        learner, facts = self.learner, self.facts
        mean = learner.mean(self.losses) if self.losses else None  # waits for the device
        spent, steps = time.perf_counter() - self.evaluated_at, facts.step - self.evaluated_step
        self.losses.clear()
        if not (math.isfinite(mean or 0.0) and learner.is_finite()):
            return None
        parts = learner.evaluate()
        held_out = sum(parts.values()) if parts else None
        if not math.isfinite(held_out or 0.0):
            return None
        better = tuple(part for part, loss in parts.items() if loss < facts.best.get(part, math.inf))
        if parts:
            facts.evals_since_best = 0 if better else facts.evals_since_best + 1
        if better:
            facts.best |= {part: parts[part] for part in better}
            facts.best_step = facts.step
            self.best = self.best | {name: at for name, at in learner.kept().items() if name.startswith(better)}
        if not learner.returns_to_best:
            self.good = self._now()
        elif better:
            self.good = _Point(facts.step, 0, self.best)
        facts.seconds = time.perf_counter() - self.started
        entry = {
            "step": facts.step,
            "epoch": round(facts.step / learner.steps_per_epoch, 3) if learner.steps_per_epoch else None,
            "train_loss": mean if steps else held_out,
            "held_out_loss": held_out,
            "seconds": round(facts.seconds, 3),
            **(learner.measures(facts.step, steps, spent) if steps else {}),
        }
        facts.history.append({name: value for name, value in entry.items() if value is not None})
        self.curve.evaluated(facts.history)
        self.evaluated_step, self.evaluated_at = facts.step, time.perf_counter()
        shown = mean if held_out is None else held_out
        return "" if shown is None else f"loss {shown:.3f}"

    # -- divergence -------------------------------------------------------------------------------------------
    def _go_back(self) -> int:
        """Return to the last good state at half the step size; how many updates were taken back."""
        self.facts.restarts += 1
        if self.facts.restarts > MOST_RESTARTS:
            raise self._diverged()
        self.progress.note(
            f"After {self.facts.step:,} steps the loss was not a number: going on from step {self.good.step:,} at half "
            "the step size."
        )
        if self.learner.counts_lost_updates:
            self.good = replace(self.good, step=self.facts.step)
        back = self._return()
        self.learner.slow_down()
        return back

    def _return(self) -> int:
        """Return to the last good state; how many updates were taken back."""
        reached = self.facts.step
        self.learner.restore(self.good.state)
        self.losses.clear()
        self.facts = self._facts_at(self.good)
        self.evaluated_step, self.evaluated_at = self.facts.step, time.perf_counter()
        return reached - self.facts.step

    def _diverged(self) -> TabllmError:
        smaller = self.facts.restarts - 1
        again = f", and so it was at {smaller} smaller step size{'s' if smaller > 1 else ''}" if smaller else ""
        return TabllmError(
            f"Training diverged: after {self.facts.step:,} steps the loss is not a number{again}; take a learning rate "
            f"below {self.plan.learning_rate:g}."
        )

    # -- checkpoints ------------------------------------------------------------------------------------------
    def _now(self) -> _Point:
        return _Point(self.facts.step, self.facts.evals_since_best, self.learner.state())

    def _latest(self) -> _Point:
        """The state of now; the last good one where it has numbers that are none, or cannot be gone on from."""
        if self.checkpoint is not None and self.learner.resumes_anywhere:
            now = self._now()
            if all(np.isfinite(value).all() for value in self.learner.on_host(now.state).values()):
                return now
        return self.good

    def _is_due(self, seconds: float) -> bool:
        return self.checkpoint is not None and time.perf_counter() - self.written_at >= seconds

    def _write(self, point: _Point) -> None:
        if self.checkpoint is not None and point.step:
            on_host = self.learner.on_host
            self.checkpoint.write(on_host(point.state), on_host(self.best), asdict(self._facts_at(point)))
            self.written_at = time.perf_counter()

    def _facts_at(self, point: _Point) -> _Facts:
        return replace(
            self.facts,
            step=point.step,
            evals_since_best=point.evals_since_best,
            learner=self.learner.facts,
            seconds=time.perf_counter() - self.started,
            history=[entry for entry in self.facts.history if entry["step"] <= point.step],
        )


def _interval_seed(seed: int, step: int, restarts: int) -> int:
    return int(np.random.SeedSequence([seed, step, restarts]).generate_state(1, np.uint64)[0] >> np.uint64(1))
