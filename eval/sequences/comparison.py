"""Every figure of two logs of events, each beside the same figure of other real users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.errors import TableError, UsageError
from tabular.progress import Reporter
from tabular.relations.log import EventLog, check_log_columns, infer_log_schema, read_log
from tabular.schema import Schema

from ..metrics.detection import FOLDS
from ..metrics.unit_detection import detect_units
from .averages import DETECTION_DRAWS, Averages
from .facts import SequenceReport, Sides
from .measures import QUESTIONS, distances
from .per_user import features_of_users
from .pictures import pictures_of
from .uses.attribution import attribution
from .uses.membership import measure_user_membership
from .uses.predicting import predictions
from .uses.selecting import of_users

__all__ = ["compare_sequences"]

#: Random draws of users over which figures are averaged.
DRAWS = 5
#: Users of each side that the detector sees.
MAX_USERS = 20_000


def compare_sequences(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    by: str,
    time: str,
    schema: Schema | None = None,
    holdout: pd.DataFrame | None = None,
    target: str | None = None,
    conversion: str | None = None,
    channel: str | None = None,
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
        holdout: events of real users that the generator never saw, for the attack on users.
        target: column of events, whose next value is predicted; the first category that changes if absent.
        conversion, channel: what is a conversion (``COL=VALUE`` or a column), and the column of the channel, for the
            attribution; none without them.
        threads: of the detector and the other models.

    Raises:
        UsageError: if a table lacks one of the columns, or an argument is not valid.
        TableError: if there are too few users.
    """
    progress = progress or Reporter()
    if (conversion is None) != (channel is None):
        raise UsageError("An attribution needs --conversion COL=VALUE and --channel COL; name both.")
    tables = [real, synthetic, *([] if holdout is None else [holdout])]
    for table in tables:
        check_log_columns(table, by, time)
    schema = infer_log_schema(real, by, time) if schema is None else schema
    for kind, table in zip(("synthetic", "held-out"), tables[1:], strict=False):
        if absent := [name for name in schema.names if name not in table]:
            raise UsageError(f"The {kind} table has no column {absent[0]!r}, which the real one has.")
    ours = read_log(to_arrays(real, schema, unseen="missing"), schema, by, time, progress=progress)
    others = (
        read_log(to_arrays(table, schema, unseen="missing"), schema, by, time, own=ours.user_columns, progress=progress)
        for table in tables[1:]
    )
    ours, theirs, *held = _by_frequency([ours, *others])
    users = min(len(ours.first) // 2, len(theirs.first))
    if users < FOLDS:
        raise TableError(
            f"There are {len(ours.first):,} real and {len(theirs.first):,} synthetic users, too few to compare: half "
            f"of the real ones, and as many synthetic ones, must be {FOLDS} or more."
        )
    averages = Averages()
    with progress.task("Comparing users", DRAWS, "draws") as task:
        for draw in range(DRAWS):
            rng = np.random.default_rng([seed, draw])
            order = rng.permutation(len(ours.first))
            half, rest = (of_users(ours, part) for part in (order[:users], order[users : 2 * users]))
            made = of_users(theirs, rng.permutation(len(theirs.first))[:users])
            averages.add(distances(half, made), distances(half, rest))
            if draw < DETECTION_DRAWS:
                score, gains = _detected(half, made, [seed, draw], threads)
                averages.add_detection(score, _detected(half, rest, [seed, draw], threads)[0], gains)
            task.advance(1)
    figures = averages.figures()
    with progress.task("Using histories", 3, "steps") as task:
        predicted = predictions(ours, theirs, target=target, seed=seed, threads=threads)
        task.advance(1)
        credit = (
            None if conversion is None or channel is None else attribution(ours, theirs, conversion, channel, seed=seed)
        )
        task.advance(1)
        membership, why = measure_user_membership(ours, held[0], theirs, seed=seed) if held else (None, None)
        task.advance(1)
    notes: tuple[str, ...] = () if why is None else (why,)
    if len(theirs.first) < len(ours.first) // 2:
        notes += (f"Only {len(theirs.first):,} synthetic users are there: sample half as many as are real, or more.",)
    return SequenceReport(
        by,
        time,
        Sides(len(ours.first), len(ours.user)),
        Sides(len(theirs.first), len(theirs.user)),
        users,
        figures,
        averages.questions(QUESTIONS),
        averages.detection,
        averages.detection_floor,
        averages.telling(),
        notes,
        pictures_of(ours, theirs, figures),
        predicted,
        credit,
        membership,
    )


def _by_frequency(logs: list[EventLog]) -> list[EventLog]:
    """The same logs with categories numbered by how often users of the first have them, the most frequent first."""
    real, columns, arrays = logs[0], [], [dict(log.arrays) for log in logs]
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
    own, others = real.user_columns, real.event_columns
    return [
        replace(log, schema=schema, arrays=found, user_columns=own, event_columns=others)
        for log, found in zip(logs, arrays, strict=True)
    ]


def _detected(real: EventLog, other: EventLog, seed: list[int], threads: int | None) -> tuple[float, dict[str, float]]:
    return detect_units(features_of_users(real), features_of_users(other), most=MAX_USERS, seed=seed, threads=threads)
