"""One trial, from its settings to its scores: the same in this process and in a worker of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pandas as pd

from tabular.errors import TabllmError
from tabular.progress import Task
from tabular.registry import create
from tabular.schema import Schema
from tabular.search_space import SearchSpace

from .deadline import Clock, TrialReporter
from .judging import Facts, Judge
from .length import SCREEN, Length, length_of_fit
from .trials import Search, Trial

__all__ = ["Tried", "Trying", "TryingWorker"]


@dataclass(frozen=True)
class Tried:
    """What came of a trial.

    Attributes:
        trial: with its outcome.
        screened: its score after a short training, where it had one.
    """

    trial: Trial
    screened: float | None = None


@dataclass
class Trying:
    """What trials of a search are made by.

    Attributes:
        train: the rows that generators learn, by ``schema``.
        made_rows: that each fit makes.
    """

    search: Search
    train: pd.DataFrame
    schema: Schema
    space: SearchSpace
    length: Length
    made_rows: int
    judge: Judge

    def tried(self, begun: Trial, stop_below: float | None, reporter: TrialReporter) -> Tried:
        """The trial whose number and settings are ``begun``.

        Args:
            stop_below: a score after a short training below which it is stopped; ``None`` for none.

        Raises:
            OutOfTime: if the minutes are over.
        """
        screened: list[float] = []

        def work() -> Trial:
            seeds = [self.search.seed + number for number in range(self.search.repeats)]
            if self.length.option is not None:
                settings = {**self.space.screen, **begun.settings}
                facts, seconds = self._fitted(settings, self.length.part(SCREEN), seeds[0], reporter)
                scores = self.judge.score([facts])
                screened.append(scores.score)
                if stop_below is not None and scores.score < stop_below:
                    return replace(begun, outcome="stopped", scores=scores, facts=(facts,), fit_seconds=seconds)
            fits = [self._fitted(begun.settings, self.length.part(1.0), seed, reporter) for seed in seeds]
            found = tuple(facts for facts, _ in fits)
            seconds = round(fmean(seconds for _, seconds in fits), 2)
            return replace(begun, scores=self.judge.score(found), facts=found, fit_seconds=seconds)

        return Tried(_guarded(begun, work), screened[0] if screened else None)

    def confirmed(self, trial: Trial, reporter: TrialReporter) -> Trial:
        """``trial`` fitted for as long as a fit would be, with a seed that no trial had."""
        begun = replace(trial, scores=None, facts=(), fit_seconds=None)
        seed = self.search.seed + self.search.repeats

        def work() -> Trial:
            facts, seconds = self._fitted(trial.settings, self.length_of_fit(trial, len(self.train)), seed, reporter)
            return replace(begun, scores=self.judge.score([facts]), facts=(facts,), fit_seconds=seconds)

        return _guarded(begun, work)

    def _fitted(
        self, settings: Mapping[str, Any], length: Mapping[str, Any], seed: int, reporter: TrialReporter
    ) -> tuple[Facts, float]:
        """The facts of one fit of some length, and its seconds."""
        reporter.clock.check()
        started = time.perf_counter()
        options = {**settings, **self.search.fixed, **length}
        learned = create(self.search.model, seed=seed, **options).fit(self.train, schema=self.schema, progress=reporter)
        seconds = round(time.perf_counter() - started, 2)
        made = learned.sample(self.made_rows, progress=reporter)
        reporter.clock.check()
        return self.judge.measure(made), seconds

    def length_of_fit(self, trial: Trial, rows: int) -> dict[str, Any]:
        """The length of a fit to ``rows`` rows with the settings of ``trial``."""
        search = self.search
        return length_of_fit(
            search.model, rows, trial.settings, epochs=search.epochs, steps=search.steps, fixed=search.fixed
        )


def _guarded(trial: Trial, work: Callable[[], Trial]) -> Trial:
    """What ``work`` gives, or ``trial`` as one that failed."""
    try:
        return work()
    except TabllmError as error:
        return replace(trial, outcome="failed", error=str(error))
    except (RuntimeError, MemoryError, ArithmeticError, ValueError) as error:  # a fault of these settings alone
        return replace(trial, outcome="failed", error=f"{type(error).__name__}: {error}")


class TryingWorker:
    """Makes trials on a worker of a cluster, with one thread; the time is seen to by who asks.

    Args:
        trying: what they are made by.
    """

    def __init__(self, trying: Trying) -> None:
        self.trying = trying

    def make(self, trial: Trial, stop_below: float | None, final: bool) -> Tried:
        """``trial`` tried, or confirmed where this is the ``final`` fit."""
        from ..cluster.working import one_thread

        reporter = TrialReporter(Clock(None), Task(), f"trial {trial.number}")
        with one_thread():
            if final:
                return Tried(self.trying.confirmed(trial, reporter))
            return self.trying.tried(trial, stop_below, reporter)
