"""The section on single columns: figures, distributions, and the table of all columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...facts.figures import Distribution
from ...facts.report import ColumnFidelity, Fidelity, FormFacts, Report
from ...judging.findings import by_excess, judged
from ...judging.wording import cell_text, number
from ..elements.charts import bar, distribution_chart
from ..elements.markup import Markup, element
from ..elements.parts import Measure, hidden, legend, measures, plot, plots, section, sentence, table

__all__ = ["MAX_PLOTS", "columns_section"]

#: Columns that are drawn; the others stand in the table alone.
MAX_PLOTS = 60
#: Columns that are drawn before a reader asks for more.
SHOWN = 12
#: Rows of the table of all columns.
MAX_ROWS = 1000


def columns_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` if no column could be compared."""
    fidelity = report.fidelity
    worst = by_excess(fidelity.columns)
    if not worst and not report.forms:
        return None
    facts = {each.name: each for each in report.distributions}
    drawn = [_plot(column, facts[column.name]) for column in worst if column.name in facts][:MAX_PLOTS]
    shown = "Farthest above the noise floor first. Fractions are of all rows; bars at the ends hold what lies beyond."
    more = len(drawn) - SHOWN
    return section(
        "Columns, one by one",
        anchor,
        level,
        measures(_measures(fidelity)),
        sentence(shown, "quiet") if drawn else None,
        legend("real", "synthetic", *(["holdout"] if report.rows.holdout is not None else [])) if drawn else None,
        plots(drawn[:SHOWN]) if drawn else None,
        hidden(f"{more} more {_plural('column', more)}", plots(drawn[SHOWN:])) if more > 0 else None,
        _table(worst[:MAX_ROWS], "The columns, farthest above their noise floor first", fidelity) if worst else None,
        _forms(report.forms[:MAX_ROWS]) if report.forms else None,
        sentence(judged(report), "quiet"),
    )


def _forms(forms: Sequence[FormFacts]) -> Markup:
    rows = [
        [
            each.name,
            each.kind,
            *(
                number(value, 1)
                for value in (
                    each.valid_percent,
                    each.valid_floor_percent,
                    each.unique_real_percent,
                    each.unique_synthetic_percent,
                    each.top_real_percent,
                    each.top_synthetic_percent,
                )
            ),
            each.fault or "as real ones",
        ]
        for each in forms
    ]
    headers = [
        "column",
        "kind",
        ">valid %",
        ">holdout valid %",
        ">different, real %",
        ">different, synthetic %",
        ">most frequent, real %",
        ">most frequent, synthetic %",
        "form",
    ]
    return table("Identifiers, text and dates, by form: valid is what is written as real ones are", headers, rows)


def _measures(fidelity: Fidelity) -> list[Measure]:
    def fraction(value: float | None, floor: float | None) -> tuple[float, float | None] | None:
        return None if value is None else (value / 20, None if floor is None else floor / 20)

    shape, floor = fidelity.shape_error_percent, fidelity.shape_floor_percent
    made = [
        Measure(
            "Shape error",
            f"{number(shape)} %",
            _floor(floor),
            "Mean over the columns. Numbers: Kolmogorov-Smirnov. Categories: total variation, the fraction of cells "
            "that would have to change.",
            fraction(shape, floor),
        ),
        Measure(
            "Jensen-Shannon distance",
            f"{number(fidelity.js_percent)} %",
            _floor(fidelity.js_floor_percent),
            "Base 2, numbers in 20 bins that hold equally many real cells; it weighs rare values more.",
            fraction(fidelity.js_percent, fidelity.js_floor_percent),
        ),
        Measure(
            "Overall fidelity",
            f"{number(fidelity.overall_percent)} %",
            _floor(fidelity.overall_floor_percent),
            "100 % less the mean of the two errors beside it. Columns that know nothing of each other reach the "
            "best of all, so read the pairs too.",
        ),
    ]
    if fidelity.missing_error_percent is not None:
        made.append(
            Measure(
                "Missing cells",
                f"{number(fidelity.missing_error_percent)} %",
                "0 % is equal",
                "How far the fraction of missing cells is off, mean over the columns.",
            )
        )
    if fidelity.wasserstein is not None:
        floor = fidelity.wasserstein_floor
        made.append(
            Measure(
                "Wasserstein distance",
                number(fidelity.wasserstein, 3),
                "no holdout to hold it against" if floor is None else f"noise floor {floor:.3f}",
                "How far the mass of a number has to be carried, in its standard deviations; mean over the columns.",
            )
        )
    if fidelity.coverage_percent is not None:
        made.append(
            Measure(
                "Coverage",
                f"{fidelity.coverage_percent:.1f} %",
                _floor(fidelity.coverage_floor_percent),
                "How much of each real range is reached, and how many of the real categories occur.",
            )
        )
    return made


def _floor(floor: float | None) -> str:
    return "no holdout to hold it against" if floor is None else f"noise floor {floor:.2f} %"


def _plot(column: ColumnFidelity, facts: Distribution) -> Markup:
    finding = f"{column.name}: {column.metric} error {number(column.error_percent)} %"
    finding += "" if column.floor_percent is None else f", noise floor {column.floor_percent:.2f} %"
    beside = "" if column.floor_percent is None else f" (noise floor {column.floor_percent:.2f} %)"
    folded = f" · {facts.folded:,} rarer categories in “other values”" if facts.folded else ""
    caption = [
        element("strong", column.name),
        f" · {column.kind} · {column.metric} {number(column.error_percent)} %{beside}",
        element("span", folded, class_="quiet") if folded else None,
    ]
    return plot(caption, distribution_chart(facts, finding, _widest(facts)), _numbers(facts))


def _bars(facts: Distribution) -> list[str]:
    """What each bar holds, in words."""
    written = [cell_text(edge, facts.kind) for edge in facts.edges]
    return [f"{low} to {high}" for low, high in pairwise(written)] + list(facts.labels)


def _widest(facts: Distribution) -> str:
    """The bar where real and synthetic differ most."""
    gaps = [abs(r - s) for r, s in zip(facts.real_percent, facts.synthetic_percent, strict=True)]
    if not gaps:
        return "The column has no value in any table."
    at = gaps.index(max(gaps))
    if not gaps[at]:
        return "Real and synthetic fractions are equal in every bar."
    return (
        f"Real and synthetic differ most at {_bars(facts)[at]}: real {facts.real_percent[at]:.2f} %, "
        f"synthetic {facts.synthetic_percent[at]:.2f} % of the rows."
    )


def _numbers(facts: Distribution) -> Markup:
    tables = [facts.real_percent, facts.synthetic_percent] + ([facts.holdout_percent] if facts.holdout_percent else [])
    rows = [[name, *(f"{fraction:.2f}" for fraction in row)] for name, *row in zip(_bars(facts), *tables, strict=True)]
    headers = ["value", ">real", ">synthetic", ">holdout"][: len(tables) + 1]
    return table(f"{facts.name}, fraction of the rows in %", headers, rows)


def _table(columns: Sequence[ColumnFidelity], caption: str, fidelity: Fidelity) -> Markup:
    top = max((c.error_percent or 0.0 for c in fidelity.columns), default=0.0)
    headers = [
        "column",
        "kind",
        "",
        ">error %",
        ">noise floor %",
        ">Jensen-Shannon %",
        ">missing real %",
        ">missing synthetic %",
        ">values unknown to real %",
        ">Wasserstein",
        ">coverage %",
    ]
    rows = [
        [
            c.name,
            f"{c.kind}, {c.metric}",
            bar(c.error_percent, c.floor_percent, max(top, 5.0)),
            number(c.error_percent),
            number(c.floor_percent),
            number(c.js_percent),
            number(c.missing_real_percent, 1),
            number(c.missing_synthetic_percent, 1),
            number(c.unseen_percent),
            number(c.wasserstein, 3),
            number(c.coverage_percent, 1),
        ]
        for c in columns
    ]
    return table(caption, headers, rows)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
