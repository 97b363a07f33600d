"""The search: a tree-structured Parzen estimator proposes settings, a short fit and the evaluation judge them.

Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, in optuna's
multivariate form (Falkner, Klein and Hutter, "BOHB", ICML 2018), with the privacy guard as a constraint. Optuna cannot
prune where there are several goals, so one weighted score is sought (:mod:`.judging`), and the Pareto front over
fidelity, utility and privacy is taken from all trials afterwards.

The first trial is the generator as it comes, so the best one is never worse by this score. After a third of its
training a trial whose score is below the median of the earlier ones is stopped. Every trial is fitted with the same
seeds, and proposed from a seed of its own, so that a search that was interrupted comes to the same trials.

What is best after a short training need not be best after a long one, and the best of many scores owes some of its
lead to chance. So the best trials and the default can be confirmed: each is fitted once more, for as long as a fit
would be and with a seed that no trial had, and the best of these is taken.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from eval.preparing.trees import tell_of_trees
from tabular.errors import TabllmError, UsageError
from tabular.notebook import default_reporter
from tabular.plain_json import TEXT, Kind, check_fields, each_of, list_of, maybe, one_of, real
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter, Task
from tabular.registry import create
from tabular.schema import Schema
from tabular.search_space import SearchSpace

from ..comparing.study import holdout_split
from ..studies.workspace import fingerprint
from .deadline import Clock, OutOfTime, TrialReporter
from .judging import Facts, Judge, Scores
from .length import SCREEN, length_for, length_of_fit
from .settings import SETTINGS, write_settings
from .space import default_settings, distributions, settings_from, space_for, suggested
from .storage import STORAGE, finished, open_study, require_optuna, usable
from .trials import Found, Search, Trial, best_of, pareto_front

__all__ = ["run_search"]

#: Trials that are drawn at random before the estimator has enough to go by.
STARTUP = 8
#: Where the study keeps the trials that were confirmed.
CONFIRMED = "confirmed"
#: Rows that a trial makes at least, where it learned as many: a model of utility wants them.
LEAST_MADE = 5000


def run_search(
    table: pd.DataFrame,
    search: Search,
    folder: str | Path,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    confirm: int = 0,
    ruled: Callable[[pd.DataFrame, Schema], Schema] | None = None,
    progress: Reporter | None = None,
) -> Found:
    """Search the settings of a generator on ``table``; a fifth of its rows judges, and is learned by none.

    Args:
        folder: of the study and of ``best.json``; an earlier search of the same there is gone on with.
        trials: when to stop, those of earlier calls included.
        minutes: when to stop, counted from this call; a trial that is not done then is begun anew by the next one.
        confirm: best trials that are confirmed beside the default, when the search is over.
        ruled: (rows to learn, their schema) -> the schema with the rules that all rows are to keep.

    Raises:
        EngineError: without optuna.
        UsageError: for a model without settings to search, or a folder that holds another search.
        TabllmError: if no trial could be judged.
        KeyboardInterrupt: all that is done is kept.
    """
    if trials is None and minutes is None:
        raise UsageError("A search needs an end: say how many trials or how many minutes.")
    require_optuna()
    progress = default_reporter(progress)
    tell_of_trees(progress)
    clock = Clock(minutes)
    train, validation = holdout_split(table, search.seed, progress)
    schema = infer_schema(train)
    schema = schema if ruled is None else ruled(train, schema)
    work = _Work(search, train, validation, schema, clock)
    requested = {**asdict(search), "share": work.share, "table": fingerprint(list(table), table)}
    if schema.rules:
        requested["rules"] = [rule.text for rule in schema.rules]
    study = open_study(Path(folder), requested)
    with usable(Path(folder) / STORAGE):
        found = work.found(study, len(table))
    total, unit = (trials, "trials") if trials is not None else (minutes or 0, "minutes")
    with progress.task("Tuning", total, unit) as bar:
        if trials is not None:
            bar.advance(min(len(found.trials), trials), _state(found, clock))
        while (trials is None or len(found.trials) < trials) and not clock.is_over:
            before = clock.elapsed_minutes
            try:
                work.one_trial(study, bar)
            except OutOfTime:
                break
            found = work.found(study, len(table))
            last = found.trials[-1]
            if last.outcome == "failed":
                progress.note(f"Trial {last.number} failed: {last.error}")
            if found.best is not None:
                write_settings(Path(folder) / SETTINGS, found)
            bar.advance(1 if trials is not None else clock.elapsed_minutes - before, _state(found, clock))
        bar.finish()
    if found.best is None:
        raise TabllmError(_why_nothing(found, minutes))
    if confirm:
        work.confirm(study, _finalists(found, confirm), progress)
        found = work.found(study, len(table))
    write_settings(Path(folder) / SETTINGS, found)
    return found


class _Work:
    """What all trials of a search share."""

    def __init__(
        self, search: Search, train: pd.DataFrame, validation: pd.DataFrame, schema: Schema, clock: Clock
    ) -> None:
        self.search, self.train, self.schema, self.clock = search, train, schema, clock
        self.space: SearchSpace = space_for(search.model, schema, target=search.target, fixed=search.fixed)
        self.share = self.space.share if search.share is None else search.share
        self.length = length_for(
            search.model, len(train), share=self.share, epochs=search.epochs, steps=search.steps, fixed=search.fixed
        )
        self.defaults = default_settings(search.model, self.space)
        self.made_rows = min(len(train), max(len(validation), LEAST_MADE))
        self.judge = Judge(
            train, validation, schema, target=search.target, utility_weight=search.utility_weight, seed=search.seed
        )

    def one_trial(self, study: Any, bar: Task) -> None:
        """Propose, fit, judge and record one trial."""
        optuna = require_optuna()
        number = len(finished(study))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study.sampler = optuna.samplers.TPESampler(
                seed=int(np.random.SeedSequence([self.search.seed, number]).generate_state(1)[0]),
                n_startup_trials=STARTUP,
                multivariate=True,
            )
            waiting = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.WAITING])
            if number == 0 and not waiting:
                study.enqueue_trial(suggested(self.defaults))
            trial = study.ask(distributions(self.space))
        settings = settings_from(self.space, trial.params)
        reporter = TrialReporter(self.clock, bar, f"trial {number}")
        try:
            done = self._guarded(Trial(number, "complete", settings), partial(self._tried, trial), reporter)
        except (KeyboardInterrupt, OutOfTime):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
        # The outcome last: it says that all the others are there.
        for name, value in sorted(_kept(done).items(), key=lambda entry: entry[0] == "outcome"):
            trial.set_user_attr(name, value)
        if done.scores is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        trial.set_constraint("leak", done.scores.leak)
        if done.outcome == "stopped":
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, done.scores.score)

    def _tried(self, trial: Any, begun: Trial, reporter: TrialReporter) -> Trial:
        seeds = [self.search.seed + number for number in range(self.search.repeats)]
        if self.length.option is not None:
            screened = {**self.space.screen, **begun.settings}
            facts, seconds = self._fitted(screened, self.length.part(SCREEN), seeds[0], reporter)
            scores = self.judge.score([facts])
            trial.report(scores.score, step=0)
            if trial.should_prune():
                return replace(begun, outcome="stopped", scores=scores, facts=(facts,), fit_seconds=seconds)
        fits = [self._fitted(begun.settings, self.length.part(1.0), seed, reporter) for seed in seeds]
        found = tuple(facts for facts, _ in fits)
        seconds = round(fmean(seconds for _, seconds in fits), 2)
        return replace(begun, scores=self.judge.score(found), facts=found, fit_seconds=seconds)

    def confirm(self, study: Any, finalists: Sequence[Trial], progress: Reporter) -> None:
        """Fit each of ``finalists`` for as long as a fit would be, with a new seed, and keep what is found."""
        seed = self.search.seed + self.search.repeats
        known = dict(study.user_attrs.get(CONFIRMED, {}))
        with progress.task("Confirming", len(finalists), "fits") as bar:
            for trial in finalists:
                if str(trial.number) not in known:
                    reporter = TrialReporter(Clock(None), bar, f"trial {trial.number}")
                    done = self._guarded(
                        replace(trial, scores=None, facts=(), fit_seconds=None),
                        partial(self._confirmed, seed=seed),
                        reporter,
                    )
                    if done.error is not None:
                        progress.note(f"Trial {trial.number} failed when it was confirmed: {done.error}")
                    known[str(trial.number)] = _kept(done)
                    study.set_user_attr(CONFIRMED, known)
                bar.advance(1)

    def _confirmed(self, trial: Trial, reporter: TrialReporter, *, seed: int) -> Trial:
        facts, seconds = self._fitted(trial.settings, self._length_of_fit(trial, len(self.train)), seed, reporter)
        return replace(trial, scores=self.judge.score([facts]), facts=(facts,), fit_seconds=seconds)

    def _guarded(self, trial: Trial, work: Callable[[Trial, TrialReporter], Trial], reporter: TrialReporter) -> Trial:
        """What ``work`` makes of ``trial``, or the trial as one that failed."""
        try:
            return work(trial, reporter)
        except TabllmError as error:
            return replace(trial, outcome="failed", error=str(error))
        except (RuntimeError, MemoryError, ArithmeticError, ValueError) as error:  # a fault of these settings alone
            return replace(trial, outcome="failed", error=f"{type(error).__name__}: {error}")

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

    def _length_of_fit(self, trial: Trial, rows: int) -> dict[str, Any]:
        search = self.search
        return length_of_fit(
            search.model, rows, trial.settings, epochs=search.epochs, steps=search.steps, fixed=search.fixed
        )

    def found(self, study: Any, rows: int) -> Found:
        """What ``study`` holds, and the settings for a fit to ``rows`` rows."""
        trials = tuple(
            _read(number, settings_from(self.space, trial.params), trial.user_attrs)
            for number, trial in enumerate(finished(study))
        )
        kept = study.user_attrs.get(CONFIRMED, {})
        confirmed = tuple(_read(int(number), trials[int(number)].settings, kept[number]) for number in kept)
        best = best_of(confirmed) or best_of(trials)
        settings: dict[str, Any] = {}
        if best is not None:
            changed = {name: value for name, value in best.settings.items() if value != self.defaults[name]}
            settings = {**self.search.fixed, **changed, **self._length_of_fit(best, rows)}
        return Found(
            self.search,
            self.share,
            self.length,
            self.defaults,
            trials,
            best,
            tuple(pareto_front(trials)),
            confirmed,
            settings,
        )


def _kept(trial: Trial) -> dict[str, Any]:
    """What the study keeps of a trial, beside its number and settings, which it knows."""
    return {name: value for name, value in trial.to_dict().items() if name not in ("number", "settings")}


#: What of a trial must be in the study; of its scores and facts the one text is the name of a score.
_MEASURED = maybe(each_of(Kind("a number or null", lambda v: v is None or isinstance(v, str) or real().holds(v))))
_TRIAL = {
    "outcome": one_of("complete", "stopped", "failed"),
    "scores": _MEASURED,
    "facts": list_of(_MEASURED),
    "fit_seconds": maybe(real(0)),
    "error": maybe(TEXT),
}


def _read(number: int, settings: Mapping[str, Any], kept: Mapping[str, Any]) -> Trial:
    check_fields(kept, _TRIAL, f"trial {number}")
    return Trial(
        number,
        kept["outcome"],
        settings,
        None if kept["scores"] is None else Scores(**kept["scores"]),
        tuple(Facts(**facts) for facts in kept["facts"]),
        kept["fit_seconds"],
        kept["error"],
    )


def _finalists(found: Found, count: int) -> list[Trial]:
    """The default and the ``count`` best other trials."""
    others = [trial for trial in found.trials if not trial.is_default]
    chosen = [] if found.default is None else [found.default]
    for _ in range(count):
        best = best_of(others)
        if best is not None:
            chosen.append(best)
            others.remove(best)
    return chosen


def _state(found: Found, clock: Clock) -> str:
    best = (
        ""
        if found.best is None or found.best.scores is None
        else (f"best {found.best.scores.score:.4f} (trial {found.best.number})")
    )
    return ", ".join(part for part in (f"{len(found.trials)} trials", best, clock.left()) if part)


def _why_nothing(found: Found, minutes: float | None) -> str:
    failed = [trial for trial in found.trials if trial.error]
    if failed:
        return f"None of the {len(found.trials)} trials could be judged; the first one failed: {failed[0].error}"
    return (
        f"In {minutes:g} minutes not one trial came to its end; give more --minutes, fewer --rows or a smaller --share."
    )
