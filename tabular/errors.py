"""The errors a user can meet, each one clear sentence and one exit code.

Everything the packages raise on purpose is a :class:`TabllmError`; the command line catches that
one class, prints its message in red and leaves with :attr:`TabllmError.exit_code`.
"""

from __future__ import annotations

import sys
from functools import cache

from .passwords import without_password

__all__ = [
    "ConditionError",
    "EngineError",
    "KindError",
    "NoRunError",
    "NotFittedError",
    "OutputError",
    "RuleError",
    "RunError",
    "SchemaError",
    "TableError",
    "TabllmError",
    "UsageError",
    "not_fitted",
]


class TabllmError(Exception):
    """Base of every deliberate error; the message is one sentence on one line that names the way out."""

    exit_code = 1

    def __str__(self) -> str:
        # A value that the sentence quotes may hold line breaks.
        return without_password(" ".join(super().__str__().splitlines()))


class UsageError(TabllmError, ValueError):
    """What was asked for cannot be meant: a missing file, an unknown name, a value out of range."""

    exit_code = 2


class NotFittedError(UsageError, AttributeError):
    """A generator was asked for what a fit gives it; scikit-learn's error of this name too, where that is loaded."""


class ConditionError(UsageError):
    """A ``where`` condition that names an unknown column or an impossible value."""


class RuleError(UsageError):
    """A rule between columns that cannot be understood, does not go with the table, or that rows cannot keep."""


class TableError(TabllmError):
    """A file or DataFrame whose content cannot serve as a table."""


class SchemaError(TabllmError):
    """A schema that is malformed, or a table that does not keep to its schema."""


class KindError(SchemaError):
    """A kind that no column has, or one that was named for a column that is not there."""

    exit_code = 2


class RunError(TabllmError):
    """A run directory that is missing, truncated, or written by a newer version."""


class NoRunError(RunError):
    """A run directory that is not there: what was named is no run."""

    exit_code = 2


class OutputError(TabllmError):
    """Output that cannot be written: no permission, no space, no such folder."""


class EngineError(TabllmError):
    """A device, engine or precision that this machine does not have."""


def not_fitted(message: str = "This model has learned no table yet; call fit() first.") -> NotFittedError:
    """The error to raise; nobody can wait for scikit-learn's own without having loaded it."""
    return (_known_to_sklearn() if "sklearn.exceptions" in sys.modules else NotFittedError)(message)


@cache
def _known_to_sklearn() -> type[NotFittedError]:
    theirs = sys.modules["sklearn.exceptions"].NotFittedError
    return type("NotFittedError", (NotFittedError, theirs), {"__doc__": NotFittedError.__doc__})
