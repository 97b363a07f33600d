"""What is measured of two logs of events, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..facts.plain_data import build, plain
from .uses.facts import Attribution, Prediction, UserMembership

__all__ = ["Bars", "Distance", "Figure", "Matrix", "Pictures", "Profile", "SequenceReport", "Sides"]


@dataclass(frozen=True)
class Distance:
    """A distance between the logs: 0 where they do not differ.

    Attributes:
        value: of synthetic users.
        floor: of as many other real users.
    """

    value: float | None
    floor: float | None


@dataclass(frozen=True)
class Figure(Distance):
    """The distance of one thing, such as a column.

    Attributes:
        question: ``length``, ``gaps``, ``times``, ``transitions``, ``coherence`` or ``per user``.
        name: what is compared.
    """

    question: str
    name: str


@dataclass(frozen=True)
class Sides:
    """How large a log is."""

    users: int
    events: int


@dataclass(frozen=True)
class Profile:
    """A histogram of both logs.

    Attributes:
        name: what is counted.
        unit: of the edges: ``"events"``, ``"seconds"``, ``"log seconds"`` (``log(1 + seconds)``), ``"instants"``
            (seconds since 1970), or ``""`` for any number.
        log_unit: where it is set the axis is logarithmic, of ``1 + edge / log_unit``.
        edges: of the bins, one more than there are bins.
        real_percent, synthetic_percent: of each bin.
    """

    name: str
    unit: str
    log_unit: float | None
    edges: tuple[float, ...]
    real_percent: tuple[float, ...]
    synthetic_percent: tuple[float, ...]


@dataclass(frozen=True)
class Bars:
    """Percentages of both logs by label."""

    name: str
    labels: tuple[str, ...]
    real_percent: tuple[float, ...]
    synthetic_percent: tuple[float, ...]


@dataclass(frozen=True)
class Matrix:
    """Percentages of both logs by row and column: ``[row][column]``."""

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    real_percent: tuple[tuple[float, ...], ...]
    synthetic_percent: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Pictures:
    """What the page draws; of all users of both logs.

    Attributes:
        lengths: users by their number of events.
        gaps: events by the time since the event before; ``None`` where no user has two events.
        calendar: events by time.
        weekdays: events by weekday, where times are dates without a time of day.
        hours: events by weekday and hour, where they have one.
        transitions: of each column the events by value, given the value of the event before: rows sum to 100.
        per_user: values of users, those farthest above the noise floor first.
    """

    lengths: Profile
    gaps: Profile | None
    calendar: Profile | None
    weekdays: Bars | None
    hours: Matrix | None
    transitions: tuple[Matrix, ...]
    per_user: tuple[Profile, ...]


@dataclass(frozen=True)
class SequenceReport:
    """How near synthetic histories are to real ones.

    Attributes:
        by, time: the columns that name the user and order the events.
        real, synthetic: the logs.
        compared_users: users of each side of every comparison.
        figures: each the mean over random draws of users.
        questions: question -> the mean of its figures.
        detection, detection_floor: 1 where a classifier cannot tell whole users apart, 0 where it always can.
        telling: features of users by which synthetic ones are distinguished, with their percentage of the gain.
        notes: what a reader should know.
        pictures: what the page draws; an older report has none, and no page.
        predictions: next event and churn, by models that learned from each log.
        attribution: conversions by channel, where both are named.
        membership: attacks on whole users, where some were held out.
    """

    by: str
    time: str
    real: Sides
    synthetic: Sides
    compared_users: int
    figures: tuple[Figure, ...]
    questions: dict[str, Distance]
    detection: float | None
    detection_floor: float | None
    telling: dict[str, float]
    notes: tuple[str, ...]
    pictures: Pictures | None = None
    predictions: tuple[Prediction, ...] = ()
    attribution: Attribution | None = None
    membership: UserMembership | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SequenceReport:
        """Read what :meth:`to_dict` wrote."""
        return build(cls, data)
