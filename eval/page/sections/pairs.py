"""The section on pairs of columns: figures, maps of associations and their difference, the worst pairs."""

from __future__ import annotations

from collections.abc import Sequence

from ...facts.report import PairTrend, Report, Trends
from ...judging.findings import by_excess
from ...judging.wording import number
from ..elements.charts import association_map, bar, heat_map
from ..elements.markup import Markup, element
from ..elements.parts import Measure, hidden, measures, plot, plots, section, sentence, table

__all__ = ["MAX_MAPPED", "pairs_section"]

#: Columns of a map; of more, those of the pairs that are farthest off.
MAX_MAPPED = 30
#: Pairs that are listed.
MAX_ROWS = 500


def pairs_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` if there is no pair."""
    trends = report.trends
    worst = by_excess(trends.pairs)
    if not worst:
        return None
    return section(
        "Pairs of columns",
        anchor,
        level,
        measures(_measures(trends)),
        *_joints(report, level + 1),
        *_maps(trends, worst),
        _table(worst[:MAX_ROWS], "The pairs, farthest above their noise floor first"),
        sentence(f"{len(worst) - MAX_ROWS:,} more pairs are nearer to it.", "quiet") if len(worst) > MAX_ROWS else None,
    )


def _joints(report: Report, level: int) -> list[Markup]:
    """Real, synthetic and their difference, for the pairs that are farthest off."""
    drawn = []
    for joint in report.joints:
        rows = [i for i in range(len(joint.first.labels)) if any(joint.real_percent[i] + joint.synthetic_percent[i])]
        columns = [
            j
            for j in range(len(joint.second.labels))
            if any(table[i][j] for table in (joint.real_percent, joint.synthetic_percent) for i in rows)
        ]
        real, made = (
            [[table[i][j] for j in columns] for i in rows] for table in (joint.real_percent, joint.synthetic_percent)
        )
        apart = [[m - r for r, m in zip(*both, strict=True)] for both in zip(real, made, strict=True)]
        top = max(max(map(max, real)), max(map(max, made)))
        names = ([joint.first.labels[i] for i in rows], [joint.second.labels[j] for j in columns])
        axes = (joint.first.name, joint.second.name)
        pair = f"{axes[0]} with {axes[1]}"
        pictures = []
        for title, cells, full in (
            ("Real", real, top),
            ("Synthetic", made, top),
            ("Synthetic less real", apart, top),
        ):
            finding = f"{pair}, {title.lower()}: at most {_most(cells):.2f} % in a cell"
            words = "Fraction of all rows by cell, in per cent."
            image = heat_map(*names, cells, full, axes, finding, words, signed=cells is apart)
            pictures.append(plot([element("strong", title)], image))
        drawn.append(element("div", element(f"h{level + 1}", pair), plots(pictures)))
    if not drawn:
        return []
    words = "Fraction of all rows by cell, of the pairs farthest above their noise floor; numbers by lower end."
    return [
        element(f"h{level}", "Joint distributions"),
        sentence(words, "quiet small"),
        drawn[0],
        *([hidden(f"{len(drawn) - 1} more pairs", *drawn[1:])] if len(drawn) > 1 else []),
    ]


def _most(cells: Sequence[Sequence[float]]) -> float:
    return max(abs(value) for row in cells for value in row)


def _measures(trends: Trends) -> list[Measure]:
    def measure(name: str, error: float, floor: float | None, meaning: str) -> Measure:
        beside = "no holdout to hold it against" if floor is None else f"noise floor {floor:.2f} %"
        return Measure(name, f"{error:.2f} %", beside, meaning, (error / 20, None if floor is None else floor / 20))

    made = []
    if trends.error_percent is not None:
        made.append(
            measure(
                "Pair error",
                trends.error_percent,
                trends.floor_percent,
                "Mean over all pairs. Two numbers: half the difference of Pearson's r. Any other pair: the fraction of "
                "rows that would have to move for the joint table to be equal.",
            )
        )
    if trends.strong_error_percent is not None:
        made.append(
            measure(
                f"Strong pairs ({trends.strong_pairs})",
                trends.strong_error_percent,
                trends.strong_floor_percent,
                "The same over the pairs whose columns do go together in the real table (|r| over 0.5, V over 0.3).",
            )
        )
    if trends.sdmetrics_error_percent is not None:
        made.append(
            Measure(
                "As SDMetrics bins it",
                f"{trends.sdmetrics_error_percent:.2f} %",
                "for comparison with papers",
                "Each table is cut by its own range there, so that one stray value moves every bin.",
            )
        )
    return made


def _maps(trends: Trends, worst: Sequence[PairTrend]) -> list[Markup]:
    """Three maps and what they show; none where no strength is known."""
    if not any(pair.real_strength is not None for pair in worst):
        return []
    chosen: dict[str, None] = {}
    for pair in worst:
        for name in (pair.first, pair.second):
            if len(chosen) < MAX_MAPPED:
                chosen.setdefault(name)
    names = list(dict.fromkeys(name for p in trends.pairs for name in (p.first, p.second) if name in chosen))
    position = {name: i for i, name in enumerate(names)}
    mapped = [pair for pair in trends.pairs if pair.first in position and pair.second in position]

    def cells(strength: dict[int, float | None]) -> dict[tuple[int, int], float | None]:
        return {(position[p.second], position[p.first]): strength[i] for i, p in enumerate(mapped)}

    real = {i: pair.real_strength for i, pair in enumerate(mapped)}
    # Known in the real table alone: the synthetic column has one value, and goes with nothing.
    synthetic = {
        i: 0.0 if p.synthetic_strength is None and p.real_strength is not None else p.synthetic_strength
        for i, p in enumerate(mapped)
    }
    difference = {i: None if real[i] is None else (synthetic[i] or 0.0) - (real[i] or 0.0) for i in real}
    pictures = [
        ("Real", real, "strongest", "What goes with what."),
        ("Synthetic", synthetic, "strongest", "Should look the same."),
        ("Synthetic less real", difference, "widest gap", "The paler, the better."),
    ]
    drawn = [
        plot(
            [element("strong", title), f" · {words}"],
            association_map(
                names,
                cells(values),
                0.5 if values is difference else 1.0,
                f"{title}: {kind} {_extreme(mapped, values)}",
                "The figures stand in the table of pairs.",
            ),
        )
        for title, values, kind, words in pictures
    ]
    left_out = len({name for p in trends.pairs for name in (p.first, p.second)}) - len(names)
    words = (
        "Two numeric columns: Pearson's r, blue above zero, orange below. Any other pair: Cramér's V, which has no "
        "sign. A cell belongs to the columns named at the end of its row and at the top of its column. In the "
        "difference blue is more than in the real table, orange is less."
    )
    if left_out:
        words += f" The {len(names)} columns of the pairs that are farthest off are drawn, {left_out:,} are not."
    return [sentence(words, "quiet small"), plots(drawn)]


def _extreme(pairs: Sequence[PairTrend], values: dict[int, float | None]) -> str:
    known = {i: value for i, value in values.items() if value is not None}
    if not known:
        return "not known"
    at = max(known, key=lambda i: abs(known[i]))
    return f"{known[at]:+.2f}, {pairs[at].first} with {pairs[at].second}"


def _table(pairs: Sequence[PairTrend], caption: str) -> Markup:
    top = max((p.error_percent or 0.0 for p in pairs), default=0.0)
    headers = ["pair", "measure", "", ">error %", ">noise floor %", ">real r or V", ">synthetic r or V"]
    rows = [
        [
            f"{p.first} × {p.second}",  # noqa: RUF001
            p.metric,
            bar(p.error_percent, p.floor_percent, max(top, 5.0)),
            number(p.error_percent),
            number(p.floor_percent),
            number(p.real_strength),
            number(p.synthetic_strength),
        ]
        for p in pairs
    ]
    return table(caption, headers, rows)
