"""What is said of columns that hold real values of persons, before anything is made of them."""

from __future__ import annotations

import shlex

from ..progress import Reporter
from ..schema import Schema

__all__ = ["persons_given_away", "warn_of_persons"]


def persons_given_away(schema: Schema) -> str | None:
    """One line that names the columns whose real values of persons can come out, and the ways out; ``None`` without."""
    columns = [column for column in schema if column.gives_persons_away]
    if not columns:
        return None
    names = _listed([column.name for column in columns])
    sorts = ", ".join(dict.fromkeys(str(column.personal) for column in columns))
    kinds = " ".join(f"--kind {shlex.quote(f'{column.name}=identifier')}" for column in columns)
    verb, them = ("holds", "it") if len(columns) == 1 else ("hold", "them")
    return (
        f"WARNING: {names} {verb} real values of persons ({sorts}): the run keeps them and synthetic rows will repeat "
        f"them. Remove {them} from the table, or have {them} made anew with {kinds} (in Python: overrides of "
        "infer_schema); a column that names nobody loses its 'personal' in the schema file."
    )


def warn_of_persons(schema: Schema, progress: Reporter) -> None:
    """Say :func:`persons_given_away` where there is something to say."""
    if (line := persons_given_away(schema)) is not None:
        progress.warn(line)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
