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

from typing import TYPE_CHECKING

from tabular.lazy import names_from

if TYPE_CHECKING:
    from .comparison import compare_sequences
    from .facts import SequenceReport

__all__ = ["SequenceReport", "compare_sequences"]

__getattr__ = names_from(__name__, {".facts": ("SequenceReport",), ".comparison": ("compare_sequences",)})
