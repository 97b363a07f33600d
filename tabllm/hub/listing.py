"""The pretrained models that there are: those with a short name, and others in the hub's cache."""

from __future__ import annotations

from dataclasses import dataclass

from .cache import Pulled, scan_cache
from .catalog import CATALOG
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


def list_rows() -> list[Row]:
    """All models with a short name, then those of the cache that have none."""
    pulled = {found.repo: found for found in scan_cache()}
    rows = [
        _row(entry.name, entry.repo, entry.description, entry.tuning, entry.parameters, pulled.pop(entry.repo, None))
        for entry in CATALOG.values()
    ]
    return rows + [_row(repo, repo, "", "", None, found) for repo, found in pulled.items()]


def _row(
    name: str, repo: str, description: str, tuning: str, parameters: int | None, pulled: Pulled | None
) -> Row:  # fmt: skip
    if pulled is None:
        return Row(name, repo, description, tuning, "not pulled", parameters, None, None, None)
    facts = _facts(pulled)
    return Row(
        name,
        repo,
        description or (facts.architecture if facts else ""),
        tuning,
        "pulled" if facts else "incomplete",
        facts.parameters if facts else parameters,
        facts.disk if facts else None,
        pulled.revision,
        str(pulled.path),
    )


def _facts(pulled: Pulled) -> ModelFacts | None:
    if not pulled.complete:
        return None
    try:
        return read_facts(pulled.path)
    except ModelError:
        return None
