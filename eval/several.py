"""Several synthetic tables of one real table: each judged by itself, then set beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from tabular.encoding.frames import as_pandas
from tabular.notebook import default_reporter
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter, Task
from tabular.schema import Schema

from .comparison import compare
from .facts.notebook import Shown
from .facts.report import Report, ShadowAttack
from .judging.side_by_side import SideBySide, pairwise_tables, side_by_side
from .metrics.pairwise import pairwise
from .preparing.tables import check_form

__all__ = ["Several", "compare_several"]


@dataclass(frozen=True, repr=False)
class Several(Shown):
    """The reports by name, and the tables that set them side by side (none of one report).

    Example:
        >>> import pandas as pd
        >>> from eval import compare_several
        >>> real = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> several = compare_several(real, {"copy": real, "younger": real.assign(age=real["age"] // 2)})
        >>> list(several.reports)
        ['copy', 'younger']
        >>> sorted(several.to_frame()["table"].unique())
        ['copy', 'younger']
    """

    reports: dict[str, Report]
    tables: tuple[SideBySide, ...]

    def with_shadow(self, attacks: Mapping[str, ShadowAttack]) -> Several:
        """The same with what shadow models found, by the name of the table."""
        reports = {
            name: report
            if report.privacy is None or name not in attacks
            else replace(report, privacy=replace(report.privacy, shadow=attacks[name]))
            for name, report in self.reports.items()
        }
        others = self.tables[len(side_by_side(self.reports)) :]
        return Several(reports, (*side_by_side(reports), *others) if self.tables else ())


def compare_several(
    real: pd.DataFrame,
    synthetic: Mapping[str, pd.DataFrame],
    *,
    schema: Schema | None = None,
    progress: Reporter | None = None,
    **options: Any,
) -> Several:
    """Judge each table of ``synthetic`` as :func:`eval.compare` does; the form of all is checked before the work.

    Args:
        synthetic: the tables by the names that they are to have in the report.
        options: further keywords of :func:`eval.compare`, such as ``holdout`` and ``target``.

    Raises:
        TableError: if a table lacks columns or has too few rows; the message names it.
        UsageError: as :func:`eval.compare`.
    """
    real, synthetic = as_pandas(real), {name: as_pandas(table) for name, table in synthetic.items()}
    schema = schema or infer_schema(real)
    if len(real):  # an empty one is reported by `compare`
        for name, table in synthetic.items():
            check_form("synthetic" if len(synthetic) == 1 else name, table, schema)
    progress = default_reporter(progress)
    reports = {
        name: compare(real, table, schema=schema, progress=_Named(progress, name, len(synthetic)), **options)
        for name, table in synthetic.items()
    }
    if len(reports) == 1:
        return Several(reports, ())
    between = pairwise_tables(pairwise(real, synthetic, schema=schema), tuple(reports))
    return Several(reports, (*side_by_side(reports), *between))


class _Named(Reporter):
    """Puts the name of the table before each task, where there are several."""

    def __init__(self, inner: Reporter, name: str, tables: int) -> None:
        self.inner = inner
        self.before = f"{name}: " if tables > 1 else ""

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        with self.inner.task(self.before + label, total, unit) as task:
            yield task

    def note(self, message: str) -> None:
        self.inner.note(self.before + message)
