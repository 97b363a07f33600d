"""The colours of the page, for a light and a dark ground, and its style and script."""

from __future__ import annotations

from importlib.resources import files

from .markup import Markup, element

__all__ = ["GRAPHICS", "PALETTE", "SURFACES", "TEXTS", "style", "toggle"]

#: Name -> colour on a light ground, on a dark ground. Blue and orange are Okabe and Ito's (2008), which
#: people with any colour vision tell apart; lines and words differ besides, so that no meaning hangs on them.
PALETTE = {
    "ground": ("#fdfdfc", "#14171a"),
    "card": ("#f4f4f1", "#1e2226"),
    "edge": ("#d9d9d4", "#363c42"),
    "ink": ("#1c1e21", "#e8eaec"),
    "quiet": ("#5b6067", "#a4abb3"),
    "link": ("#0b5394", "#7cc0ff"),
    "real": ("#0072b2", "#56b4e9"),
    "synthetic": ("#c2570c", "#f5a623"),
    "holdout": ("#55595e", "#c3c8cd"),
    "good": ("#1a6b35", "#5fd38a"),
    "fair": ("#8a5a00", "#e8b93c"),
    "poor": ("#b3261e", "#ff8a80"),
    "open": ("#5b6067", "#a4abb3"),
}
SURFACES = ("ground", "card")
#: Colours that words are written in, and colours that are only drawn with.
TEXTS = ("ink", "quiet", "link", "good", "fair", "poor", "open")
GRAPHICS = ("real", "synthetic", "holdout")


def style() -> Markup:
    """The ``<style>`` element; the reader's system decides between light and dark unless the button did."""
    light, dark = ("".join(f"--{name}:{colours[i]};" for name, colours in PALETTE.items()) for i in (0, 1))
    themes = (
        f":root{{color-scheme:light;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        # Paper is white, whatever the screen was.
        f"@media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}"
    )
    return element("style", Markup(themes + _read("style.css")))


def toggle() -> Markup:
    """The ``<script>`` element: it shows the button and opens what a link points into. The page stands without it."""
    return element("script", Markup(_read("toggle.js")))


def _read(name: str) -> str:
    return (files("eval.page") / name).read_text(encoding="utf-8")
