"""The results as a table in the terminal and in Markdown."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from .catalogue import PEERS, PUBLISHED

__all__ = ["markdown", "terminal"]


class _Figure(NamedTuple):
    """A column of the tables: head, key in a result, format, and whether more is better (``None``: neither)."""

    head: str
    key: str
    form: str
    more: bool | None = None


_FIGURES = (
    _Figure("fit, s", "fit_seconds", ",.0f"),
    _Figure("fit, s of processor", "fit_processor_seconds", ",.0f"),
    _Figure("rows/s", "rows_per_second", ",.0f"),
    _Figure("memory, GB", "peak_gb", ".1f"),
    _Figure("shape error, %", "shape_percent", ".2f", False),
    _Figure("trend error, %", "trend_percent", ".2f", False),
    _Figure("detection", "detection", ".3f", True),
    _Figure("information error", "information_error", ".4f", False),
    _Figure("utility", "utility", ".4f", True),
    _Figure("all targets, %", "all_targets_percent", ".1f", True),
    _Figure("DCR share", "dcr_share", ".1%"),
    _Figure("membership", "membership_auc", ".3f"),
)


def _rows(results: Sequence[dict[str, Any]], table: str) -> Iterable[tuple[str, list[str]]]:
    """(label, cells) per generator of one table: medians over seeds."""
    for name, peer in PEERS.items():
        found = [result for result in results if result["table"] == table and result["peer"] == name]
        good = [result for result in found if "failed" not in result]
        if good:
            yield f"{peer.label} ({len(good)})" if len(good) > 1 else peer.label, [_cell(good, f) for f in _FIGURES]
        elif found:
            yield peer.label, [textwrap.shorten(found[-1]["failed"], 100), *[""] * (len(_FIGURES) - 1)]


def _cell(results: Sequence[dict[str, Any]], figure: _Figure) -> str:
    values = [result[figure.key] for result in results if result.get(figure.key) is not None]
    return format(statistics.median(values), figure.form) if values else ""


def _best(rows: Sequence[tuple[str, list[str]]], figure: int) -> str | None:
    """The best cell of a column, as it is written."""
    more = _FIGURES[figure].more
    cells = [cells[figure] for _, cells in rows if cells[figure] and "failed" not in cells[figure]]
    if more is None or not cells:
        return None
    choose: Callable[..., str] = max if more else min
    return choose(cells, key=lambda cell: float(cell.replace(",", "")))


def terminal(results: Sequence[dict[str, Any]], table: str) -> Table:
    """For rich."""
    drawn = Table("generator", *(figure.head for figure in _FIGURES), title=table)
    for label, cells in _rows(results, table):
        drawn.add_row(label, *cells)
    return drawn


def markdown(results: Sequence[dict[str, Any]], tables: Sequence[str], machine: str) -> str:
    """A section per table, the best of each quality column in bold, then the published figures."""
    shown = {result["peer"] for result in results}
    notes = [f"- {peer.label}: {peer.note}." for name, peer in PEERS.items() if peer.note and name in shown]
    lines = [machine, "", *notes, *[""][: len(notes)]]
    for table in tables:
        rows = list(_rows(results, table))
        best = [_best(rows, index) for index in range(len(_FIGURES))]
        lines += [f"### {table}", "", "| generator | " + " | ".join(figure.head for figure in _FIGURES) + " |"]
        lines += ["|---" * (len(_FIGURES) + 1) + "|"]
        for label, cells in rows:
            marked = [f"**{cell}**" if cell and cell == top else cell for cell, top in zip(cells, best, strict=True)]
            lines.append(f"| {label} | " + " | ".join(marked) + " |")
        lines += [
            f"| {name}, published |  |  |  |  |  | {trend} | {detection} |  | {auc} |  |  |  |"
            for name, (detection, trend, auc) in PUBLISHED.get(table, {}).items()
        ]
        lines.append("")
    return "\n".join(lines)
