"""What the study keeps of trials, of those of an unfinished batch too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tabular.plain_json import PLAIN, TEXT, Kind, check_fields, each_of, list_of, maybe, object_of, one_of, real, whole

from .judging import Facts, Scores
from .trials import Trial

__all__ = ["Batch", "kept_of", "read_batch", "read_trial", "record", "stop_below"]

#: Complete trials from which on one that is worse than their median is stopped.
JUDGED_BY = 5


@dataclass
class Batch:
    """Trials that are proposed together, as plain JSON data.

    Attributes:
        first: number of the first one.
        stop_below: the score after a short training below which one is stopped.
        proposed: what optuna has as parameters, of each.
        done: number -> what is kept of it, and its score after a short training.
    """

    first: int
    stop_below: float | None
    proposed: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)


def stop_below(optuna: Any, study: Any) -> float | None:
    """The median of the scores that complete trials had after a short training; ``None`` while there are few."""
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    scores = [trial.intermediate_values[0] for trial in complete if 0 in trial.intermediate_values]
    return float(np.median(scores)) if scores and len(complete) >= JUDGED_BY else None


def record(optuna: Any, study: Any, trial: Any, done: Mapping[str, Any]) -> None:
    """Write what came of a trial to the study."""
    if done["screened"] is not None:
        trial.report(done["screened"], step=0)
    # The outcome last: it says that all the others are there.
    for name, value in sorted(done.items(), key=lambda entry: entry[0] == "outcome"):
        if name != "screened":
            trial.set_user_attr(name, value)
    scores = done["scores"]
    if scores is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    trial.set_constraint("leak", scores["leak"])
    if done["outcome"] == "stopped":
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, scores["score"])


def kept_of(trial: Trial) -> dict[str, Any]:
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


#: What of a batch must be in the study.
_BATCH = {
    "first": whole(0),
    "stop_below": maybe(real()),
    "proposed": list_of(each_of(PLAIN), 1),
    "done": each_of(object_of({**_TRIAL, "screened": maybe(real())})),
}


def read_batch(kept: Any) -> Batch | None:
    """The batch that a study keeps, if it keeps one. Raises :class:`FieldError` if it is none."""
    if kept is None:
        return None
    check_fields(kept, _BATCH, "batch")
    return Batch(**{name: kept[name] for name in _BATCH})


def read_trial(number: int, settings: Mapping[str, Any], kept: Mapping[str, Any]) -> Trial:
    """The trial of which a study keeps ``kept``."""
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
