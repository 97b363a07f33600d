"""The section on cells: three columns at once, mutual information, rare categories, and the worst subgroups."""

from __future__ import annotations

from ...facts.margins import Margins
from ...facts.report import Report
from ...judging.wording import number
from ...margins.words import margin_rows, margin_sentences
from ..elements.charts import bar
from ..elements.markup import Markup, element
from ..elements.parts import Measure, hidden, measures, section, sentence, table

__all__ = ["margins_section"]


def margins_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where nothing was measured, as in an older report."""
    margins = report.margins
    if margins is None or not (rows := margin_rows(margins)):
        return None
    shown = [
        Measure(name, value, "no holdout to hold it against" if floor == "-" else f"noise floor {floor}", meaning)
        for name, value, floor, meaning in rows
    ]
    said = [element("li", words) for words in margin_sentences(margins)]
    return section(
        "Where it is worst",
        anchor,
        level,
        sentence(
            "Means over all rows hide what happens to few of them: to three columns together, to rare categories, "
            "to small groups.",
            "quiet",
        ),
        measures(shown),
        element("ul", *said, class_="findings") if said else None,
        _subgroups(margins),
        _rare(margins),
        _triples(margins),
    )


def _subgroups(margins: Margins) -> Markup | None:
    groups = margins.subgroups
    if groups is None or not groups.worst:
        return None
    top = max(*(group.error_percent for group in groups.worst), 5.0)
    headers = [
        "subgroup",
        ">real rows",
        ">synthetic rows",
        "",
        ">error %",
        ">noise floor %",
        "most of all in",
        ">error there %",
    ]
    rows = [
        [
            f"{group.column} = {group.value}",
            f"{group.real_rows:,}",
            f"{group.synthetic_rows:,}",
            bar(group.error_percent, group.floor_percent, top),
            number(group.error_percent, 1),
            number(group.floor_percent, 1),
            group.worst_column,
            number(group.worst_error_percent, 1),
        ]
        for group in groups.worst
    ]
    return table(
        f"Subgroups, {len(rows)} of {groups.groups:,}, farthest above their noise floor first; {groups.rows:,} "
        "synthetic rows",
        headers,
        rows,
    )


def _rare(margins: Margins) -> Markup | None:
    if margins.rare is None:
        return None
    headers = [
        "column",
        ">rare categories",
        ">covered %",
        ">by the holdout %",
        ">real rows that have one, %",
        ">synthetic %",
        ">holdout %",
    ]
    rows = [
        [
            column.name,
            f"{column.categories:,}",
            number(column.covered_percent, 1),
            number(column.covered_floor_percent, 1),
            number(column.real_percent),
            number(column.synthetic_percent),
            number(column.holdout_percent),
        ]
        for column in margins.rare.columns
    ]
    return table("Categories that less than 1 % of the real rows have", headers, rows)


def _triples(margins: Margins) -> Markup | None:
    if margins.three_way is None:
        return None
    rows = [
        [", ".join(triple.columns), number(triple.error_percent), number(triple.floor_percent)]
        for triple in margins.three_way.worst
    ]
    return hidden(
        "Three columns at once, the worst",
        table("Farthest above their noise floor first", ["columns", ">error %", ">noise floor %"], rows),
    )
