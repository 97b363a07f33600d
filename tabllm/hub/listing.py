"""The pretrained models that there are: those with a short name, and others in the hub's cache."""

from __future__ import annotations

from dataclasses import dataclass

from .cache import Pulled, scan_cache
from .catalog import CATALOG, Entry
from .errors import ModelError
from .facts import ModelFacts, read_facts

__all__ = ["Row", "list_rows"]


@dataclass(frozen=True)
class Row:
    """One model.

    Attributes:
        name: what is given to ``-m``.
        state: ``pulled``, ``incomplete`` (the next pull goes on with it) or ``not pulled``.
        tuning: what suits it on a laptop; empty where nobody said.
        parameters, disk: ``None`` where they are not known without pulling it.
        revision, path: of what is pulled.
        pinned: the commit that a short name means; ``None``: it means the main branch.
        tried: with which weights the architecture was run here; empty where it was not.
    """

    name: str
    repo: str
    description: str
    tuning: str
    state: str
    parameters: int | None
    disk: int | None
    revision: str | None
    path: str | None
    pinned: str | None = None
    tried: str = ""


def list_rows() -> list[Row]:
    """All models with a short name, then those of the cache that have none."""
    pulled = {found.repo: found for found in scan_cache()}
    rows = [_row(entry, pulled.pop(entry.repo, None)) for entry in CATALOG.values()]
    return rows + [_row(Entry(repo, repo, "", "", tried=""), found) for repo, found in pulled.items()]


def _row(entry: Entry, pulled: Pulled | None) -> Row:
    facts = None if pulled is None else _facts(pulled)
    state = "not pulled" if pulled is None else "pulled" if facts else "incomplete"
    return Row(
        entry.name,
        entry.repo,
        entry.description or (facts.architecture if facts else ""),
        entry.tuning,
        state,
        facts.parameters if facts else entry.parameters,
        facts.disk if facts else None,
        pulled.revision if pulled else None,
        str(pulled.path) if pulled else None,
        entry.revision,
        entry.tried,
    )


def _facts(pulled: Pulled) -> ModelFacts | None:
    if not pulled.complete:
        return None
    try:
        return read_facts(pulled.path)
    except ModelError:
        return None
