"""The plots: a column's distribution, curves, a histogram, a map of associations, a bar beside its floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from ...facts.estimates import Estimate
from ...facts.figures import Distribution
from ...judging.wording import cell_text
from . import svg
from .markup import Markup, element

__all__ = [
    "WIDTH",
    "association_map",
    "bar",
    "distribution_chart",
    "heat_map",
    "interval_chart",
    "line_chart",
    "means_chart",
    "points_chart",
    "rows_chart",
    "steps_chart",
]

#: Units of every plot's width; CSS sets how wide it is on the screen.
WIDTH = 360.0
_LEFT, _RIGHT, _TOP = 36.0, 8.0, 8.0
_PANEL = 118.0
_ROW = 18.0
#: Characters of a category beside its bars.
_LABEL = 18

#: Fractions of one table by bar, or ``None`` where there is no such table.
Shares = Sequence[float] | None


def distribution_chart(facts: Distribution, finding: str, detail: str) -> Markup:
    """Bins as steps, single values and categories as bars under them; real filled, synthetic and holdout drawn over."""
    bins = max(len(facts.edges) - 1, 0)
    tables = {"real": facts.real_percent, "synthetic": facts.synthetic_percent, "holdout": facts.holdout_percent}
    shapes: list[Markup] = []
    height = 4.0
    if bins:
        panel, height = _steps_panel(
            facts.edges,
            {role: None if fractions is None else fractions[:bins] for role, fractions in tables.items()},
            lambda value: cell_text(value, facts.kind),
            instants=facts.kind == "datetime",
        )
        shapes += panel
    if facts.labels:
        exact = [f"exactly {label}" for label in facts.labels[: facts.values]] if bins else []
        rows, height = _rows_panel(
            [*exact, *facts.labels[len(exact) :]],
            {role: None if fractions is None else fractions[bins:] for role, fractions in tables.items()},
            height,
        )
        shapes += rows
    return svg.drawing(WIDTH, height, *shapes, finding=finding, detail=detail)


def rows_chart(labels: Sequence[str], tables: Mapping[str, Shares], finding: str, detail: str) -> Markup:
    """Bars per label in per cent, real over synthetic, the holdout a tick."""
    shapes, height = _rows_panel(labels, tables, 4.0)
    return svg.drawing(WIDTH, height, *shapes, finding=finding, detail=detail)


def steps_chart(
    edges: Sequence[float],
    tables: Mapping[str, Shares],
    label: str,
    finding: str,
    detail: str,
    *,
    written: Callable[[float], str] = "{:.3g}".format,
    ticks: Sequence[float] | None = None,
    instants: bool = False,
) -> Markup:
    """Fractions of rows between ``edges``, one outline per table; ``label`` names the axis.

    Args:
        written: how a value of the axis is written.
        ticks: values that are; round ones if absent.
        instants: whether they are seconds since 1970.
    """
    shapes, height = _steps_panel(edges, tables, written, ticks=ticks, instants=instants)
    if label:
        shapes.append(svg.text((_LEFT + WIDTH) / 2, height + 10, label, "axis-label"))
    return svg.drawing(WIDTH, height + (16 if label else 0), *shapes, finding=finding, detail=detail)


def line_chart(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    axes: tuple[str, str],
    guide: tuple[tuple[float, float], tuple[float, float]],
    finding: str,
    detail: str,
) -> Markup:
    """Curves over the unit square; ``guide`` is the line that guessing would give."""
    left, bottom, side = 44.0, 250.0, 300.0
    x, y = svg.linear(0, 1, left, left + side), svg.linear(0, 1, bottom, 10)
    shapes = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        shapes += [
            svg.line(left, y(tick), left + side, y(tick), "grid"),
            svg.line(x(tick), bottom, x(tick), 10, "grid"),
        ]
        shapes += [
            svg.text(left - 5, y(tick) + 4, f"{tick:g}", anchor="end"),
            svg.text(x(tick), bottom + 14, f"{tick:g}"),
        ]
    shapes.append(svg.polyline([(x(a), y(b)) for a, b in guide], "guide"))
    shapes += [
        svg.polyline([(x(a), y(b)) for a, b in zip(*points, strict=True)], f"{role}-line")
        for role, points in lines.items()
    ]
    middle = (bottom + 10) / 2
    turned = element(
        "text", axes[1], class_="axis-label", text_anchor="middle", transform=f"translate(11 {middle:g}) rotate(-90)"
    )
    shapes += [svg.text(left + side / 2, bottom + 31, axes[0], "axis-label"), turned]
    return svg.drawing(WIDTH, bottom + 38, *shapes, finding=finding, detail=detail)


def association_map(
    names: Sequence[str], cells: Mapping[tuple[int, int], float | None], full: float, finding: str, detail: str
) -> Markup:
    """The lower triangle of a matrix of -1 to 1: colour is the sign, depth the size; names along the diagonal.

    Args:
        cells: ``(row, column)`` -> value, with ``row > column``; ``None`` is drawn as unknown.
        full: the size at which a colour is deepest. Its depth grows with the root of the size, or a weak association
            would look like none.
    """
    margin = 92.0
    side = (WIDTH - margin) / max(len(names), 1)
    shapes = []
    for (row, column), value in sorted(cells.items()):
        tip = f"{names[column]} and {names[row]}: {'not measured' if value is None else f'{value:+.2f}'}"
        class_ = "unknown" if value is None else "plus" if value >= 0 else "minus"
        opacity = None if value is None else _depth(value, full)
        shapes.append(svg.rect(column * side, row * side, side - 0.6, side - 0.6, class_, tip=tip, opacity=opacity))
    size = "map-label" if side > 11 else "map-label small"
    shapes += [
        svg.text(i * side + 3, (i + 0.5) * side + 3.5, _cut(name, 16), size, "start") for i, name in enumerate(names)
    ]
    end = side * len(names) + 2
    return svg.drawing(WIDTH, end + 30, *shapes, *_scale(full, end + 6), finding=finding, detail=detail)


def _depth(value: float, full: float) -> float:
    return math.sqrt(min(abs(value) / full, 1.0)) if full else 0.0


def _scale(full: float, top: float, *, signed: bool = True, unit: str = "") -> list[Markup]:
    """What the depth of a colour stands for: swatches with their values under them."""
    marks = [part * full for part in ((0.05, 0.25, 1.0) if signed else (0.02, 0.1, 0.25, 0.5, 1.0))]
    values = [*(-mark for mark in reversed(marks)), 0.0, *marks] if signed else [0.0, *marks]
    width = (WIDTH - 20) / len(values)
    shapes = []
    for i, value in enumerate(values):
        class_ = "plus" if value >= 0 else "minus"
        shapes.append(
            svg.rect(
                10 + i * width,
                top,
                width - 1,
                8,
                "unknown" if not value else class_,
                opacity=_depth(value, full) if value else 0.0,
            )
        )
        shapes.append(svg.text(10 + (i + 0.5) * width, top + 20, f"{float(f'{value:.2g}'):g}{unit}", "scale"))
    return shapes


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[float]],
    full: float,
    axes: tuple[str, str],
    finding: str,
    detail: str,
    *,
    signed: bool = False,
) -> Markup:
    """A matrix of shares in per cent, ``[row][column]``; if ``signed``, of differences, blue above 0, orange below."""
    left, top = 92.0, 18.0
    width, height = (WIDTH - left - 2) / len(columns), min(22.0, 260.0 / len(rows))
    shapes = [
        svg.text(left, 11, f"{axes[1]} →", "axis-label", "start"),
        svg.text(left - 5, 11, f"{axes[0]} ↓", "axis-label", "end"),
    ]
    for i, row in enumerate(cells):
        shapes.append(svg.text(left - 5, top + (i + 0.5) * height + 4, _cut(rows[i], 14), "map-label", "end"))
        for j, value in enumerate(row):
            tip = f"{rows[i]}, {columns[j]}: {value:{'+' if signed else ''}.2f} %"
            box = (left + j * width, top + i * height, width - 0.6, height - 0.6)
            sign = "plus" if value >= 0 else "minus"
            shapes.append(svg.rect(*box, sign, tip=tip, opacity=_depth(value, full)))
    end = top + len(rows) * height
    step = max(1, math.ceil(len(columns) * 46 / (WIDTH - left)))
    shapes += [
        svg.text(left + (j + 0.5) * width, end + 12, _cut(name, int(step * width / 5.5)), "scale")
        for j, name in enumerate(columns)
        if j % step == 0
    ]
    scale = _scale(full, end + 22, signed=signed, unit=" %")
    return svg.drawing(WIDTH, end + 46, *shapes, *scale, finding=finding, detail=detail)


def means_chart(
    labels: Sequence[str], tables: Mapping[str, Sequence[float | None]], finding: str, detail: str
) -> Markup:
    """A mean per label, one line per table; a gap where a table has none."""
    known = [value for values in tables.values() for value in values if value is not None]
    low, high = min([0.0, *known]), max(known, default=1.0) or 1.0
    left, bottom = 44.0, 130.0
    y = svg.linear(low, high, bottom, 10)
    step = (WIDTH - left - _RIGHT) / len(labels)
    shapes = []
    for tick in svg.nice_ticks(low, high, 3):
        shapes += [svg.line(left, y(tick), WIDTH - _RIGHT, y(tick), "grid")]
        shapes += [svg.text(left - 5, y(tick) + 4, f"{tick:.3g}", anchor="end")]
    shapes += _axis_words([(left + (i + 0.5) * step, _cut(label, 14)) for i, label in enumerate(labels)], bottom + 15)
    for role, values in tables.items():
        points = [(left + (i + 0.5) * step, y(value)) for i, value in enumerate(values) if value is not None]
        shapes.append(svg.polyline(points, f"{role}-line")) if len(points) > 1 else None
        shapes += [svg.dot(*point, 3.0, f"{role}-fill") for point in points]
    for i, label in enumerate(labels):
        tip = f"{label}: " + ", ".join(
            f"{role} {'-' if values[i] is None else f'{values[i]:.4g}'}" for role, values in tables.items()
        )
        shapes.append(svg.rect(left + i * step, 4, step, bottom, "hover", tip=tip))
    return svg.drawing(WIDTH, bottom + 22, *shapes, finding=finding, detail=detail)


def interval_chart(rows: Sequence[tuple[str, Estimate]], guide: float, label: str, finding: str, detail: str) -> Markup:
    """A dot with its interval per row, and the value of ``guide`` as a dotted line through all."""
    ends = [v for _, each in rows for v in (each.value, each.low, each.high) if v is not None] + [guide]
    low, high = min(ends), max(ends)
    spare = 0.06 * (high - low) or 0.5
    left, end = 150.0, 6 + 24.0 * len(rows)
    x = svg.linear(low - spare, high + spare, left, WIDTH - _RIGHT)
    ticks = svg.nice_ticks(low - spare, high + spare, 3)
    shapes = [svg.line(x(tick), 4, x(tick), end, "grid") for tick in ticks]
    shapes += _axis_words([(x(tick), f"{tick:.6g}") for tick in ticks], end + 14)
    shapes += [svg.polyline([(x(guide), 2), (x(guide), end)], "guide")]
    for i, (name, each) in enumerate(rows):
        y = 18 + 24.0 * i
        shapes.append(svg.text(left - 8, y + 4, _cut(name, 23), "label", "end"))
        if each.low is not None and each.high is not None:
            shapes.append(svg.line(x(each.low), y, x(each.high), y, "synthetic-line"))
        if each.value is not None:
            shapes.append(svg.dot(x(each.value), y, 4.5, "synthetic-fill"))
    shapes.append(svg.text((left + WIDTH) / 2 - 8, end + 31, label, "axis-label"))
    return svg.drawing(WIDTH, end + 38, *shapes, finding=finding, detail=detail)


def points_chart(
    positions: Sequence[tuple[float, float]],
    tips: Sequence[str],
    axes: tuple[str, str],
    marked: int | None,
    finding: str,
    detail: str,
) -> Markup:
    """A circle at each of ``positions``, with its tip; the one that is ``marked`` is filled."""
    left, bottom = 52.0, 210.0
    spans = [_span([position[i] for position in positions]) for i in (0, 1)]
    x, y = svg.linear(*spans[0], left, WIDTH - _RIGHT), svg.linear(*spans[1], bottom, 20)
    ticks = [svg.nice_ticks(*span, 4) for span in spans]
    shapes = [svg.line(left, y(tick), WIDTH - _RIGHT, y(tick), "grid") for tick in ticks[1]]
    shapes += [svg.text(left - 5, y(tick) + 4, f"{tick:.4g}", anchor="end") for tick in ticks[1]]
    shapes += _axis_words([(x(tick), f"{tick:.4g}") for tick in ticks[0]], bottom + 15)
    for i, ((across, up), tip) in enumerate(zip(positions, tips, strict=True)):
        class_ = "synthetic-fill" if i == marked else "ring"
        shapes.append(element("g", element("title", tip), svg.dot(x(across), y(up), 4.5, class_)))
    shapes.append(svg.text((left + WIDTH) / 2, bottom + 32, axes[0], "axis-label"))
    shapes.append(svg.text(left - 5, 12, axes[1], "axis-label", "end"))
    return svg.drawing(WIDTH, bottom + 38, *shapes, finding=finding, detail=detail)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    spare = 0.06 * (high - low) or 0.5
    return low - spare, high + spare


def bar(value: float | None, floor: float | None, top: float, class_: str = "synthetic") -> Markup:
    """A bar up to ``value`` with a tick at its ``floor``; the figures stand beside it, so it is silent."""
    x = svg.linear(0, top or 1.0, 0, 100)
    shapes = [svg.rect(0, 1, 100, 8, "bar-ground"), svg.rect(0, 1, min(x(value or 0.0), 100.0), 8, f"{class_}-fill")]
    if floor is not None:
        shapes.append(svg.rect(min(x(floor), 99.0), 0, 1.2, 10, "floor-tick"))
    return element("svg", *shapes, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar", aria_hidden="true")


def _steps_panel(
    edges: Sequence[float],
    tables: Mapping[str, Shares],
    written: Callable[[float], str],
    *,
    ticks: Sequence[float] | None = None,
    instants: bool = False,
) -> tuple[list[Markup], float]:
    """The shapes and the height of a panel with a percentage axis and an axis of ``edges``."""
    present = {role: fractions for role, fractions in tables.items() if fractions is not None}
    top = max((max(fractions) for fractions in present.values()), default=0.0) or 1.0
    x = svg.linear(edges[0], edges[-1], _LEFT, WIDTH - _RIGHT)
    base = _TOP + _PANEL
    y = svg.linear(0, top, base, _TOP)
    shapes = []
    for tick in svg.nice_ticks(0, top, 3):
        shapes += [svg.line(_LEFT, y(tick), WIDTH - _RIGHT, y(tick), "grid")]
        shapes += [svg.text(_LEFT - 5, y(tick) + 4, f"{tick:g} %" if tick else "0", anchor="end")]
    across = [x(edge) for edge in edges]
    for role, fractions in present.items():
        tops = [y(fraction) for fraction in fractions]
        if role == "real":
            shapes.append(svg.steps(across, tops, base, "real-area"))
        else:
            shapes.append(svg.steps(across, tops, base, f"{role}-line"))
    shapes.append(svg.line(_LEFT, base, WIDTH - _RIGHT, base, "axis"))
    if ticks is None:
        ticks = _instant_ticks(edges) if instants else svg.nice_ticks(edges[0], edges[-1])
    shapes += _axis_words([(x(tick), _compact(tick, written)) for tick in ticks], base + 15)
    for i in range(len(edges) - 1):
        tip = f"{written(edges[i])} to {written(edges[i + 1])}: " + _shares(present, i)
        shapes.append(svg.rect(across[i], _TOP, across[i + 1] - across[i], _PANEL, "hover", tip=tip))
    return shapes, base + 22


def _axis_words(words: Sequence[tuple[float, str]], y: float) -> list[Markup]:
    """The words under an axis that have room: none over another, none beyond the edge."""
    shapes, end = [], 0.0
    for at, word in words:
        half = 3.2 * len(word)  # a digit of 11 units is about 6.4 wide
        at = min(at, WIDTH - half)
        if at - half > end:
            shapes.append(svg.text(at, y, word))
            end = at + half + 5
    return shapes


def _instant_ticks(edges: Sequence[float]) -> list[float]:
    """Three whole days, which leave room for their dates."""
    span = edges[-1] - edges[0]
    ticks = [edges[0] + span * part for part in (0.1, 0.5, 0.9)]
    return [round(tick / 86400) * 86400 for tick in ticks] if span > 10 * 86400 else ticks


def _compact(value: float, written: Callable[[float], str]) -> str:
    """Large numbers short enough for an axis: ``1.5M``."""
    word = written(value)
    if len(word) <= 7 or not word.replace(",", "").replace(".", "").lstrip("-").isdigit():
        return word
    power = min(int(math.log10(abs(value))) // 3, 4)
    return f"{value / 1000**power:g}{' kMGT'[power]}" if power else word


def _rows_panel(labels: Sequence[str], tables: Mapping[str, Shares], start: float) -> tuple[list[Markup], float]:
    """Two bars per label, real over synthetic, with a tick for the holdout."""
    present = {role: fractions for role, fractions in tables.items() if fractions is not None}
    top = max((max(fractions) for fractions in present.values()), default=0.0) or 1.0
    left = 128.0
    x = svg.linear(0, top, left, WIDTH - _RIGHT)
    shapes = []
    end = start + _ROW * len(labels)
    for tick in svg.nice_ticks(0, top, 3):
        shapes += [svg.line(x(tick), start, x(tick), end, "grid")]
        shapes += [svg.text(min(x(tick), WIDTH - 14), end + 13, f"{tick:g} %" if tick else "0")]
    for i, label in enumerate(labels):
        y = start + _ROW * i
        shapes.append(svg.text(left - 6, y + 13, _cut(label, _LABEL), "label", "end"))
        shapes.append(svg.rect(left, y + 2, x(present["real"][i]) - left, 7, "real-fill"))
        shapes.append(svg.rect(left, y + 9.5, x(present["synthetic"][i]) - left, 7, "synthetic-fill"))
        if "holdout" in present:
            at = x(present["holdout"][i])
            shapes.append(svg.line(at, y + 1, at, y + 17.5, "holdout-tick"))
        shapes.append(svg.rect(0, y, WIDTH, _ROW, "hover", tip=f"{label}: {_shares(present, i)}"))
    return shapes, end + 19


def _shares(present: Mapping[str, Sequence[float]], i: int) -> str:
    return ", ".join(f"{role} {fractions[i]:.2f} %" for role, fractions in present.items())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
