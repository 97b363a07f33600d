"""Cuts work on a run into parts: the job, where the generator lets each part be made alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import UsageError
from tabular.rules.reducing.file_order import order_of
from tabular.where.conditions import parse_where

from .job import Job, file_sha256, run_fingerprint
from .tables import count_rows

if TYPE_CHECKING:
    from tabular.synthesizer import Synthesizer

__all__ = ["sample_job", "table_job"]

#: Rows of a table that are worked on together.
TABLE_ROWS = 1 << 16


def sample_job(
    synthesizer: Synthesizer, run: str | Path, rows: int, *, seed: int | None = None, settings: Mapping[str, Any]
) -> Job:
    """The job of sampling ``rows`` rows.

    Args:
        synthesizer: the run, loaded.
        seed: the one of the fit if absent.
        settings: ``where`` (conditions), ``refine``, and whatever else the rows depend on.

    Raises:
        UsageError: if the parts of this generator, or of this table, cannot be made one without the other.
        ConditionError: for a condition that names an unknown column or an impossible value.
    """
    part_rows = synthesizer.part_rows
    if part_rows is None:
        raise UsageError(
            f"Rows of the model {synthesizer.name!r} cannot be made in parts of their own; write one file: -o "
            "rows.parquet."
        )
    order = order_of(synthesizer.schema)
    if order is not None and order.sorts:
        what = f"{order.by!r}" if order.by is not None else ", ".join(repr(name) for name, _ in order.alone)
        raise UsageError(
            f"A rule keeps the rows of this table in the order of {what}, for which all rows must be there before the "
            "first is written; write one file (-o rows.parquet), or fit without this rule."
        )
    parse_where(list(settings.get("where") or ()) or None, synthesizer.schema)
    return _job("sample", synthesizer, run, rows, part_rows, seed, settings)


def table_job(
    task: str,
    synthesizer: Synthesizer,
    run: str | Path,
    table: str,
    *,
    seed: int | None = None,
    settings: Mapping[str, Any],
) -> Job:
    """The job of working on the rows of the Parquet file ``table``.

    Args:
        task: ``"impute"``, ``"score"`` or ``"predict"``.
        settings: ``dropped`` (columns to leave out), and whatever else the result depends on.

    Raises:
        UsageError: for a run of users or of linked tables, whose rows belong together.
        UsageError, TableError: as :func:`.tables.count_rows`.
    """
    if synthesizer.unit != "rows":
        raise UsageError(
            f"Rows of a run of {synthesizer.unit} belong together and are not worked on in parts; write one file: -o "
            "rows.parquet."
        )
    rows = count_rows(table)
    return _job(task, synthesizer, run, rows, TABLE_ROWS, seed, {**settings, "input": file_sha256(table)})


def _job(
    task: str,
    synthesizer: Synthesizer,
    run: str | Path,
    rows: int,
    part_rows: int,
    seed: int | None,
    settings: Mapping[str, Any],
) -> Job:
    chosen: int = synthesizer.settings().get("seed", 0) if seed is None else seed
    given = {name: value for name, value in settings.items() if value not in (None, [], ())}
    return Job(task, run_fingerprint(run), rows, part_rows, chosen, given)
