"""Columns of few values that one of many decides: drawn before it, though they follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tabular.rules import Rule
from tabular.rules.reducing.derivations import LookedUp
from tabular.rules.reducing.reduction import reduction_of
from tabular.schema import Schema

from ..codec.category import MAX_SOFTMAX
from .following import rules_of

__all__ = ["learned_rules", "like_together"]

Arrays = dict[str, np.ndarray]
#: A column of more values than the first decides one of at most this share of them.
MANY_VALUES, COARSE = 256, 0.25


def learned_rules(schema: Schema, columns: tuple[str, ...], relative: tuple[str, ...]) -> tuple[Rule, ...]:
    """Those of :func:`rules_of` that the model of events has: all but lookups of a coarse column in a fine one.

    Nine thousand films decide a year and a genre. If these were left to follow, a user's liking for them would have to
    be learned film by film. So they are drawn first, the film given them, and at the end they are set as it has them.
    """
    found = rules_of(schema, columns, relative)
    return tuple(rule for rule in found if _coarse_of_fine(rule, schema) is None)


def like_together(arrays: Mapping[str, np.ndarray], schema: Schema) -> tuple[Arrays, Schema]:
    """``schema`` with the values of a fine column in the order of the coarse ones that they decide, and its arrays.

    So many values are drawn in two steps, a block of neighbours and one of it (:mod:`tabllm.codec.category`); a film of
    a year is learned from less where a block has films of one year.
    """
    coarse: dict[str, list[np.ndarray]] = {}
    for rule in schema.rules:
        if found := _coarse_of_fine(rule, schema):
            name = found.sources[0]
            every = np.arange(len(schema[name].categories), dtype=np.int32)
            if len(every) > MAX_SOFTMAX:
                coarse.setdefault(name, []).append(found.join({name: every}))
    changed, columns = dict(arrays), {column.name: column for column in schema}
    for name, values in coarse.items():
        # lexsort takes the last one first: that of the fewest values.
        order = np.lexsort(sorted(values, key=lambda each: -len(np.unique(each))))
        categories = columns[name].categories
        columns[name] = replace(columns[name], categories=tuple(categories[place] for place in order))
        changed[name] = np.where(arrays[name] < 0, -1, np.argsort(order)[arrays[name]]).astype(np.int32)
    return changed, replace(schema, columns=tuple(columns.values()))


def _coarse_of_fine(rule: Rule, schema: Schema) -> LookedUp | None:
    """How ``rule`` looks up a column of few values in one of many; ``None`` where it is another one."""
    made = reduction_of(replace(schema, rules=(rule,))).derivations
    if not made or not isinstance(made[0], LookedUp) or len(made[0].sources) != 1:
        return None
    fine, values = len(schema[made[0].sources[0]].categories), made[0].listed(made[0].target)
    return made[0] if fine > MANY_VALUES and len(np.unique(values)) <= COARSE * fine else None
