"""What is measured of linked tables, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..facts.plain_data import build, plain
from ..sequences.facts import Bars, Distance, Figure, Matrix, Profile

__all__ = ["KeyPictures", "KeyReport", "LinksReport"]


@dataclass(frozen=True)
class KeyPictures:
    """What the page draws of a key; of all rows of both sides.

    Attributes:
        parent, child: the tables.
        children: parents by their number of children.
        pairs: children by value, given a value of the parent: rows sum to 100. Farthest above the noise floor first.
        siblings: columns by how alike children of one parent are in them, in per cent; ``None`` where none is measured.
        families: numbers of a parent with its children that give synthetic ones away, most first.
        categories: parents by a column that gives synthetic ones away, most first.
    """

    parent: str
    child: str
    children: Profile
    pairs: tuple[Matrix, ...]
    siblings: Bars | None
    families: tuple[Profile, ...]
    categories: tuple[Bars, ...]


@dataclass(frozen=True)
class KeyReport:
    """One key.

    Attributes:
        key: such as ``users.id=events.user_id``.
        valid_percent: of the filled synthetic keys, those that name a row of the parent.
        unique: whether each synthetic parent has a key of its own.
        missing_percent, real_missing_percent: children without a parent: their key is empty, or names no row.
        kept: whether the parent is a lookup table, of which nothing else is measured.
        compared_parents: parents of each side of every comparison.
        figures: each the mean over random draws of parents.
        questions: ``cardinality``, ``parent and child``, ``siblings`` -> the mean of its figures.
        detection, detection_floor: 1 where a classifier cannot tell parents with aggregates of their children apart.
        telling: features by which synthetic parents are distinguished, with their percentage of the gain.
        pictures: what the page draws, of a key that is compared.
    """

    key: str
    valid_percent: float
    unique: bool
    missing_percent: float
    real_missing_percent: float
    kept: bool = False
    compared_parents: int = 0
    figures: tuple[Figure, ...] = ()
    questions: dict[str, Distance] | None = None
    detection: float | None = None
    detection_floor: float | None = None
    telling: dict[str, float] | None = None
    pictures: KeyPictures | None = None


@dataclass(frozen=True)
class LinksReport:
    """How near synthetic linked tables are to real ones.

    Attributes:
        real_rows, synthetic_rows: table -> rows.
        keys: one report for each key.
        notes: what a reader should know.
    """

    real_rows: dict[str, int]
    synthetic_rows: dict[str, int]
    keys: tuple[KeyReport, ...]
    notes: tuple[str, ...]

    @property
    def all_valid(self) -> bool:
        """Whether every filled key names one row of its parent."""
        return all(key.valid_percent == 100 and key.unique for key in self.keys)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LinksReport:
        """Read what :meth:`to_dict` wrote."""
        return build(cls, data)
