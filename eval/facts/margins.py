"""What the files of this folder find, as plain data. Every error stands beside that of the holdout."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Information", "Margins", "RareCategories", "RareColumn", "Subgroup", "Subgroups", "ThreeWay", "Triple"]


@dataclass(frozen=True)
class Triple:
    """The joint table of three columns: total variation distance from that of the real rows."""

    columns: tuple[str, ...]
    error_percent: float
    floor_percent: float | None


@dataclass(frozen=True)
class ThreeWay:
    """Three columns at once; see :mod:`eval.margins.three_way`.

    Attributes:
        error_percent, floor_percent: means over the :attr:`triples` that were measured.
        possible: how many there are in the table.
        rows: of the synthetic table, and as many of the holdout.
        worst: those farthest above their noise floor, the farthest first.
    """

    error_percent: float
    floor_percent: float | None
    triples: int
    possible: int
    rows: int
    worst: tuple[Triple, ...] = ()


@dataclass(frozen=True)
class Information:
    """How far the mutual information of pairs is off; see :mod:`eval.margins.information`.

    Attributes:
        weighted_error: mean absolute difference of the normalised mutual information, weighted by its sum in both
            tables; 0 is equal.
        error: the plain mean.
        rows: of each table; the floor is measured on :attr:`floor_rows`.
    """

    weighted_error: float
    weighted_floor: float | None
    error: float
    floor: float | None
    pairs: int
    possible: int
    rows: int
    floor_rows: int | None = None


@dataclass(frozen=True)
class RareColumn:
    """The rare categories of one column.

    Attributes:
        categories: how many are rare.
        real_percent, synthetic_percent, holdout_percent: rows that have one of them.
        covered_percent: of the rare categories, those that the synthetic rows have; the floor is the holdout's.
    """

    name: str
    categories: int
    real_percent: float
    synthetic_percent: float
    holdout_percent: float | None
    covered_percent: float
    covered_floor_percent: float | None


@dataclass(frozen=True)
class RareCategories:
    """Categories of less than :data:`eval.margins.rare.RARE` of the real rows.

    Attributes:
        categories: how many there are in all columns.
        covered_percent, covered_floor_percent: of them, those that :attr:`rows` synthetic, and as many holdout, rows
            have.
        columns: those that fall short most, first.
    """

    categories: int
    covered_percent: float
    covered_floor_percent: float | None
    rows: int
    columns: tuple[RareColumn, ...] = ()


@dataclass(frozen=True)
class Subgroup:
    """The rows with one value of one column.

    Attributes:
        error_percent: shape error within the subgroup, the mean over the other columns.
        worst_column: the one farthest above its noise floor there, with its own error.
    """

    column: str
    value: str
    real_rows: int
    synthetic_rows: int
    error_percent: float
    floor_percent: float | None
    worst_column: str
    worst_error_percent: float


@dataclass(frozen=True)
class Subgroups:
    """Each value of the small categorical columns; see :mod:`eval.margins.subgroups`.

    Attributes:
        error_percent, floor_percent: means over the :attr:`groups`; the floor over those that have one.
        rows: of the synthetic table, and as many of the holdout.
        worst: those farthest above their noise floor, the farthest first.
    """

    groups: int
    error_percent: float
    floor_percent: float | None
    rows: int
    worst: tuple[Subgroup, ...] = ()


@dataclass(frozen=True)
class Margins:
    """All of the above; ``None`` where a table has nothing to measure it on."""

    three_way: ThreeWay | None = None
    information: Information | None = None
    rare: RareCategories | None = None
    subgroups: Subgroups | None = None
