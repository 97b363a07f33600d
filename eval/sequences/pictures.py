"""What the page draws of two logs: histograms and matrices of all their users, as plain data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tabular.relations.log import EventLog
from tabular.relations.times import DAY

from ..judging.wording import cell_text
from .facts import Bars, Figure, Matrix, Pictures, Profile
from .measures import joint_counts, states_of
from .per_user import features_of_users

__all__ = ["excess", "linear_profile", "logarithmic_profile", "matrix_rows", "pictures_of"]

#: Bins of a histogram, and of the calendar.
BINS, CALENDAR_BINS = 30, 40
#: States of a column in a matrix of transitions; columns and values of users that are drawn.
MAX_STATES, MAX_COLUMNS, MAX_FEATURES = 9, 6, 6
#: Values of users that are no plain numbers where times are instants.
UNITS = {"gap mean": "log seconds", "gap highest": "log seconds", "span": "log seconds"}
UNITS |= dict.fromkeys(("time of day mean", "time of day highest", "time of day spread"), "seconds")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: A histogram of any numbers leaves out so much at either end, where one stray value would rule the axis.
TAIL = 0.005


def excess(figure: Figure) -> float:
    """How far a figure lies above its noise floor."""
    return (figure.value or 0.0) - (figure.floor or 0.0)


def pictures_of(real: EventLog, other: EventLog, figures: Sequence[Figure]) -> Pictures:
    """Histograms and matrices of both logs.

    Args:
        other: with the same schema, its categories numbered alike, the most frequent first.
        figures: the distances that were measured; they say which columns and values are drawn first.
    """
    logs = (real, other)
    farthest = sorted(figures, key=excess, reverse=True)
    instants = real.schema[real.time].kind == "datetime"
    weekdays, hours = _clock(logs) if instants else (None, None)
    columns = [figure.name for figure in farthest if figure.question == "transitions"][:MAX_COLUMNS]
    values = [figure.name for figure in farthest if figure.question == "per user"][:MAX_FEATURES]
    features = [features_of_users(log) for log in logs]
    units = UNITS if instants else {}
    of_users = (linear_profile(name, features[0][name], features[1][name], unit=units.get(name, "")) for name in values)
    return Pictures(
        lengths=logarithmic_profile("events", "events", real.counts, other.counts, unit=1.0, whole=True),
        gaps=_gaps(logs, instants),
        calendar=linear_profile("events", real.times, other.times, unit="instants", bins=CALENDAR_BINS)
        if instants
        else None,
        weekdays=weekdays,
        hours=hours,
        transitions=tuple(_transitions(real, other, name) for name in columns),
        per_user=tuple(profile for profile in of_users if profile is not None),
    )


def _gaps(logs: tuple[EventLog, EventLog], instants: bool) -> Profile | None:
    both = []
    for log in logs:
        gaps = log.times - log.before(log.times, 1)
        both.append(gaps[~np.isnan(gaps)])
    real = both[0]
    if not all(map(len, both)) or not real.max() > 0:
        return None
    days = instants and bool((real % DAY == 0).all())
    unit = DAY if days else 1.0
    if not instants:  # of numbers nobody knows how fine they are
        unit = 10.0 ** np.floor(np.log10(np.quantile(real[real > 0], 0.05)))
    return logarithmic_profile("time between events", "seconds" if instants else "", *both, unit=unit, whole=days)


def logarithmic_profile(
    name: str, unit_name: str, real: np.ndarray, other: np.ndarray, *, unit: float, whole: bool
) -> Profile:
    """A histogram whose bins grow; of ``whole`` multiples of ``unit`` no bin lies between two of them."""
    low, high = real.min() / unit, max(real.max(), other.max()) / unit
    steps = np.expm1(np.linspace(np.log1p(low), np.log1p(max(high, low + 1)), BINS + 1))
    if whole:
        steps = np.unique(np.rint(steps))
        steps = np.append(steps, steps[-1] + 1)
    return _profile(name, unit_name, unit, steps * unit, real, other)


def linear_profile(
    name: str, real: np.ndarray, other: np.ndarray, *, unit: str = "", bins: int = BINS
) -> Profile | None:
    """A histogram without its outermost values, instants excepted; ``None`` where nothing varies."""
    real, other = real[~np.isnan(real)], other[~np.isnan(other)]
    if not len(real) or not len(other):
        return None
    tail = 0.0 if unit == "instants" else TAIL
    ends = [np.quantile(each, [tail, 1 - tail]) for each in (real, other)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if not high > low:
        return None
    return _profile(name, unit, None, np.linspace(low, high, bins + 1), real, other)


def _profile(
    name: str, unit: str, log_unit: float | None, edges: np.ndarray, real: np.ndarray, other: np.ndarray
) -> Profile:
    percent = [
        100 * np.histogram(np.clip(each, edges[0], edges[-1]), edges)[0] / max(len(each), 1) for each in (real, other)
    ]
    return Profile(name, unit, log_unit, *(tuple(each.tolist()) for each in (edges, *percent)))


def _clock(logs: tuple[EventLog, EventLog]) -> tuple[Bars | None, Matrix | None]:
    """Events by weekday, or by weekday and hour where there is more than one hour."""
    day = [((np.floor(log.times / DAY) + 3) % 7).astype(np.int64) for log in logs]
    hour = [np.floor(log.times % DAY / 3600).astype(np.int64) for log in logs]
    if len(np.unique(hour[0])) == 1:
        of_days = [_percent(np.bincount(each, minlength=7)) for each in day]
        return Bars("weekday", WEEKDAYS, tuple(of_days[0].tolist()), tuple(of_days[1].tolist())), None
    both = [
        _percent(np.bincount(days * 24 + hours, minlength=7 * 24)).reshape(7, 24)
        for days, hours in zip(day, hour, strict=True)
    ]
    names = tuple(str(number) for number in range(24))
    return None, Matrix("weekday and hour", WEEKDAYS, names, matrix_rows(both[0]), matrix_rows(both[1]))


def _transitions(real: EventLog, other: EventLog, name: str) -> Matrix:
    """What follows each state of a column, in per cent of what follows it."""
    column = real.schema[name]
    found = states_of(column, real.arrays[name], other.arrays[name], MAX_STATES)
    assert found is not None, name  # it has a figure of its transitions
    if found.edges is None:
        labels = [*map(str, column.categories[: found.width - 2]), "other", "missing"]
    else:
        bounds = [cell_text(edge, column.kind) for edge in found.edges.tolist()]
        labels = [f"< {bounds[0]}", *(f">= {bound}" for bound in bounds), "missing"]
    both = [
        joint_counts(log, codes, found.width).reshape(found.width, found.width)
        for log, codes in ((real, found.real), (other, found.other))
    ]
    used = np.flatnonzero(sum(each.sum(0) + each.sum(1) for each in both))
    labels = [labels[state] for state in used]
    given = [
        100 * each / np.maximum(each.sum(1, keepdims=True), 1) for each in (part[np.ix_(used, used)] for part in both)
    ]
    return Matrix(name, tuple(labels), tuple(labels), matrix_rows(given[0]), matrix_rows(given[1]))


def _percent(counts: np.ndarray) -> np.ndarray:
    return np.asarray(100 * counts / max(counts.sum(), 1))


def matrix_rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """``matrix`` as plain data."""
    return tuple(map(tuple, matrix.tolist()))
