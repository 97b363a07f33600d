"""The section on where the page comes from, and some rows of both tables beside each other."""

from __future__ import annotations

from collections.abc import Mapping

from ..facts.provenance import Provenance, Sample
from .elements.markup import Markup, element, joined
from .elements.parts import beside, section, sentence, table

__all__ = ["origin_section", "sample_section"]

#: Tables of more columns stand under each other.
NARROW = 6


def origin_section(facts: Mapping[str, str], anchor: str, level: int) -> Markup | None:
    """Files, generator, settings, command; ``None`` where nothing is known."""
    if not facts:
        return None
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items() if value]
    return section("Where it comes from", anchor, level, element("dl", *pairs, class_="facts"))


def sample_section(origin: Provenance, name: str, anchor: str, level: int) -> Markup | None:
    """Some real rows beside some of the synthetic table ``name``; ``None`` where there are none."""
    made = origin.synthetic.get(name)
    if made is None:
        return None
    both = [None if origin.real is None else _rows("Real rows", origin.real), _rows("Synthetic rows", made)]
    words = "Drawn at random from each table: no synthetic row belongs to a real one."
    if origin.real is not None:
        words += " Real rows stand here, so keep this page as private as the table; --no-real-rows leaves them out."
    return section(
        "Rows side by side",
        anchor,
        level,
        sentence(words, "quiet"),
        beside(*both) if len(made.columns) <= NARROW else joined(both),
    )


def _rows(title: str, sample: Sample) -> Markup:
    rows = [
        [first or "-", *(element("td", cell or "-", class_="cell") for cell in rest)] for first, *rest in sample.rows
    ]
    return table(title, sample.columns, rows)
