"""All measures of this folder in one call."""

from __future__ import annotations

from ..facts.margins import Margins
from ..preparing.tables import Tables
from .information import measure_information
from .rare import measure_rare
from .subgroups import measure_subgroups
from .three_way import measure_three_way

__all__ = ["measure_margins"]


def measure_margins(tables: Tables, *, seed: int = 0) -> Margins:
    """Three columns at once, mutual information, rare categories and subgroups of the same tables."""
    return Margins(
        three_way=measure_three_way(tables, seed=seed),
        information=measure_information(tables, seed=seed),
        rare=measure_rare(tables, seed=seed),
        subgroups=measure_subgroups(tables, seed=seed),
    )
