"""A search as plain data: what is asked of it, its trials, which is best, and which no other beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .judging import Facts, Scores
from .length import Length

__all__ = ["Found", "Search", "Trial", "best_of", "pareto_front"]


@dataclass(frozen=True)
class Search:
    """What is asked of a search; a folder goes on only with the same.

    Attributes:
        share: of the generator's own training length that a trial gets; what its search space says if absent.
        epochs, steps: the length of a trial in place of a share.
        repeats: fits of each trial, with a seed each; scores are their means.
        utility_weight: of utility in the score; the rest is fidelity's.
        fixed: options of the generator that every trial gets.
        parallel: trials that are proposed together.
    """

    model: str
    target: str | None = None
    seed: int = 0
    share: float | None = None
    epochs: float | None = None
    steps: int | None = None
    repeats: int = 1
    utility_weight: float = 0.5
    fixed: Mapping[str, Any] = field(default_factory=dict)
    parallel: int = 1


@dataclass(frozen=True)
class Trial:
    """One setting of everything, and what came of it.

    Attributes:
        number: 0 is the generator's own default.
        outcome: ``"complete"``; ``"stopped"``, by rows that were worse than most after a short training;
            ``"failed"``, and ``error`` says why.
        settings: every option that is searched.
        scores, facts: of the longest training that it got; of each repeat one entry in ``facts``.
        fit_seconds: of one fit of that length.
    """

    number: int
    outcome: str
    settings: Mapping[str, Any]
    scores: Scores | None = None
    facts: tuple[Facts, ...] = ()
    fit_seconds: float | None = None
    error: str | None = None

    @property
    def is_default(self) -> bool:
        """Whether it is the generator as it comes."""
        return self.number == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """What a search found so far.

    Attributes:
        share: of the generator's own training length that a trial gets where no length was requested.
        length: of a trial's training.
        trials: all that came to an end, the default first.
        best: see :func:`best_of`; ``None`` where no trial could be judged.
        front: see :func:`pareto_front`.
        confirmed: trials that were fitted for as long as a fit would be, with scores of that; the best is of these.
        settings: options for a fit with the best trial's settings: what differs from the defaults.
    """

    search: Search
    share: float
    length: Length
    defaults: Mapping[str, Any]
    trials: tuple[Trial, ...]
    best: Trial | None
    front: tuple[Trial, ...]
    confirmed: tuple[Trial, ...]
    settings: Mapping[str, Any]

    @property
    def default(self) -> Trial | None:
        """The generator as it comes, where it could be judged; confirmed, if that was done."""
        both = (*self.confirmed, *self.trials)
        return next((trial for trial in both if trial.is_default and trial.outcome == "complete"), None)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The best score that the guard lets pass; where it lets none pass, the one that leaks least."""
    judged = [(trial, trial.scores) for trial in trials if trial.outcome == "complete" and trial.scores is not None]
    if not judged:
        return None
    return max(judged, key=lambda pair: (pair[1].guarded, pair[1].score if pair[1].guarded else -pair[1].leak))[0]


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials past the guard that no other one beats in fidelity, utility and privacy at once, the best first."""
    judged = [trial for trial in trials if trial.outcome == "complete" and trial.scores and trial.scores.guarded]
    kept = [trial for trial in judged if not any(_dominates(other, trial) for other in judged)]
    return sorted(kept, key=lambda trial: -_goals(trial)[0])


def _goals(trial: Trial) -> tuple[float, ...]:
    """Score, fidelity, utility, privacy; what was not measured is alike in all trials."""
    assert trial.scores is not None
    found = trial.scores
    return found.score, found.fidelity, found.utility or 0.0, found.privacy or 0.0


def _dominates(one: Trial, other: Trial) -> bool:
    pairs = list(zip(_goals(one)[1:], _goals(other)[1:], strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
