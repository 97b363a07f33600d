"""Compare the histories of users in a real and a synthetic log of events.

=============  =========================================================================================
``comparison`` :func:`compare_sequences`: every figure, beside the noise floor of other real users
``measures``   lengths, gaps, times, transitions, coherence and per-user trends of two logs
``averages``   means over draws of units; of linked tables too
``per_user``   one row per user: what the detector and the per-user trends see
``facts``      :class:`SequenceReport`
``pictures``   histograms and matrices, as plain data
``words``      verdicts
``uses``       next event, churn, attribution, membership of users
``terminal``   the report on the terminal
``page``       the report as a page
=============  =========================================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import compare_sequences
    from .facts import SequenceReport

__all__ = ["SequenceReport", "compare_sequences"]

_HOMES = {"SequenceReport": "facts", "compare_sequences": "comparison"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
