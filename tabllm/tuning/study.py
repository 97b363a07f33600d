"""The search: a tree-structured Parzen estimator proposes settings, a short fit and the evaluation judge them.

Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, in optuna's
multivariate form (Falkner, Klein and Hutter, "BOHB", ICML 2018), with the privacy guard as a constraint. Optuna cannot
prune where there are several goals, so one weighted score is sought (:mod:`.judging`), and the Pareto front over
fidelity, utility and privacy is taken from all trials afterwards.

The first trial is the generator as it comes, so the best one is never worse by this score. After a third of its
training a trial whose score is below the median of the earlier ones is stopped. Every trial is fitted with the same
seeds, and proposed from a seed of its own, so that a search that was interrupted comes to the same trials. Trials of a
batch are proposed together, each as if those before it in the batch were bad ones, and made by any number of workers.

What is best after a short training need not be best after a long one, and the best of many scores owes some of its
lead to chance. So the best trials and the default can be confirmed: each is fitted once more, for as long as a fit
would be and with a seed that no trial had, and the best of these is taken.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eval.preparing.trees import tell_of_trees
from tabular.errors import TabllmError, UsageError
from tabular.notebook import default_reporter
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter, Task
from tabular.schema import Schema
from tabular.search_space import SearchSpace

from ..comparing.study import holdout_split
from ..studies.workspace import fingerprint
from .deadline import Clock, OutOfTime, TrialReporter
from .judging import Judge
from .length import length_for
from .recording import Batch, kept_of, read_batch, read_trial, record, stop_below
from .settings import SETTINGS, write_settings
from .space import default_settings, distributions, settings_from, space_for, suggested
from .storage import STORAGE, finished, open_study, require_optuna, usable
from .trials import Found, Search, Trial, best_of, pareto_front
from .trying import Tried, Trying, TryingWorker

if TYPE_CHECKING:
    from ..cluster.studying import Run, Workers

__all__ = ["run_search"]

#: Trials that are drawn at random before the estimator has enough to go by.
STARTUP = 8
#: Where the study keeps the trials that were confirmed, and those of a batch that is not recorded yet.
CONFIRMED, BATCH = "confirmed", "batch"
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
    workers: Workers | None = None,
    progress: Reporter | None = None,
) -> Found:
    """Search the settings of a generator on ``table``; a fifth of its rows judges, and is learned by none.

    Args:
        folder: of the study and of ``best.json``; an earlier search of the same there is gone on with.
        trials: when to stop, those of earlier calls included.
        minutes: when to stop, counted from this call; a trial that is not done then is begun anew by the next one.
        confirm: best trials that are confirmed beside the default, when the search is over.
        ruled: (rows to learn, their schema) -> the schema with the rules that all rows are to keep.
        workers: who makes trials; this process if absent.

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
        read_batch(study.user_attrs.get(BATCH))
    total, unit = (trials, "trials") if trials is not None else (minutes or 0, "minutes")
    with work.spread_over(workers):
        with progress.task("Tuning", total, unit) as bar:
            if trials is not None:
                bar.advance(min(len(found.trials), trials), _state(found, clock))
            while (trials is None or len(found.trials) < trials) and not clock.is_over:
                before, known = clock.elapsed_minutes, len(found.trials)
                try:
                    work.one_batch(study, bar, trials)
                except OutOfTime:
                    break
                found = work.found(study, len(table))
                for trial in found.trials[known:]:
                    if trial.outcome == "failed":
                        progress.note(f"Trial {trial.number} failed: {trial.error}")
                if found.best is not None:
                    write_settings(Path(folder) / SETTINGS, found)
                done = len(found.trials) - known if trials is not None else clock.elapsed_minutes - before
                bar.advance(done, _state(found, clock))
            bar.finish()
        if found.best is None:
            raise TabllmError(_why_nothing(found, minutes))
        if confirm:
            clock.minutes = None  # they are minutes to search
            work.confirm(study, _finalists(found, confirm), progress)
            found = work.found(study, len(table))
    write_settings(Path(folder) / SETTINGS, found)
    return found


class _Work:
    """What all trials of a search share.

    Attributes:
        trying: what they are made by.
        run: lets workers make them; ``None`` where this process does.
    """

    def __init__(
        self, search: Search, train: pd.DataFrame, validation: pd.DataFrame, schema: Schema, clock: Clock
    ) -> None:
        self.search, self.clock = search, clock
        self.space: SearchSpace = space_for(search.model, schema, target=search.target, fixed=search.fixed)
        self.share = self.space.share if search.share is None else search.share
        self.length = length_for(
            search.model, len(train), share=self.share, epochs=search.epochs, steps=search.steps, fixed=search.fixed
        )
        self.defaults = default_settings(search.model, self.space)
        judge = Judge(
            train, validation, schema, target=search.target, utility_weight=search.utility_weight, seed=search.seed
        )
        made_rows = min(len(train), max(len(validation), LEAST_MADE))
        self.trying = Trying(search, train, schema, self.space, self.length, made_rows, judge)
        self.run: Run | None = None

    @contextmanager
    def spread_over(self, workers: Workers | None) -> Iterator[None]:
        """Inside, ``workers`` make the trials; this process if there are none."""
        if workers is None:
            yield
            return
        device = str(self.search.fixed.get("device", "cpu"))
        with workers.ready(TryingWorker, self.trying, device=device, noun="trial", check=self.clock.check) as self.run:
            yield
        self.run = None

    # -- trials -----------------------------------------------------------------------------------------------
    def one_batch(self, study: Any, bar: Task, trials: int | None) -> None:
        """Propose, fit, judge and record the next trials, :attr:`.Search.parallel` of them, none beyond ``trials``.

        All of a batch are proposed before the first one is judged, and recorded in their order when all are. So what
        comes of them does not depend on who is done first. What is done of an interrupted batch is kept in the study.
        """
        optuna = require_optuna()
        batch, proposed = self._batch(study)
        number = len(finished(study))
        last = batch.first + len(batch.proposed)
        numbers = range(number, last if trials is None else min(last, trials))
        try:
            for each, tried in self._tried(batch, numbers, bar):
                batch.done[str(each)] = kept_of(tried.trial) | {"screened": tried.screened}
                if self.search.parallel > 1:
                    study.set_user_attr(BATCH, asdict(batch))
            for each in numbers:
                if each not in proposed:  # of a call that was interrupted
                    study.enqueue_trial(batch.proposed[each - batch.first])
                    proposed[each] = study.ask(distributions(self.space))
                record(optuna, study, proposed.pop(each), batch.done[str(each)])
        finally:
            for trial in proposed.values():
                study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _batch(self, study: Any) -> tuple[Batch, dict[int, Any]]:
        """The batch that comes next or was interrupted, and those of its trials that the study has open."""
        optuna = require_optuna()
        number = len(finished(study))
        known = read_batch(study.user_attrs.get(BATCH))
        if known is not None and known.first <= number < known.first + len(known.proposed):
            for _ in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.WAITING]):
                study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
            return known, {}
        batch = Batch(number, stop_below(optuna, study))
        proposed: dict[int, Any] = {}
        for each in range(number, number + self.search.parallel):
            proposed[each] = self._propose(optuna, study, each)
            batch.proposed.append(dict(proposed[each].params))
        if self.search.parallel > 1:
            study.set_user_attr(BATCH, asdict(batch))
        return batch, proposed

    def _propose(self, optuna: Any, study: Any, number: int) -> Any:
        """Let the estimator propose trial ``number``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study.sampler = optuna.samplers.TPESampler(
                seed=int(np.random.SeedSequence([self.search.seed, number]).generate_state(1)[0]),
                n_startup_trials=STARTUP,
                multivariate=True,
                constant_liar=self.search.parallel > 1,
            )
            waiting = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.WAITING])
            if number == 0 and not waiting:
                study.enqueue_trial(suggested(self.defaults))
            return study.ask(distributions(self.space))

    def _tried(self, batch: Batch, numbers: Sequence[int], bar: Task) -> Iterator[tuple[int, Tried]]:
        """What comes of the trials ``numbers`` of a batch that are not done, each when it is."""
        begun = {
            number: Trial(number, "complete", settings_from(self.space, batch.proposed[number - batch.first]))
            for number in numbers
            if str(number) not in batch.done
        }
        if self.run is not None:
            yield from self.run({number: (trial, batch.stop_below, False) for number, trial in begun.items()})
            return
        for number, trial in begun.items():
            reporter = TrialReporter(self.clock, bar, f"trial {number}")
            yield number, self.trying.tried(trial, batch.stop_below, reporter)

    # -- confirmation -----------------------------------------------------------------------------------------
    def confirm(self, study: Any, finalists: Sequence[Trial], progress: Reporter) -> None:
        """Fit each of ``finalists`` for as long as a fit would be, with a new seed, and keep what is found."""
        known = dict(study.user_attrs.get(CONFIRMED, {}))
        with progress.task("Confirming", len(finalists), "fits") as bar:
            missing = [trial for trial in finalists if str(trial.number) not in known]
            bar.advance(len(finalists) - len(missing))
            for number, done in self._confirmed(missing, bar):
                if done.error is not None:
                    progress.note(f"Trial {number} failed when it was confirmed: {done.error}")
                known[str(number)] = kept_of(done)
                study.set_user_attr(CONFIRMED, known)
                bar.advance(1)

    def _confirmed(self, trials: Sequence[Trial], bar: Task) -> Iterator[tuple[int, Trial]]:
        if self.run is not None:
            for number, tried in self.run({trial.number: (trial, None, True) for trial in trials}):
                yield number, tried.trial
            return
        for trial in trials:
            yield trial.number, self.trying.confirmed(trial, TrialReporter(Clock(None), bar, f"trial {trial.number}"))

    def found(self, study: Any, rows: int) -> Found:
        """What ``study`` holds, and the settings for a fit to ``rows`` rows."""
        trials = tuple(
            read_trial(number, settings_from(self.space, trial.params), trial.user_attrs)
            for number, trial in enumerate(finished(study))
        )
        kept = study.user_attrs.get(CONFIRMED, {})
        # In their own order, not in that in which workers came to an end.
        confirmed = tuple(
            read_trial(number, trials[number].settings, kept[str(number)]) for number in sorted(map(int, kept))
        )
        best = best_of(confirmed) or best_of(trials)
        settings: dict[str, Any] = {}
        if best is not None:
            changed = {name: value for name, value in best.settings.items() if value != self.defaults[name]}
            settings = {**self.search.fixed, **changed, **self.trying.length_of_fit(best, rows)}
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
