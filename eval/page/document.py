"""The frame of every page, and of one that folds the sections of several reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tabular.errors import UsageError

from .elements.markup import Child, Markup, element, joined
from .elements.parts import sentence
from .elements.theme import style, toggle
from .origin import origin_section

__all__ = ["Sections", "beside_the_real", "by_name", "document", "link", "several"]

R = TypeVar("R")
#: Links for the navigation, and the sections that they lead to.
Sections = tuple[Sequence[Markup], Sequence[Child]]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def document(title: str, about: str, sections: Sections, facts: Mapping[str, str]) -> str:
    """A whole page: ``about`` under the title, links in the navigation, and the sections under them.

    Args:
        facts: where the page comes from; the last section if there are any.
    """
    links, body = sections
    if (origin := origin_section(facts, "origin", 2)) is not None:
        links, body = [*links, link("Origin", "origin")], [*body, origin]
    button = element("button", "Dark", id="theme", type="button", hidden=True, aria_label="Switch light and dark")
    return "<!DOCTYPE html>\n" + element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("link", rel="icon", href="data:,"),  # or a browser asks the server for one
            element("title", title),
            style(),
        ),
        element(
            "body",
            element("a", "Skip to the verdicts", href="#main", class_="skip"),
            element(
                "header",
                element("div", element("h1", title), button, class_="bar-top"),
                sentence(about, "quiet"),
                element("nav", element("ul", *(element("li", link) for link in links)), aria_label="Sections"),
                class_="page",
            ),
            element("main", *body, id="main"),
            element("footer", "Made on this machine; the page loads nothing and sends nothing.", class_="page"),
            toggle(),
        ),
        lang="en",
    )


def by_name(reports: R | Mapping[str, R], kind: type[R], compared: str) -> Mapping[str, R]:
    """Reports by name; one that comes alone is called ``""``.

    Args:
        kind: of report.
        compared: what reports of this kind compare, such as ``"a table"``.

    Raises:
        UsageError: if there is no report.
    """
    found: Mapping[str, R] = {"": reports} if isinstance(reports, kind) else reports  # type: ignore[assignment]
    if not found:
        raise UsageError(f"There is no report to make a page of; compare {compared} first.")
    return found


def beside_the_real(
    reports: Mapping[str, R],
    titles: tuple[str, str],
    *,
    real: Callable[[R], str],
    compared: Callable[[R], str],
    one: Callable[[str, R, str, int], Sections],
    side_by_side: Callable[[Mapping[str, R]], Markup],
    facts: Mapping[str, str],
) -> str:
    """A page of one report, or of several of the same real tables.

    Args:
        titles: of one report, and of several, with ``{}`` for how many there are.
        real: the real tables of a report, in words.
        side_by_side: the section that compares several reports.
        compared, one: see :func:`several`; facts: see :func:`document`.
    """
    first = next(iter(reports.values()))
    if len(reports) == 1:
        title, about, sections = titles[0], compared(first), one("", first, "", 2)
    else:
        title, about = titles[1].format(len(reports)), f"{real(first)} against {', '.join(reports)}"
        sections = several(side_by_side(reports), reports, compared, one)
    return document(f"{title} beside the real ones", about, sections, facts)


def several(
    side_by_side: Markup,
    reports: Mapping[str, R],
    compared: Callable[[R], str],
    one: Callable[[str, R, str, int], Sections],
) -> Sections:
    """A first section that sets all reports side by side, then each report's own sections, folded.

    Args:
        compared: what a report compares, in a sentence.
        one: the sections of a report, from its name, itself, what goes before the names of its anchors, and the level
            of its headings.
    """
    links = [link("Side by side", "side-by-side")]
    body: list[Child] = [side_by_side]
    for number, (name, report) in enumerate(reports.items(), 1):
        anchor = f"table-{number}"
        links.append(link(name, anchor))
        body.append(_folded(name, anchor, compared(report), *one(name, report, f"{anchor}-", 3)))
    return links, body


def _folded(name: str, anchor: str, compared: str, links: Sequence[Markup], sections: Sequence[Child]) -> Markup:
    """One of several tables, folded: what was compared, links to its sections, and these.

    Args:
        anchor: of its heading.
    """
    return element(
        "details",
        element("summary", element("h2", name, id=anchor)),
        sentence(compared, "quiet"),
        element("nav", element("ul", *(element("li", each) for each in links)), aria_label=f"Sections of {name}"),
        joined(sections),
        class_="table",
    )


def link(name: str, anchor: str) -> Markup:
    """To a section of the same page."""
    return element("a", name, href=f"#{anchor}")
