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
    "NoMemoryError",
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
    """Base of every deliberate error; the message is one sentence on one line that names the way out.

    Example:
        >>> from tabular import load_run
        >>> try:
        ...     load_run("no-such-run")
        ... except TabllmError as error:
        ...     error.exit_code
        2
    """

    exit_code = 1

    def __str__(self) -> str:
        # A value that the sentence quotes may hold line breaks.
        return without_password(" ".join(super().__str__().splitlines()))


class UsageError(TabllmError, ValueError):
    """Usage error: a missing file, an unknown name, a value out of range.

    Example:
        >>> from tabular import create
        >>> create("ctgan", epochs=-1)
        Traceback (most recent call last):
        tabular.errors.UsageError: epochs must be above 0, not -1.
    """

    exit_code = 2


class NotFittedError(UsageError, AttributeError):
    """A generator was requested what a fit gives it; scikit-learn's error of this name too, where that is loaded."""


class ConditionError(UsageError):
    """A ``where`` condition that names an unknown column or an impossible value.

    Example:
        >>> import pandas as pd
        >>> from tabular import infer_schema, parse_where
        >>> parse_where("ages=3", infer_schema(pd.DataFrame({"age": range(100)})))
        Traceback (most recent call last):
        tabular.errors.ConditionError: The table has no column 'ages'; did you mean 'age'?
    """


class RuleError(UsageError):
    """A rule between columns that cannot be understood, does not go with the table, or that rows cannot keep."""


class TableError(TabllmError):
    """A file or DataFrame whose content cannot serve as a table.

    Example:
        >>> import pandas as pd
        >>> from tabular import check_table
        >>> check_table(pd.DataFrame({"age": [30]}))
        Traceback (most recent call last):
        tabular.errors.TableError: The table has 1 row; at least 2 are needed.
    """


class SchemaError(TabllmError):
    """A schema that is malformed, or a table that does not keep to its schema.

    Example:
        >>> from tabular import Schema
        >>> Schema.from_json("no-such-schema.json")
        Traceback (most recent call last):
        tabular.errors.SchemaError: There is no schema file no-such-schema.json.
    """


class KindError(SchemaError):
    """A kind that no column has, or one that was named for a column that is not there."""

    exit_code = 2


class RunError(TabllmError):
    """A run directory that is missing, truncated, or written by a newer version.

    Example:
        >>> import pathlib
        >>> from tabular import load_run
        >>> _ = pathlib.Path("config.json").write_text("{")
        >>> load_run(".")
        Traceback (most recent call last):
        tabular.errors.RunError: ...
    """


class NoRunError(RunError):
    """A run directory that is not there: what was named is no run."""

    exit_code = 2


class OutputError(TabllmError):
    """Output that cannot be written: no permission, no space, no such folder.

    Example:
        >>> from tabular import write_json
        >>> write_json("no-such-folder/figures.json", {})
        Traceback (most recent call last):
        tabular.errors.OutputError: no-such-folder/figures.json could not be written (...).
    """


class NoMemoryError(TabllmError, MemoryError):
    """A fit that needs more memory than there is, in parts as small as they can be."""


class EngineError(TabllmError):
    """A device, engine or precision that this machine does not have.

    Example:
        >>> from tabular.machine.devices import choose_torch_device
        >>> choose_torch_device("cuda:99")
        Traceback (most recent call last):
        tabular.errors.EngineError: The engine torch has no device 'cuda:99' here; take one of: ...cpu...
    """


def not_fitted(message: str = "This model has learned no table yet; call fit() first.") -> NotFittedError:
    """The error to raise; nobody can wait for scikit-learn's own without having loaded it."""
    return (_known_to_sklearn() if "sklearn.exceptions" in sys.modules else NotFittedError)(message)


@cache
def _known_to_sklearn() -> type[NotFittedError]:
    theirs = sys.modules["sklearn.exceptions"].NotFittedError
    return type("NotFittedError", (NotFittedError, theirs), {"__doc__": NotFittedError.__doc__})
