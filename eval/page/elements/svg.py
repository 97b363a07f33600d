"""The few shapes that the plots of the page are made of, as inline SVG.

Our own in place of a plotting library, because the page must take its colours from CSS variables (light
and dark without drawing twice), every plot must say its finding to a screen reader, and the file must stay
small: a library writes megabytes of script, or pictures that can do none of this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .markup import Child, Markup, element

__all__ = ["Scale", "dot", "drawing", "line", "linear", "nice_ticks", "polyline", "rect", "steps", "text"]

Scale = Callable[[float], float]


def drawing(width: float, height: float, *shapes: Child, finding: str, detail: str, class_: str = "") -> Markup:
    """An image that says its ``finding`` (its name to a screen reader) and a ``detail``."""
    return element(
        "svg",
        element("title", finding),
        element("desc", detail),
        *shapes,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        class_=class_ or None,
    )


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Maps ``low`` to ``start`` and ``high`` to ``end``."""
    span = (high - low) or 1.0
    return lambda value: start + (end - start) * (value - low) / span


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``: multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.7 * raw)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def polyline(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """A line through ``points``."""
    return element("path", d=_path(points), class_=class_)


def steps(x: Sequence[float], y: Sequence[float], base: float, class_: str) -> Markup:
    """The outline of bars that touch each other: ``y[i]`` from ``x[i]`` to ``x[i + 1]``, standing on ``base``."""
    points = [(x[0], base)]
    for i, top in enumerate(y):
        points += [(x[i], top), (x[i + 1], top)]
    return polyline([*points, (x[-1], base)], class_)


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    class_: str,
    *,
    tip: str | None = None,
    opacity: float | None = None,
) -> Markup:
    """A rectangle; ``tip`` shows while a pointer rests on it."""
    shape = {"x": float(x), "y": float(y), "width": max(float(width), 0.0), "height": max(float(height), 0.0)}
    written = None if opacity is None else f"{opacity:.2f}"
    return element("rect", element("title", tip) if tip else None, class_=class_, fill_opacity=written, **shape)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def dot(x: float, y: float, radius: float, class_: str) -> Markup:
    """A filled circle."""
    return element("circle", cx=float(x), cy=float(y), r=float(radius), class_=class_)


def text(x: float, y: float, content: str, class_: str = "tick", anchor: str = "middle") -> Markup:
    """A word at a point."""
    return element("text", content, x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
