"""Every figure of two logs of events, each beside the same figure of other real users."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.errors import TableError, UsageError
from tabular.progress import Reporter
from tabular.relations.log import EventLog, check_log_columns, infer_log_schema, read_log
from tabular.schema import Schema

from ..metrics.detection import FOLDS, detection_score
from ..preparing.features import TreeModel
from .facts import Distance, Figure, SequenceReport, Sides
from .measures import QUESTIONS, distances
from .per_user import features_of_users

__all__ = ["compare_sequences"]

#: Random draws of users over which figures are averaged, and over which the detection is.
DRAWS, DETECTION_DRAWS = 5, 2
#: Users of each side that the detector sees.
MAX_USERS = 20_000
#: Features that are named as giving synthetic users away.
MAX_TELLING = 10


def compare_sequences(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    by: str,
    time: str,
    schema: Schema | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Reporter | None = None,
) -> SequenceReport:
    """Compare the histories of users in two tables of events.

    Half of the real users, drawn at random, are compared with as many synthetic ones and, for the noise floor, with as
    many of the other half; figures are means over :data:`DRAWS` such draws.

    Args:
        by, time: the columns that name the user and order a user's events.
        schema: of the real table; inferred if absent.
        threads: of the detector.

    Raises:
        UsageError: if a table lacks one of the columns.
        TableError: if there are too few users.
    """
    progress = progress or Reporter()
    for table in (real, synthetic):
        check_log_columns(table, by, time)
    schema = infer_log_schema(real, by, time) if schema is None else schema
    absent = [name for name in schema.names if name not in synthetic]
    if absent:
        raise UsageError(f"The synthetic table has no column {absent[0]!r}, which the real one has.")
    ours = read_log(to_arrays(real, schema, unseen="missing"), schema, by, time, progress=progress)
    theirs = read_log(to_arrays(synthetic, schema, unseen="missing"), schema, by, time, progress=progress)
    ours, theirs = _by_frequency(ours, theirs)
    theirs = replace(theirs, user_columns=ours.user_columns, event_columns=ours.event_columns)
    users = min(len(ours.first) // 2, len(theirs.first))
    if users < FOLDS:
        raise TableError(
            f"There are {len(ours.first):,} real and {len(theirs.first):,} synthetic users, too few to compare: half "
            f"of the real ones, and as many synthetic ones, must be {FOLDS} or more."
        )
    values: dict[tuple[str, str], list[tuple[float | None, float | None]]] = defaultdict(list)
    scores: list[tuple[float, float]] = []
    gains: dict[str, float] = defaultdict(float)
    with progress.task("Comparing users", DRAWS, "draws") as task:
        for draw in range(DRAWS):
            rng = np.random.default_rng([seed, draw])
            order = rng.permutation(len(ours.first))
            half, rest = (_of_users(ours, part) for part in (order[:users], order[users : 2 * users]))
            made = _of_users(theirs, rng.permutation(len(theirs.first))[:users])
            for found, floor in zip(distances(half, made), distances(half, rest), strict=True):
                values[found[:2]].append((found[2], floor[2]))
            if draw < DETECTION_DRAWS:
                score, told = _detected(half, made, [seed, draw], threads)
                scores.append((score, _detected(half, rest, [seed, draw], threads)[0]))
                for name, gain in told.items():
                    gains[name] += gain / DETECTION_DRAWS
            task.advance(1)
    figures = tuple(
        Figure(_mean([value for value, _ in measured]), _mean([floor for _, floor in measured]), question, name)
        for (question, name), measured in values.items()
    )
    questions = {}
    for question in QUESTIONS:
        if asked := [figure for figure in figures if figure.question == question]:
            questions[question] = Distance(_mean([f.value for f in asked]), _mean([f.floor for f in asked]))
    telling = dict(sorted(gains.items(), key=lambda item: -item[1])[:MAX_TELLING])
    notes: tuple[str, ...] = ()
    if len(theirs.first) < len(ours.first) // 2:
        notes += (f"Only {len(theirs.first):,} synthetic users are there: sample half as many as are real, or more.",)
    return SequenceReport(
        by,
        time,
        Sides(len(ours.first), len(ours.user)),
        Sides(len(theirs.first), len(theirs.user)),
        users,
        figures,
        questions,
        _mean([score for score, _ in scores]),
        _mean([floor for _, floor in scores]),
        telling,
        notes,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _by_frequency(real: EventLog, other: EventLog) -> tuple[EventLog, EventLog]:
    """The same logs with categories numbered by how often real events have them, the most frequent first."""
    columns, arrays = [], [dict(real.arrays), dict(other.arrays)]
    for column in real.schema:
        if column.has_categories and column.categories:
            codes = real.arrays[column.name]
            order = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(column.categories)), kind="stable")
            place = np.append(np.argsort(order), -1)
            for found in arrays:
                found[column.name] = place[found[column.name]]
            column = replace(column, categories=tuple(column.categories[code] for code in order))
        columns.append(column)
    schema = replace(real.schema, columns=tuple(columns), rules=())
    return replace(real, schema=schema, arrays=arrays[0]), replace(other, schema=schema, arrays=arrays[1])


def _of_users(log: EventLog, users: np.ndarray) -> EventLog:
    """The events of some users, numbered anew."""
    counts = log.counts[users]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    user = np.repeat(np.arange(len(users)), counts)
    rows = np.arange(len(user)) - first[user] + log.first[users][user]
    arrays = {name: values[rows] for name, values in log.arrays.items()}
    return replace(log, rows=log.rows[rows], arrays=arrays, user=user, first=first, counts=counts)


def _detected(real: EventLog, other: EventLog, seed: list[int], threads: int | None) -> tuple[float, dict[str, float]]:
    """How hard users are to tell apart, and by which features they are, in percent of the gain."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    both = [features_of_users(log) for log in (real, other)]
    names = list(both[0])
    rows = [np.column_stack([found[name] for name in names])[:MAX_USERS] for found in both]
    x = np.concatenate(rows).astype(np.float32)
    y = np.repeat([0.0, 1.0], [len(part) for part in rows])
    folds = np.concatenate([rng.permutation(np.arange(len(part)) % FOLDS) for part in rows])
    aucs, gains = [], np.zeros(len(names))
    for fold in range(FOLDS):
        test = folds == fold
        model = TreeModel("binary:logistic", ["q"] * len(names), seed=seed[0], threads=threads).fit(x[~test], y[~test])
        aucs.append(roc_auc_score(y[test], model.predict(x[test])))
        gains += model.gains()
    shares = 100 * gains / max(gains.sum(), 1e-12)
    return detection_score(float(np.mean(aucs))), dict(zip(names, shares.tolist(), strict=True))
