"""The ground floor: what a table is, how it is read and written, and what a synthesizer is.

===================  =======================================================================
``schema``           what a table is: :class:`Schema`, :class:`Column` (``schema_checks``: by hand)
``synthesizer``      the interface of every generator; ``registry``: their names; ``settings``: theirs
``runs``             the files of a run that all generators write
``errors``           what a user can meet; ``progress``: how long work tells of itself
``numbers``          numbers stored as text
``dates``            dates and times stored as text
``codes``            identifiers and other texts built by a pattern
``free_text``        columns of free text
``grain``            which numbers and instants a column has at all
``encoding``         the canonical numpy form of a table, there and back
``columns``          what is found out about one column
``where``            which rows are wanted
``rules``            what holds between columns: found, shown, kept
``personal``         data that name persons
``relations``        tables of which one row belongs to several of another
``io``               files into tables, tables into files
``storage``          files that are whole or not there, one writer at a time
``machine``          devices and threads
``preparing``        what comes before a fit: the schema inferred, rows held back
``parts``            instants as a day and a time
``refining``         drawn rows chosen so that their margins fit
``sampling``         from what a generator draws to the rows that were requested
``likelihood``       how probable given rows are under a generator
``training``         the one training loop of all generators
``dp``               differential privacy: what is released, and what it costs
``neural``           the generators that stand here
===================  =======================================================================

Nothing is imported before it is used, so ``import tabular`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import names_from
from .machine.threads import spin_briefly

if TYPE_CHECKING:
    from .codes.identifiers import make_identifiers
    from .dp.settings import Privacy
    from .encoding.arrays import from_arrays, to_arrays
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
    from .io.reading import check_table, read_table
    from .io.writing import TableWriter, check_output
    from .neural.ctgan import CTGAN
    from .neural.tabcascade import TabCascade
    from .neural.tabddpm import TabDDPM
    from .neural.tvae import TVAE
    from .preparing.inference import infer_schema
    from .preparing.source import find_rows
    from .progress import Reporter, RichReporter, Task
    from .registry import create, load_run, model_names, register
    from .schema import Column, Schema
    from .storage.rundir import atomic_directory, write_json
    from .synthesizer import Synthesizer
    from .where.conditions import Allowed, parse_where

_HOMES = {
    ".encoding.arrays": ("from_arrays", "to_arrays"),
    ".where.conditions": ("Allowed", "parse_where"),
    ".dp.settings": ("Privacy",),
    ".errors": (
        "ConditionError",
        "EngineError",
        "OutputError",
        "RunError",
        "SchemaError",
        "TableError",
        "TabllmError",
        "UsageError",
    ),
    ".codes.identifiers": ("make_identifiers",),
    ".preparing.inference": ("infer_schema",),
    ".preparing.source": ("find_rows",),
    ".neural.ctgan": ("CTGAN",),
    ".neural.tabcascade": ("TabCascade",),
    ".neural.tabddpm": ("TabDDPM",),
    ".neural.tvae": ("TVAE",),
    ".progress": ("Reporter", "RichReporter", "Task"),
    ".io.reading": ("check_table", "read_table"),
    ".storage.rundir": ("atomic_directory", "write_json"),
    ".schema": ("Column", "Schema"),
    ".registry": ("create", "load_run", "model_names", "register"),
    ".synthesizer": ("Synthesizer",),
    ".io.writing": ("TableWriter", "check_output"),
}
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
    "find_rows",
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

__getattr__ = names_from(__name__, _HOMES)
spin_briefly()  # before anything loads torch


def __dir__() -> list[str]:
    return sorted(__all__)
