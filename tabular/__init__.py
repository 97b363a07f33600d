"""The ground floor: what a table is, how it is read and written, and what a synthesizer is.

=====================  =====================================================================
``schema``             what a table is: :class:`Schema`, :class:`Column`
``inference``          finds the schema of a table (``column_facts``, ``column_kinds``)
``arrays``             the canonical numpy form of a table, there and back (``cells``)
``rules``              what holds between columns: found, shown, kept
``conditions``         ``where``: which rows are wanted (``condition_text``, ``intervals``)
``reading``            a file into a table (``delimited``: CSV; ``files``: formats)
``holdout``            which rows are held back; ``source``: what a run keeps of its file
``writing``            a table into a file, part by part
``rundir``             a run directory, whole or not at all (``runs``: the files in it)
``locking``            one program at a time writes a file or folder
``checkpoint``         what an interrupted training leaves
``likelihood``         how probable given rows are under a generator
``making``             rows in parts, and missing cells, for generators whose rows are tokens
``strata``             samples with the shares that were asked for (``shares``: their arithmetic)
``unmodelled``         columns with nothing to learn; ``words``: free text
``devices``            where torch computes; ``threads``: with how many threads, beside other programs
``neural``             the generators that stand here
``dp``                 differential privacy: what is released, and what it costs
``number_text``        numbers stored as text; ``date_text``: dates; ``identifiers``: new ones
``column_names``       whether names can serve, and what they hint at
``synthesizer``        the interface of every generator, and their registry
``progress``           how long work tells of itself
``errors``             what a user can meet
=====================  =====================================================================

Nothing is imported before it is used, so ``import tabular`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .threads import spin_briefly

if TYPE_CHECKING:
    from .arrays import from_arrays, to_arrays
    from .conditions import Allowed, parse_where
    from .dp.settings import Privacy
    from .errors import (
        ConditionError,
        EngineError,
        OutputError,
        RunError,
        SchemaError,
        TableError,
        TabllmError,
        UsageError,
    )
    from .identifiers import make_identifiers
    from .inference import infer_schema
    from .neural.ctgan import CTGAN
    from .neural.tabcascade import TabCascade
    from .neural.tabddpm import TabDDPM
    from .neural.tvae import TVAE
    from .progress import Reporter, RichReporter, Task
    from .reading import check_table, read_table
    from .registry import create, load_run, model_names, register
    from .rundir import atomic_directory, write_json
    from .schema import Column, Schema
    from .synthesizer import Synthesizer
    from .writing import TableWriter, check_output

_HOMES = {
    "arrays": ("from_arrays", "to_arrays"),
    "conditions": ("Allowed", "parse_where"),
    "dp.settings": ("Privacy",),
    "errors": (
        "ConditionError", "EngineError", "OutputError", "RunError", "SchemaError", "TableError", "TabllmError",
        "UsageError",
    ),
    "identifiers": ("make_identifiers",),
    "inference": ("infer_schema",),
    "neural.ctgan": ("CTGAN",),
    "neural.tabcascade": ("TabCascade",),
    "neural.tabddpm": ("TabDDPM",),
    "neural.tvae": ("TVAE",),
    "progress": ("Reporter", "RichReporter", "Task"),
    "reading": ("check_table", "read_table"),
    "rundir": ("atomic_directory", "write_json"),
    "schema": ("Column", "Schema"),
    "registry": ("create", "load_run", "model_names", "register"),
    "synthesizer": ("Synthesizer",),
    "writing": ("TableWriter", "check_output"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CTGAN",
    "TVAE",
    "Allowed",
    "Column",
    "ConditionError",
    "EngineError",
    "OutputError",
    "Privacy",
    "Reporter",
    "RichReporter",
    "RunError",
    "Schema",
    "SchemaError",
    "Synthesizer",
    "TabCascade",
    "TabDDPM",
    "TableError",
    "TableWriter",
    "TabllmError",
    "Task",
    "UsageError",
    "atomic_directory",
    "check_output",
    "check_table",
    "create",
    "from_arrays",
    "infer_schema",
    "load_run",
    "make_identifiers",
    "model_names",
    "parse_where",
    "read_table",
    "register",
    "to_arrays",
    "write_json",
]

spin_briefly()  # before anything loads torch


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
