"""Names for the columns of a file whose header leaves some empty or says one twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Header", "name_columns"]

#: A number that names no column; whole ones are years and the like.
_DECIMAL = re.compile(r"[-+]?\d+[.,]\d+|-\d+")
#: What a nameless first column is called: it labels or numbers the rows.
INDEX = "index"


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    Attributes:
        names: of the columns that are kept, all different, none empty.
        kept: which columns of the file these are.
        renamed: (name, what the header says) where these differ.
        notes: what was done, one sentence each.
    """

    names: tuple[str, ...]
    kept: tuple[int, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def name_columns(header: Sequence[str], is_empty: Callable[[int], bool]) -> Header:
    """Give every column of ``header`` a name of its own; one that has neither a name nor a cell is left out.

    Args:
        is_empty: whether a column has no filled cell; asked for nameless ones alone.
    """
    nameless = [index for index, name in enumerate(header) if not name.strip()]
    notes = []
    if (number := next((name for name in header if _DECIMAL.fullmatch(name.strip())), None)) is not None:
        notes.append(f"The header has {number!r} for a name: if the file has no header, put a line of names above it.")
    if not nameless and len(set(header)) == len(header):
        return Header(tuple(header), tuple(range(len(header))), notes=tuple(notes))
    empty = {position for position in nameless if is_empty(position)}
    kept = tuple(index for index in range(len(header)) if index not in empty)
    taken = {header[position] for position in kept}
    names: list[str] = []
    renamed, twice, indexed, numbered = [], [], False, []
    for position in kept:
        said = name = header[position]
        if not name.strip():
            name = _free(INDEX if position == 0 else f"column_{position + 1}", taken)
            indexed |= position == 0
            numbered += [name] if position else []
        elif name in names:
            name = _free(name, taken)
            twice.append(name)
        if name != said:
            renamed.append((name, said))
        taken.add(name)
        names.append(name)
    if empty:
        notes.append(f"Left out: {_columns(len(empty))} with neither a name nor a value.")
    if indexed:
        notes.append(f"The first column has no name: read as {names[0]!r}, and written without a name again.")
    if numbered:
        notes.append(
            f"{_columns(len(numbered)).capitalize()} without a name: read as {', '.join(map(repr, numbered))}."
        )
    if twice:
        notes.append(f"Names that stand more than once in the header: read as {', '.join(map(repr, twice))}.")
    return Header(tuple(names), kept, tuple(renamed), tuple(notes))


def _free(name: str, taken: set[str]) -> str:
    """``name`` if it is not taken and no name of the header, else with a number behind it."""
    if name not in taken:
        return name
    number = 1
    while f"{name}.{number}" in taken:
        number += 1
    return f"{name}.{number}"


def _columns(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"
