"""What is said of columns that hold real values of persons, before anything is made of them."""

from __future__ import annotations

import shlex

from ..progress import Reporter
from ..schema import Schema

__all__ = ["persons_given_away", "persons_made_up", "warn_of_persons"]


def persons_given_away(schema: Schema) -> str | None:
    """One line that names the columns whose real values of persons can come out, and the ways out; ``None`` without."""
    columns = [column for column in schema if column.gives_persons_away]
    if not columns:
        return None
    names = _listed([column.name for column in columns])
    sorts = ", ".join(dict.fromkeys(str(column.personal) for column in columns))
    verb, them = ("holds", "it") if len(columns) == 1 else ("hold", "them")
    kinds = " ".join(f"--kind {shlex.quote(f'{column.name}=identifier')}" for column in columns)
    return (
        f"WARNING: {names} {verb} real values of persons ({sorts}): the run keeps them and synthetic rows will repeat "
        f"them, as was requested. Have {them} made up with {kinds}, or remove {them} with --drop; a column that names "
        "nobody loses its 'personal' in the schema file."
    )


def persons_made_up(schema: Schema) -> str | None:
    """One line that names the columns of persons whose values are made up, and how to keep them; ``None`` without."""
    columns = [column for column in schema if column.personal is not None and not column.gives_persons_away]
    if not columns:
        return None
    names = _listed([f"{column.name} ({column.personal})" for column in columns])
    keep = shlex.quote(f"{columns[0].name}=categorical")
    return (
        f"PERSONAL DATA: the values of {names} are made up: none is real and the run holds none; they have the form of "
        f"the real ones and come back as often. To keep the real values where they name nobody: --kind {keep}."
    )


def warn_of_persons(schema: Schema, progress: Reporter) -> None:
    """Say :func:`persons_given_away` and :func:`persons_made_up` where there is something to say."""
    if (line := persons_given_away(schema)) is not None:
        progress.warn(line)
    if (line := persons_made_up(schema)) is not None:
        progress.note(line)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
