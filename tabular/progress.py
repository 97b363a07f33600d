"""How long work tells of itself: a silent reporter, and a rich progress bar with rate and time left."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .terminal import plain, terminal

__all__ = ["Reporter", "RichReporter", "Task"]


class Task:
    """One running piece of work. This base class says nothing.

    Example:
        >>> class Counted(Task):
        ...     done = 0.0
        ...
        ...     def advance(self, amount=1, text=""):
        ...         self.done += amount
        >>> task = Counted()
        >>> for _ in range(3):
        ...     task.advance(2)
        >>> task.done
        6.0
    """

    def advance(self, amount: float = 1, text: str = "") -> None:
        """``amount`` more units are done; ``text`` is a short state such as ``loss 1.234``."""

    def extend(self, amount: float) -> None:
        """``amount`` more units are to be done than was said before."""

    def finish(self, text: str = "") -> None:
        """The work ended, maybe before its total (an early stop)."""


class Reporter:
    """Where work reports to. This base class is silent: the default of every library call.

    Example:
        >>> class Losses(Reporter):
        ...     seen = ()
        ...
        ...     def evaluated(self, entry):
        ...         self.seen += (entry["step"],)
        >>> reporter = Losses()
        >>> reporter.evaluated({"step": 100, "loss": 1.5})
        >>> reporter.seen
        (100,)
    """

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        """Report ``total`` units (``"rows"``, ``"steps"``) of work done inside the ``with`` block."""
        yield Task()

    def evaluated(self, entry: Mapping[str, float]) -> None:
        """One evaluation of a fit, as its history has it: ``step``, losses, ``seconds`` and more."""

    def note(self, message: str) -> None:
        """One line worth reading that is not progress."""

    def warn(self, message: str) -> None:
        """One line that must not be missed. Where no reporter shows it, Python's own warnings do."""
        warnings.warn(message, stacklevel=3)


class RichReporter(Reporter):
    """Bars on standard error where it is a terminal; only the notes where it is not.

    Example:
        >>> reporter = RichReporter(quiet=True)
        >>> with reporter.task("fitting", total=2, unit="steps") as task:
        ...     for _ in range(2):
        ...         task.advance()
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = terminal(stderr=True, quiet=quiet)
        self._warned: set[str] = set()

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        if not self.console.is_terminal:
            yield Task()
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}"),
            TextColumn("{task.fields[rate]}", style="cyan", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}", markup=False),
        )
        with Progress(*columns, console=self.console) as bars:
            yield _Bar(bars, plain(label), total, unit)

    def note(self, message: str) -> None:
        self.console.print(plain(message), markup=False)

    def warn(self, message: str) -> None:
        if message not in self._warned:  # several generators may say the same of one table
            self._warned.add(message)
            self.console.print(plain(message), style="bold red", markup=False, soft_wrap=True)


class _Bar(Task):
    def __init__(self, bars: Any, label: str, total: float, unit: str) -> None:
        self.bars, self.unit = bars, unit
        self.id = bars.add_task(label, total=total, unit=unit, rate="", text="")

    def advance(self, amount: float = 1, text: str = "") -> None:
        speed = self.bars.tasks[self.id].speed
        rate = f"{speed:,.0f} {self.unit}/s" if speed and speed >= 10 else f"{speed:.2f} {self.unit}/s" if speed else ""
        self.bars.update(self.id, advance=amount, rate=rate, **({"text": text} if text else {}))

    def extend(self, amount: float) -> None:
        self.bars.update(self.id, total=(self.bars.tasks[self.id].total or 0) + amount)

    def finish(self, text: str = "") -> None:
        done = self.bars.tasks[self.id].completed
        self.bars.update(self.id, total=done, **({"text": text} if text else {}))
