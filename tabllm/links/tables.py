"""What is learned of one table beside its own columns, as names of columns in the model of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from tabular.plain_json import FLAG, TEXT, check_fields, each_of, list_of, object_of, one_of, real, whole

__all__ = ["Given", "TablePlan"]

#: Keys of older runs -> what they are called now.
FORMER = {"told": "given"}
#: What stands for keys that a run of an earlier release lacks.
ABSENT: Mapping[str, Any] = MappingProxyType(
    {"aggregates": (), "order": "", "in_order": False, "ends": (), "constant": ()}
)
_GIVEN = {"source": TEXT, "table": TEXT, "column": TEXT, "name": TEXT}


@dataclass(frozen=True)
class Given:
    """A column that a row is drawn from.

    Attributes:
        source: ``count`` (rows of its parent), ``position`` among them, ``above`` (a column of ``table``, the parent
            or one above it), ``typical`` (the mean or most frequent value of the siblings before it), ``last`` (the
            value of the sibling before), ``elder`` (the typical value of the parent's rows in ``table``), ``due``
            (where a row would be if siblings went through each stretch of their way at one pace).
        table, column: where it is from; the table is empty where it is the row's own.
        name: in the model's table.
    """

    source: str
    table: str
    column: str
    name: str


@dataclass(frozen=True)
class TablePlan:
    """A table that is learned.

    Attributes:
        name: of the table.
        columns: all columns, as the table came.
        own: the columns that are learned or made up: without those that name rows of made parents.
        counts: key -> the column that says how many rows of the key's child name a row of this table.
        groups: key -> the column that says of which group another parent is.
        given: what a row is drawn from; nothing for a table without a parent.
        key_dtypes: column that names rows of a made parent -> its dtype.
        time: the column by which rows of one parent are in order; empty where they are as in the file.
        gaps: names for the columns of the model that tell it as gaps (seconds or units, weeks, days, clock), or none.
        unit: of the gaps; empty without them.
        together: whether rows of one parent stand together.
        alone: rows without a first parent for each row with one.
        rows: rows that were learned.
        aggregates: columns that say something of the children of each row, as :mod:`.aggregates` has them.
        order: the column in which siblings ascend; empty where there is none.
        in_order: whether all rows of the file ascend in it.
        ends: columns of the parent for the least value of ``order``, how far the greatest is from it, and how much of
            that way siblings have gone at the ends of stretches; or none.
        constant: own columns that are the same in all rows of a parent.
    """

    name: str
    columns: tuple[str, ...]
    own: tuple[str, ...]
    counts: Mapping[str, str]
    groups: Mapping[str, str]
    given: tuple[Given, ...]
    key_dtypes: Mapping[str, str]
    time: str
    gaps: tuple[str, ...]
    unit: str
    together: bool
    alone: float
    rows: int
    aggregates: tuple[str, ...] = ()
    order: str = ""
    in_order: bool = False
    ends: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    @property
    def apart(self) -> bool:
        """Whether rows are given nothing of the rows of their parent before them."""
        return not self.gaps and not any(each.source in ("typical", "last") for each in self.given)

    @property
    def extra(self) -> tuple[str, ...]:
        """The columns that the model has beside the own ones and those that are given."""
        return (*self.counts.values(), *self.groups.values(), *self.gaps, *self.aggregates)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        found = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TablePlan:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        data = {**ABSENT, **{FORMER.get(name, name): value for name, value in data.items()}}
        check_fields(
            data,
            {
                "name": TEXT,
                "columns": list_of(TEXT),
                "own": list_of(TEXT),
                "counts": each_of(TEXT),
                "groups": each_of(TEXT),
                "given": list_of(object_of(_GIVEN)),
                "key_dtypes": each_of(TEXT),
                "time": TEXT,
                "gaps": list_of(TEXT),
                "unit": one_of("", "days", "instants", "numbers"),
                "together": FLAG,
                "alone": real(0),
                "rows": whole(0),
                "aggregates": list_of(TEXT),
                "order": TEXT,
                "in_order": FLAG,
                "ends": list_of(TEXT),
                "constant": list_of(TEXT),
            },
            "it",
        )
        given = tuple(Given(**each) for each in data["given"])
        lists = {name: tuple(data[name]) for name in ("columns", "own", "gaps", "aggregates", "ends", "constant")}
        return cls(**{**data, **lists, "given": given})
