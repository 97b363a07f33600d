"""A trial's work under a clock: its progress goes into the bar of the whole search, and it ends when the time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tabular.progress import Reporter, Task

__all__ = ["Clock", "OutOfTime", "TrialReporter"]


class OutOfTime(Exception):
    """The minutes that were given are over."""


class Clock:
    """Counts down ``minutes`` from now; never ends if they are ``None``."""

    def __init__(self, minutes: float | None) -> None:
        self.minutes, self.started = minutes, time.monotonic()

    @property
    def elapsed_minutes(self) -> float:
        """Since the clock was made."""
        return (time.monotonic() - self.started) / 60

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.minutes is not None and self.elapsed_minutes >= self.minutes

    def check(self) -> None:
        """Raise :class:`OutOfTime` if the time is up."""
        if self.is_over:
            raise OutOfTime

    def left(self) -> str:
        """``"12 min left"``, or nothing where there is no end."""
        if self.minutes is None:
            return ""
        return f"{max(self.minutes - self.elapsed_minutes, 0):.0f} min left"


class TrialReporter(Reporter):
    """What the generator of one trial reports to.

    Args:
        bar: the search's own task, which says in words where the trial stands.
        label: of the trial.
    """

    def __init__(self, clock: Clock, bar: Task, label: str) -> None:
        self.clock, self.bar, self.label = clock, bar, label

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        yield _Watched(self, label.lower(), total)

    def warn(self, message: str) -> None:
        """Left to the fit that takes the settings: a trial's rows are thrown away."""


class _Watched(Task):
    def __init__(self, reporter: TrialReporter, label: str, total: float) -> None:
        self.reporter, self.label, self.total, self.done, self.reported = reporter, label, max(total, 1), 0.0, -1

    def advance(self, amount: float = 1, text: str = "") -> None:
        self.reporter.clock.check()
        self.done += amount
        percent = int(100 * self.done / self.total)
        if percent != self.reported:  # a bar that is notified of every step would cost more than the step
            self.reported = percent
            self.reporter.bar.advance(0, f"{self.reporter.label}, {self.label} {percent} %")
