"""The plots of the page of histories."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from ...judging.wording import cell_text
from ...page.elements.charts import heat_map, rows_chart, steps_chart
from ...page.elements.markup import Markup, element
from ...page.elements.parts import plot, plots
from ..facts import Bars, Matrix, Profile

__all__ = ["bars_plot", "matrix_plots", "profile_plot", "span_text"]

_SPANS = ((86400.0 * 365.25, "y"), (86400.0 * 7, "wk"), (86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
#: Spans that an axis of gaps is marked at, in seconds.
_MARKED = (0, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 28 * 86400, 365.25 * 86400, 10 * 365.25 * 86400)


def span_text(seconds: float) -> str:
    """A length of time in its largest unit: ``2.5 h``."""
    for size, unit in _SPANS:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds else "0"


#: How a value of each unit is written.
_WRITTEN: dict[str, Callable[[float], str]] = {
    "seconds": span_text,
    "log seconds": lambda value: span_text(math.expm1(value)),
    "events": "{:,.0f}".format,
    "instants": partial(cell_text, kind="datetime"),
}


def profile_plot(profile: Profile, title: str, words: str) -> Markup:
    """A histogram of both logs, on a logarithmic axis where the profile asks for one."""
    written = _WRITTEN.get(profile.unit, "{:.4g}".format)
    edges, ticks = list(profile.edges), None
    shown = written
    if profile.unit == "log seconds":
        ticks = [math.log1p(mark) for mark in _MARKED if edges[0] <= math.log1p(mark) <= edges[-1]]
    if (unit := profile.log_unit) is not None:
        ticks = [math.log1p(mark / unit) for mark in _marks(profile) if edges[0] <= mark <= edges[-1]]
        edges = [math.log1p(edge / unit) for edge in edges]

        def shown(value: float) -> str:
            return written(unit * math.expm1(value))

    farthest = max(
        range(len(profile.real_percent)), key=lambda i: abs(profile.real_percent[i] - profile.synthetic_percent[i])
    )
    finding = (
        f"{title}: farthest apart at {written(profile.edges[farthest])}, {profile.real_percent[farthest]:.1f} % real "
        f"and {profile.synthetic_percent[farthest]:.1f} % synthetic"
    )
    tables = {"real": profile.real_percent, "synthetic": profile.synthetic_percent}
    image = steps_chart(
        edges, tables, "", finding, words, written=shown, ticks=ticks, instants=profile.unit == "instants"
    )
    return plot([element("strong", title), f" · {words}"], image)


def _marks(profile: Profile) -> Sequence[float]:
    if profile.unit == "seconds":
        return _MARKED
    unit = profile.log_unit or 1.0
    powers = [unit * step * 10**power for power in range(9) for step in (1, 2, 5)]
    return [0.0, *powers]


def bars_plot(bars: Bars, title: str, words: str) -> Markup:
    """Two bars per label."""
    tables = {"real": bars.real_percent, "synthetic": bars.synthetic_percent}
    return plot([element("strong", title), f" · {words}"], rows_chart(bars.labels, tables, title, words))


def matrix_plots(matrix: Matrix, axes: tuple[str, str], words: str) -> Markup:
    """Real, synthetic, and synthetic less real."""
    real, made = matrix.real_percent, matrix.synthetic_percent
    apart = [[m - r for r, m in zip(*both, strict=True)] for both in zip(real, made, strict=True)]
    top = max(max(map(max, real)), max(map(max, made)))
    pictures = []
    for title, cells in (("Real", real), ("Synthetic", made), ("Synthetic less real", apart)):
        signed = cells is apart
        most = max(abs(value) for row in cells for value in row)
        finding = f"{matrix.name}, {title.lower()}: at most {most:.2f} {'points' if signed else '%'} in a cell"
        image = heat_map(matrix.rows, matrix.columns, cells, top, axes, finding, words, signed=signed)
        pictures.append(plot([element("strong", title)], image))
    return plots(pictures)
