"""What a model learns from synthetic histories: the next event of a user, and who stays.

Three models learn the same task: from real users, from as many other real users, and from as many synthetic ones. All
are tested on the same real users, whom none of them saw.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tabular.errors import UsageError
from tabular.relations.log import EventLog
from tabular.relations.times import DAY

from ...models.scores import classification_scores
from ...preparing import features as trees
from ...preparing.features import TreeModel
from ..measures import states_of
from ..per_user import features_of_users, log_gaps
from .facts import Prediction
from .selecting import events_before, of_users

__all__ = ["predictions"]

#: Boosting rounds, and events of a training or test set: small models, for a multiclass one has a tree for each class.
ROUNDS, MAX_EVENTS = 60, 20_000
#: Values of the next event that are distinguished; rarer ones are one.
MAX_CLASSES = 8
#: The last part of the time, in which a user is active or not.
LAST_PART = 0.25
#: Users with and without an event there that each set needs.
MIN_EACH = 10
#: Users of a training set.
MIN_USERS = 20

#: ``float32[rows, features]`` and ``int64[rows]``, the class of each row.
Examples = tuple[np.ndarray, np.ndarray]


def predictions(
    real: EventLog, synthetic: EventLog, *, target: str | None = None, seed: int = 0, threads: int | None = None
) -> tuple[Prediction, ...]:
    """Next event and churn, as far as the logs have them.

    Args:
        target: the column of the next event; the first category that changes within users if absent, else a number.

    Raises:
        UsageError: if ``target`` is no column of events with two values or more.
    """
    rng = np.random.default_rng([seed, 7])
    users = min(len(real.first) // 3, len(synthetic.first))
    if users < MIN_USERS:
        return ()
    order = rng.permutation(len(real.first))
    parts = (order[:users], order[users : 2 * users], order[2 * users :])
    learned, other, test = (of_users(real, part) for part in parts)
    made = of_users(synthetic, rng.permutation(len(synthetic.first))[:users])
    logs = (learned, other, made, test)
    found = []
    if (column := _target(real, target)) is not None:
        known = real.schema[column], real.arrays[column]
        codes = [states_of(*known, log.arrays[column], MAX_CLASSES) for log in logs]
        sets = [_next_events(log, each.other, rng) for log, each in zip(logs, codes, strict=True) if each is not None]
        found.append(("next event", f"next {column}", sets))
    cut = float(real.times.min() + (1 - LAST_PART) * (real.times.max() - real.times.min()))
    found.append(("churn", "an event in the last quarter of the time", [_churn(log, cut) for log in logs]))
    scored = (_scored(task, words, users, sets, seed, threads) for task, words, sets in found)
    return tuple(prediction for prediction in scored if prediction is not None)


def _target(log: EventLog, asked: str | None) -> str | None:
    usable = [
        name
        for name in log.event_columns
        if states_of(log.schema[name], log.arrays[name], log.arrays[name]) is not None
    ]
    if asked is not None:
        if asked not in usable:
            raise UsageError(
                f"--target {asked} is no column of events with two values or more, so no next one can be predicted; "
                f"choose one of {', '.join(usable) or '(there is none)'}."
            )
        return asked
    return next((name for name in usable if not log.schema[name].is_numeric), next(iter(usable), None))


def _next_events(log: EventLog, codes: np.ndarray, rng: np.random.Generator) -> Examples:
    """Every event but the first of a user: its past, and its value."""
    rows = np.flatnonzero(log.position > 0)
    if len(rows) > MAX_EVENTS:
        rows = np.sort(rng.choice(rows, MAX_EVENTS, replace=False))
    gaps = log_gaps(log)
    columns = [log.position.astype(np.float64), log.before(gaps, 1), log.before(gaps, 2)]
    before = log.before(log.times, 1)
    if log.schema[log.time].kind == "datetime":
        columns += [np.floor(before / DAY) % 7, before % DAY, before]
    for name in log.event_columns:
        values = log.arrays[name]
        if values.dtype != object:
            columns += [_number(log.before(values, steps)) for steps in (1, 2)]
    columns += [_number(log.arrays[name]) for name in log.user_columns if log.arrays[name].dtype != object]
    return np.column_stack(columns)[rows].astype(np.float32), codes[rows]


def _number(values: np.ndarray) -> np.ndarray:
    """Codes as numbers, NaN where they are missing."""
    return values if values.dtype.kind == "f" else np.where(values < 0, np.nan, values)


def _churn(log: EventLog, cut: float) -> Examples:
    """Every user with an event before ``cut``: what the events until then come to, and whether another follows."""
    past, users = events_before(log, cut)
    found = features_of_users(past)
    since = cut - past.times[past.last] if len(users) else np.zeros(0)
    x = np.column_stack([*found.values(), since])
    return x.astype(np.float32), (log.times[log.last][users] >= cut).astype(np.int64)


def _scored(
    task: str, words: str, users: int, sets: list[Examples], seed: int, threads: int | None
) -> Prediction | None:
    """``None`` where a set has too few of every class."""
    *learned, (x, y) = sets
    present = [len(np.flatnonzero(np.bincount(each[1]) >= MIN_EACH)) for each in (*learned[:2], (x, y))]
    if min(present) < 2:
        return None
    classes = 1 + max(int(each[1].max(initial=0)) for each in sets)
    scores = [_auc(_model(train, classes, seed, threads), x, y) for train in learned]
    return Prediction(task, words, users, len(y), scores[0], scores[2], scores[1])


def _model(train: Examples, classes: int, seed: int, threads: int | None) -> Callable[[np.ndarray], np.ndarray]:
    """A function from features to ``float64[rows, classes]``."""
    x, y = train
    if len(np.unique(y)) < 2:  # a log with one class teaches nothing more
        return lambda rows: np.full((len(rows), classes), 1 / classes)
    kind = {"objective": "binary:logistic"} if classes == 2 else {"objective": "multi:softprob", "num_class": classes}
    rounds = min(ROUNDS, trees.TREES)
    model = TreeModel(
        types=["q"] * x.shape[1], seed=seed, threads=threads, rounds=rounds, max_depth=4, learning_rate=0.15, **kind
    )
    model.fit(x, y.astype(np.float64))
    if classes > 2:
        return model.predict
    return lambda rows: np.column_stack([1 - (chance := model.predict(rows)), chance])


def _auc(model: Callable[[np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray) -> float | None:
    return classification_scores(y, model(x), None)["auc"]
