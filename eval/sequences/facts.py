"""What is measured of two logs of events, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..facts.plain_data import build, plain

__all__ = ["Distance", "Figure", "SequenceReport", "Sides"]


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
class SequenceReport:
    """How near synthetic histories are to real ones.

    Attributes:
        by, time: the columns that name the user and order the events.
        real, synthetic: the logs.
        compared_users: users of each side of every comparison.
        figures: each the mean over random draws of users.
        questions: question -> the mean of its figures.
        detection, detection_floor: 1 where a classifier cannot tell whole users apart, 0 where it always can.
        telling: features of users by which synthetic ones are told, with their percentage of the gain.
        notes: what a reader should know.
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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SequenceReport:
        """Read what :meth:`to_dict` wrote."""
        return build(cls, data)
