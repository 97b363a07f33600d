"""What a report offers in a notebook: a short text, a table, its verdicts as a DataFrame, and one way to keep it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tabular.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from ..judging.verdicts import Verdict
    from .report import Report

__all__ = ["Shown"]

MARKS = {"good": "\N{CHECK MARK}", "fair": "~", "poor": "\N{BALLOT X}", "open": "?"}


class Shown:
    """What :class:`eval.Report` and :class:`eval.Several` share."""

    @property
    def ok(self) -> bool:
        """Whether no verdict is "poor". What was not measured is not counted; see :meth:`to_frame`."""
        return all(verdict.level != "poor" for _, verdict in self._verdicts())

    def to_frame(self) -> pd.DataFrame:
        """The verdicts, one row each: ``subject``, ``level``, ``figure``, ``reference``, ``word``.

        Of several reports the first column, ``table``, names the synthetic table.
        """
        import pandas as pd

        rows = [{"table": name, **vars(verdict)} for name, verdict in self._verdicts()]
        frame = pd.DataFrame(rows)
        return frame if len(self._reports()) > 1 else frame.drop(columns="table")

    def save(self, path: str | Path) -> None:
        """Write a page (``.html``) or all figures (``.json``), by the ending of ``path``.

        Raises:
            UsageError: for another ending.
            OutputError: if the file cannot be written.
        """
        ending = Path(path).suffix.lower()
        reports = self._reports()
        if ending in (".html", ".htm"):
            from ..page.html import write_html

            write_html(next(iter(reports.values())) if len(reports) == 1 else reports, path)
        elif ending == ".json":
            from tabular.storage.rundir import write_json

            data = {name: report.to_dict() for name, report in reports.items()}
            write_json(path, next(iter(data.values())) if len(data) == 1 else {"version": 1, "reports": data})
        else:
            raise UsageError(f"{path} ends with neither .html (a page) nor .json (all figures); choose one of them.")

    def _reports(self) -> Mapping[str, Report]:
        """The reports by name; a single one stands for itself."""
        found: Mapping[str, Report] = getattr(self, "reports", {"": self})
        return found

    def _verdicts(self) -> list[tuple[str, Verdict]]:
        from ..judging.verdicts import verdicts

        return [(name, verdict) for name, report in self._reports().items() for verdict in verdicts(report)]

    def __repr__(self) -> str:
        lines = []
        for name, report in self._reports().items():
            about = f"{report.rows.synthetic:,} synthetic beside {report.rows.real:,} real rows"
            marks = ", ".join(f"{v.subject} {MARKS[v.level]}" for shown, v in self._verdicts() if shown == name)
            lines.append(f"<{type(self).__name__}{f' {name}' * bool(name)}: {about}; {marks}>")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from tabular.notebook import html_table

        several = len(self._reports()) > 1
        header = ("", "", "figure", "beside", "verdict")
        rows = [
            (*([name] if several else []), MARKS[v.level], v.subject, v.figure, v.reference, v.word)
            for name, v in self._verdicts()
        ]
        title = "Verdicts; save('report.html') writes the whole page"
        return html_table(title, (*([""] if several else []), *header), rows)
