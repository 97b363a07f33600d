"""Fills tables of settings from their declarations at every build, so that they cannot fall behind the generators."""

from __future__ import annotations

import importlib
import re

from tabular.settings import settings_table

#: What of a page is replaced: the class whose settings are listed.
PLACE = re.compile(r"<!-- settings of (\S+)\.(\w+) -->")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by MkDocs for each page."""
    return PLACE.sub(lambda found: _table(getattr(importlib.import_module(found[1]), found[2])), markdown)


def _table(kind: type) -> str:
    rows = ["| setting | default | what it may be | meaning |", "|---|---|---|---|"]
    for name, entry in settings_table(kind).items():
        default = f"`{entry.default!r}`" + (f": {entry.absent}" if entry.absent else "")
        rows.append(f"| `{name}` | {default} | {entry.words} | {entry.help.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)
