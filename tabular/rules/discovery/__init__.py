"""Rules between columns, found in the rows.

===================  ======================================================================
``sample``           the rows that rules are formed on, and how much evidence one needs
``orderings``        ``start <= end``, ``0 <= end - start <= 72 h``
``numeric``          equations: ``total = price * quantity``, without those that others imply
``dependencies``     ``city -> country``; ``listing``: the combinations that a rule lists
``calendar``         ``month(sent) -> month_name``
``rising``           ``increasing(at)``, from row to row of the file
``levels``           values that many rows share, and how often two of them come together
``combinations``     ``combinations of device, os``, ``exactly one of a, b, c``
``conditions``       ``if type = 'free' then price = 0``, ``b is missing exactly if a is missing``
===================  ======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...progress import Reporter
from ...schema import Schema
from ..rule import Rule
from .calendar import find_calendar_words
from .combinations import find_combinations, find_exclusions
from .conditions import find_conditions
from .dependencies import Dependencies, find_dependencies
from .levels import levels_of
from .numeric.arithmetic import find_arithmetic, implied_orderings
from .orderings import find_orderings
from .rising import find_rising
from .sample import LEAST_ROWS, sample_of

__all__ = ["find_rules"]


def find_rules(
    arrays: Mapping[str, np.ndarray], schema: Schema, *, seed: int = 0, progress: Reporter | None = None
) -> tuple[Rule, ...]:
    """Rules that every row keeps and that independent columns would not keep by chance.

    Rules are formed on a random sample of at most 20,000 rows and checked on all. Identifiers, text and constants take
    no part.

    Args:
        arrays: canonical arrays (:func:`tabular.to_arrays`).
        schema: of their columns; its own rules are not examined.
        seed: of the sample.
        progress: where the search reports to.
    """
    sample = sample_of(arrays, schema, seed)
    if len(sample.rows) < LEAST_ROWS or len(sample.columns) < 2:
        return ()
    with (progress or Reporter()).task("Looking for rules", 5, "kinds of rules") as task:
        equations = find_arithmetic(sample)
        task.advance(text="equations")
        scaled = {equation.left for equation in equations if equation.family == "line"}
        orderings, ordered = find_orderings(sample, implied_orderings(sample, equations), scaled)
        task.advance(text="orderings")
        known = Dependencies(equations)
        dependencies = [*find_dependencies(sample, known), *find_calendar_words(sample, known)]
        task.advance(text="dependencies")
        exclusions, groups = find_exclusions(sample)
        levels = levels_of(sample)
        combinations = find_combinations(sample, levels, known, groups)
        task.advance(text="combinations")
        conditions = find_conditions(sample, levels, known, ordered)
        task.advance(text="conditions")
    return (
        *orderings,
        *(equation.rule for equation in equations),
        *dependencies,
        *combinations,
        *conditions,
        *exclusions,
        *find_rising(sample),
    )
