"""Updates of a table with hundreds of columns, each of which costs as many times as much."""

from __future__ import annotations

from typing import Any

from ..parts import parts_of

__all__ = ["MANY_COLUMNS", "columns_learned", "updates_for"]

#: Tables of more columns than these are learned with fewer updates.
MANY_COLUMNS = 150


def columns_learned(model: Any) -> int:
    """Columns that ``model`` is fitted to, parts of dates and the like counted by themselves; 1 before a fit."""
    return len(parts_of(model.schema_).schema) if hasattr(model, "schema_") else 1


def updates_for(columns: int, updates: int, least: int) -> int:
    """Of ``updates`` the fraction in which the columns beyond :data:`MANY_COLUMNS` make each update dearer.

    Args:
        columns: of the table.
        updates: of a table of few columns.
        least: updates that are made in any case.
    """
    return updates if columns <= MANY_COLUMNS else max(min(least, updates), updates * MANY_COLUMNS // columns)
