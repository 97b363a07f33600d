"""What the sections of the page are laid out with: measures, tables, plots with their captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .charts import bar
from .markup import Child, Markup, element, joined

__all__ = [
    "Measure",
    "beside",
    "bullets",
    "hidden",
    "legend",
    "measures",
    "plot",
    "plots",
    "section",
    "sentence",
    "table",
]

#: A table of more rows scrolls in a box, and can be searched.
LONG = 20

#: Role -> what it stands for, the shape that shows it.
_ROLES = {
    "real": ("real", "real-area"),
    "real_line": ("trained on real rows", "real-line"),
    "real_mean": ("real", "real-line"),
    "synthetic_mean": ("synthetic", "synthetic-line"),
    "synthetic": ("synthetic", "synthetic-line"),
    "synthetic_line": ("trained on synthetic rows", "synthetic-line"),
    "holdout": ("holdout: real rows that were not learned", "holdout-line"),
}


@dataclass(frozen=True)
class Measure:
    """One figure with what it is held against and what it means.

    Attributes:
        shares: the figure and its floor on a scale from 0 to 1, drawn as a bar; ``None``: no bar.
    """

    name: str
    value: str
    reference: str
    meaning: str
    shares: tuple[float, float | None] | None = None


def section(title: str, anchor: str, level: int, *children: Child) -> Markup:
    """A part of the page under a heading."""
    return element("section", element(f"h{level}", title, id=anchor), *children, aria_labelledby=anchor)


def sentence(text: str, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", text, class_=class_)


def bullets(lines: Iterable[Child], class_: str) -> Markup:
    """A list with a line for each."""
    return element("ul", *(element("li", line) for line in lines), class_=class_)


def measures(items: Sequence[Measure]) -> Markup:
    """The measures beside each other, as many as there is room for."""
    return element("div", *map(_measure, items), class_="measures")


def _measure(item: Measure) -> Markup:
    return element(
        "div",
        element("p", item.name, class_="name"),
        element("p", item.value, class_="value"),
        bar(item.shares[0], item.shares[1], 1.0) if item.shares else None,
        element("p", item.reference, class_="reference"),
        element("p", item.meaning, class_="meaning"),
        class_="measure",
    )


def table(caption: str, headers: Sequence[str], rows: Sequence[Sequence[Child]]) -> Markup:
    """A table in a box of its own that scrolls; the first cell of a row names it.

    Args:
        headers: ``>`` before one sets its column to the right. An empty header is a column of bars.
        rows: a cell that is an element ``td`` already stands as it is.
    """
    right = [header.startswith(">") for header in headers]
    head = [
        element("th", header.lstrip(">"), scope="col", class_="number" if to_right else None)
        if header.strip(">")
        else element("td")
        for header, to_right in zip(headers, right, strict=True)
    ]
    body = []
    for first, *rest in rows:
        cells = [
            cell
            if isinstance(cell, Markup) and cell.startswith("<td")
            else element("td", cell, class_="number" if to_right else None)
            for cell, to_right in zip(rest, right[1:], strict=True)
        ]
        body.append(element("tr", element("th", first, scope="row"), *cells))
    whole = element(
        "table", element("caption", caption), element("thead", element("tr", *head)), element("tbody", *body)
    )
    long = "scroll long" if len(rows) > LONG else "scroll"
    return element("div", whole, class_=long, tabindex="0", role="region", aria_label=caption)


def hidden(summary: str, *children: Child) -> Markup:
    """What a reader opens when wanted."""
    return element("details", element("summary", summary), *children)


def plot(caption: Sequence[Child], image: Markup, numbers: Markup | None = None) -> Markup:
    """A drawing under its caption, with its figures as a table for those who cannot or need not see it."""
    more = None if numbers is None else hidden("The figures as a table", numbers)
    return element("figure", element("figcaption", *caption), image, more)


def plots(images: Sequence[Markup]) -> Markup:
    """Plots beside each other."""
    return element("div", *images, class_="plots")


def beside(*children: Child) -> Markup:
    """Parts next to each other where there is room."""
    return element("div", *(element("div", child) for child in children if child), class_="beside")


def legend(*roles: str) -> Markup:
    """What the colours and lines stand for."""
    items = []
    for role in roles:
        words, class_ = _ROLES[role]
        sample = element("path", d="M0 4H16" if class_.endswith("line") else "M0 1H16V8H0Z", class_=class_)
        image = element("svg", sample, viewBox="0 0 16 8", aria_hidden="true")
        items.append(element("li", image, words))
    return element("ul", joined(items), class_="legend")
