"""For mkdocstrings: the roles of our docstrings (``:class:`Schema```) as plain code, and their examples as examples."""

from __future__ import annotations

import re
from typing import Any

import griffe

#: The section that griffe reads as code is called by the plural.
EXAMPLE = re.compile(r"^Example:$", re.M)
ROLE = re.compile(r":(?:py:)?[a-z]+:`[~.]?([^`]+)`")


class Roles(griffe.Extension):
    """Rewrites every docstring as it is loaded."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub("Examples:", ROLE.sub(r"`\1`", obj.docstring.value))
