"""What is reported of the rules that a fit keeps."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from .rule import Rule

__all__ = ["UNREAD", "rules_line"]

#: Rules that the line names.
_NAMED = 3

#: Of a fit with differential privacy.
UNREAD = "With differential privacy no rule between columns is searched in the rows, and none is checked against them."


def rules_line(rules: Sequence[Rule], data: str | Path | None = None) -> str:
    """How many rules synthetic rows will keep, the first by name, and where to see what the rows of ``data`` keep."""
    named = ", ".join(rule.text for rule in rules[:_NAMED]) + ", ..." * (len(rules) > _NAMED)
    count = "1 rule between columns is" if len(rules) == 1 else f"{len(rules):,} rules between columns are"
    where = "'schema.rules' lists" if data is None else f"'tabllm rules {shlex.quote(str(data))}' shows"
    return f"{count} kept: {named}; {where} what holds between them."
