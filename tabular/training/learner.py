"""What the training loop needs of a model in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

__all__ = ["Learner", "State"]

#: Arrays of a learner's library by name.
State = dict[str, Any]


class Learner(ABC):
    """One model with its optimizer and its rows. Losses stay on the device until an evaluation.

    Attributes:
        steps_per_epoch: updates of a pass over the rows; ``None`` where the history does not tell epochs.
        facts: plain JSON data that a checkpoint keeps beside the state.
    """

    #: What progress calls the work.
    label: ClassVar[str] = "Learning"
    #: Whether a fit can go on from between two evaluations, to the same result.
    resumes_anywhere: ClassVar[bool] = True
    #: Whether updates that are taken back count all the same, as private ones do, whose noise is spent.
    counts_lost_updates: ClassVar[bool] = False
    #: Whether the model is evaluated before its first update.
    evaluates_first: ClassVar[bool] = False
    #: Whether the state is too large to be kept twice. Training that diverges then goes back to the best weights,
    #: which :meth:`restore` takes in place of a state.
    returns_to_best: ClassVar[bool] = False
    #: Whether an update that ran out of memory has changed nothing, so that it can be made again by itself. Else
    #: training goes back to its last good state.
    redoes_updates: ClassVar[bool] = True
    #: Seconds between two checkpoints at least.
    checkpoint_seconds: ClassVar[float] = 0.0

    steps_per_epoch: float | None = None

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def begin(self) -> None:
        """Make ready for the first update; :meth:`restore` is called instead where there is a checkpoint."""
        return

    def begin_interval(self, seed: int) -> None:
        """The updates up to the next evaluation begin, whose draws ``seed`` fixes where they do not depend on the
        update's number alone."""
        return

    @abstractmethod
    def step(self, number: int) -> Any | None:
        """Update number ``number`` (from 0): its loss, a scalar on the device, or ``None`` if it is not reported. The
        first one of an interval is reported, or none is."""

    def halve_batch(self) -> int | None:
        """Let batches go through the model in micro-batches of half as many rows, after an update ran out of memory, of
        which nothing may be left where :attr:`redoes_updates` is set: how many rows those have, or ``None`` where they
        cannot be smaller."""
        return None

    def mean(self, losses: Sequence[Any]) -> float:
        """The mean of some losses of :meth:`step`; waits for the device."""
        return float(np.mean([float(loss) for loss in losses]))

    @abstractmethod
    def slow_down(self) -> None:
        """Halve the step size of all updates from here on."""

    def is_finite(self) -> bool:
        """Whether all weights are numbers. What is evaluated on held-out rows need not look."""
        return True

    @abstractmethod
    def state(self) -> State:
        """A copy of everything that the next update depends on: weights, averages, moments."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what :meth:`state` gave, or to the same as numpy arrays."""

    def on_host(self, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """``state`` as numpy arrays."""
        return dict(state)

    def evaluate(self) -> dict[str, float]:
        """The loss on held-out rows of each part of the network that is kept by itself: what the names of its weights
        begin with -> its loss. Nothing where no rows are held out."""
        return {}

    def kept(self) -> State:
        """A copy of the weights that rows would be made with now, by name; called after :meth:`evaluate`."""
        return {}

    def measures(self, step: int, steps: int, seconds: float) -> dict[str, float]:
        """More of an evaluation's entry in the history, after update ``step``: the last ``steps`` updates took
        ``seconds``."""
        return {}

    def finish(self, best: State) -> State:
        """Training is over: the weights that rows are made with.

        Args:
            best: those that served held-out rows best, of the parts that were evaluated.
        """
        return best
