"""A reporter that says early in a fit how long it will take, where that is long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import Reporter, Task

__all__ = ["tell_long_fits"]

#: A fit is called long from so many seconds on.
LONG_SECONDS = 600.0
#: It is estimated after so many seconds, and so many updates behind the first, which is slower than the others.
WATCHED_SECONDS, WATCHED_UPDATES = 10.0, 3


def tell_long_fits(reporter: Reporter) -> Reporter:
    """``reporter``, with a note where the updates of a fit will take more than :data:`LONG_SECONDS`."""
    return _LongFits(reporter)


class _LongFits(Reporter):
    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        # Not by methods of our own: Python's warnings name the caller by how many calls lie between.
        self.evaluated, self.note, self.warn = reporter.evaluated, reporter.note, reporter.warn  # type: ignore[method-assign]

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        with self.reporter.task(label, total, unit) as task:
            yield _Watched(task, total, self.reporter) if unit == "steps" else task


class _Watched(Task):
    """Passes on what it is notified of, and estimates the time of all updates from that of the first ones."""

    def __init__(self, task: Task, total: float, reporter: Reporter) -> None:
        self.task, self.total, self.reporter = task, total, reporter
        self.extend, self.finish = task.extend, task.finish  # type: ignore[method-assign]
        self.done, self.first, self.estimated = 0.0, (0.0, 0.0), False

    def advance(self, amount: float = 1, text: str = "") -> None:
        self.task.advance(amount, text)
        if self.estimated or not amount:
            return
        # What a resumed fit has behind it is reported at once, and the first update may load or compile something.
        if amount != 1 or not self.first[1]:
            self.done += amount
            if amount == 1:
                self.first = self.done, time.perf_counter()
            return
        self.done += 1
        updates, seconds = self.done - self.first[0], time.perf_counter() - self.first[1]
        if updates < WATCHED_UPDATES or seconds < WATCHED_SECONDS:
            return
        self.estimated = True
        left = (self.total - self.done) * seconds / updates
        if left > LONG_SECONDS:
            self.reporter.note(
                f"{self.total - self.done:,.0f} updates of {seconds / updates:.1f} s each will take about "
                f"{left / 60:,.0f} minutes, fewer if the validation loss stops improving; --steps makes fewer updates, "
                "and --drop leaves columns out."
            )
