"""Tables and the keys between them, put in order: parents before their children."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from .keys import Key

__all__ = ["TableGraph"]


@dataclass(frozen=True)
class TableGraph:
    """Which table is whose child.

    Attributes:
        tables: all of them, parents before children, else in the order in which they were given.
        keys: in the order in which they were given.
        kept: lookup tables, whose real rows are given back as they are.
    """

    tables: tuple[str, ...]
    keys: tuple[Key, ...]
    kept: frozenset[str]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[str]], keys: Sequence[Key], kept: Collection[str] = ()) -> TableGraph:
        """The graph of tables with these ``columns``.

        Raises:
            UsageError: for a table without a key, a circle of keys, a column that two keys take for a child's, a kept
                table that is unknown or has a parent whose rows are made.
        """
        for name in kept:
            if name not in columns:
                raise UsageError(f"--keep names {name!r}, and the tables are {', '.join(columns)}.")
        for key in keys:
            if key.parent == key.child:
                raise UsageError(
                    f"The key {key.text} joins {key.parent} to itself, and such a tree is not learned: leave the key "
                    f"out, take {key.child_column!r} out of the table, and give each row what matters of the one that "
                    "it names in columns of its own."
                )
        twice = [at for at, count in Counter((key.child, key.child_column) for key in keys).items() if count > 1]
        if twice:
            raise UsageError(f"Two keys take {'.'.join(twice[0])} for the column of a child; leave one of them out.")
        joined = {name for key in keys for name in (key.parent, key.child)}
        if alone := [name for name in columns if name not in joined]:
            raise UsageError(
                f"The table {alone[0]!r} is joined to no other; add --key PARENT.COLUMN=CHILD.COLUMN ('tabllm schema' "
                "with all the files proposes keys), or fit it by itself."
            )
        for key in keys:
            if key.child in kept and key.parent not in kept:
                raise UsageError(
                    f"{key.child} cannot be kept as it is: its column {key.child_column!r} names rows of {key.parent}, "
                    f"which are made anew; keep {key.parent} too, or neither."
                )
        made = [name for name in columns if name not in kept]
        if not made:
            raise UsageError("All tables are to be kept as they are, so there is nothing to learn; leave --keep out.")
        graph = cls(_ordered(tuple(columns), keys), tuple(keys), frozenset(kept))
        for name in made:
            graph._check_own_keys(name)
        return graph

    def _check_own_keys(self, table: str) -> None:
        """Refuse a table that is named by a column which itself names rows of a parent that does not give its rows."""
        named_by = {key.parent_column for key in self.keys if key.parent == table}
        for key in self.secondary(table):
            if key.child_column in named_by:
                raise UsageError(
                    f"{table}.{key.child_column} names rows of {table} and of {key.parent}, so {key.parent} must give "
                    f"the rows of {table}: name the key {key.text} first."
                )

    @property
    def made(self) -> tuple[str, ...]:
        """The tables that are learned, parents before children."""
        return tuple(name for name in self.tables if name not in self.kept)

    @property
    def roots(self) -> tuple[str, ...]:
        """The made tables whose rows no parent gives."""
        return tuple(name for name in self.made if self.primary(name) is None)

    def primary(self, table: str) -> Key | None:
        """The key of the parent that gives the rows of ``table``: its first one to a table that is made."""
        return next((key for key in self.keys if key.child == table and key.parent not in self.kept), None)

    def secondary(self, table: str) -> tuple[Key, ...]:
        """The keys of ``table`` to its other parents that are made."""
        first = self.primary(table)
        return tuple(key for key in self.keys if key.child == table and key.parent not in self.kept and key != first)

    def lookups(self, table: str) -> tuple[Key, ...]:
        """The keys of ``table`` to tables that are kept."""
        return tuple(key for key in self.keys if key.child == table and key.parent in self.kept)

    def children(self, table: str) -> tuple[Key, ...]:
        """The keys to tables whose rows ``table`` gives, in the order in which these are made."""
        found = [key for key in self.keys if key.parent == table and self.primary(key.child) == key]
        return tuple(sorted(found, key=lambda key: self.tables.index(key.child)))

    def secondary_children(self, table: str) -> tuple[Key, ...]:
        """The keys to tables of which ``table`` is another parent, in the order in which these are made."""
        found = [key for key in self.keys if key.parent == table and key in self.secondary(key.child)]
        return tuple(sorted(found, key=lambda key: self.tables.index(key.child)))

    def named_by(self, table: str) -> tuple[str, ...]:
        """The columns of ``table`` that its children name it by."""
        return tuple(dict.fromkeys(key.parent_column for key in self.keys if key.parent == table))


def _ordered(tables: tuple[str, ...], keys: Sequence[Key]) -> tuple[str, ...]:
    """``tables`` with parents before children. Raises :class:`UsageError` for a circle."""
    left, found = list(tables), []
    while left:
        ready = [name for name in left if not any(key.child == name and key.parent in left for key in keys)]
        if not ready:
            circle = next(key for key in keys if key.child in left and key.parent in left)
            raise UsageError(f"The keys lead in a circle, in which {circle.text} stands; leave one of its keys out.")
        found.append(ready[0])
        left.remove(ready[0])
    return tuple(found)
