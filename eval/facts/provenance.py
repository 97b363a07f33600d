"""Where a page comes from: files, generator and command, which no figure of a report tells, and some rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from tabular.passwords import without_password

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SAMPLE_ROWS", "Provenance", "Sample", "provenance", "sample_of"]

#: Rows of each table that stand on a page.
SAMPLE_ROWS = 5
#: Characters of a cell that are kept.
MAX_CELL = 40


@dataclass(frozen=True)
class Sample:
    """Some rows of a table as text; a missing cell is empty."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Provenance:
    """What stands on a page besides its report.

    Attributes:
        facts: name -> what it is, such as ``"command"`` and the command.
        note: what a reader must know before all figures.
        real: some rows of the real table; ``None`` keeps real rows off the page.
        synthetic: some rows of each synthetic table, by the name of its report.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    real: Sample | None = None
    synthetic: Mapping[str, Sample] = field(default_factory=dict)
    note: str = ""


def provenance(
    facts: Mapping[str, str],
    real: pd.DataFrame | None = None,
    synthetic: Mapping[str, pd.DataFrame] | None = None,
    note: str = "",
) -> Provenance:
    """``facts`` with the time, without a database's password, and the first rows of a fixed draw of each table."""
    now = datetime.now(timezone.utc)
    return Provenance(
        {**{name: without_password(fact) for name, fact in facts.items()}, "date": f"{now:%Y-%m-%d %H:%M} UTC"},
        None if real is None else sample_of(real),
        {name: sample_of(table) for name, table in (synthetic or {}).items()},
        note,
    )


def sample_of(table: pd.DataFrame, rows: int = SAMPLE_ROWS) -> Sample:
    """``rows`` rows of ``table`` in their order, always the same ones of the same number of rows."""
    drawn = table.sample(min(rows, len(table)), random_state=0).sort_index()
    cells = drawn.astype(object).where(drawn.notna(), "")
    return Sample(
        tuple(map(str, table.columns)),
        tuple(tuple(_cell(value) for value in row) for row in cells.itertuples(index=False, name=None)),
    )


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value).removesuffix(" 00:00:00")
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
