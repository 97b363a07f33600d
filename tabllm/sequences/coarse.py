"""Columns of few values that one of many decides: drawn before it, though they follow from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tabular.encoding.unmodelled import is_missing
from tabular.rules import Rule
from tabular.rules.reducing.derivations import LookedUp
from tabular.rules.reducing.reduction import reduction_of
from tabular.schema import Schema

from ..codec.category import MAX_SOFTMAX
from ..codec.table import TableCodec
from ..nano.combinations import Combinations
from ..nano.engines.base import NanoEngine
from .following import rules_of

__all__ = ["Tied", "combinations", "learned_rules", "like_together"]

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


@dataclass(frozen=True)
class Tied:
    """Values of a fine column and the coarse ones that each decides, as the fields in which they are drawn.

    Attributes:
        combinations: of the tokens.
        codes: int32[leaves], the value that each is; -1 for missing.
    """

    combinations: Combinations
    codes: np.ndarray


def combinations(
    schema: Schema, columns: Collection[str], codec: TableCodec, engine: NanoEngine, alone: Collection[str] = ()
) -> dict[str, Tied]:
    """What :func:`learned_rules` left out, for the drawing of ``columns``: no film is drawn that is not of the year.

    Args:
        schema: of the whole log.
        codec: of the model of events.
        alone: columns that are wanted whether or not they decide others.
    """
    places = {column: [f for f, field in enumerate(codec.fields) if field.column == column] for column in codec.codecs}
    values: dict[str, Arrays] = {}
    for rule in schema.rules:
        found = _coarse_of_fine(rule, schema)
        if found and {found.target, *found.sources} <= {*columns} & {*places}:
            fine = found.sources[0]
            # Every value of the fine column, and none.
            every = np.append(np.arange(len(schema[fine].categories), dtype=np.int32), np.int32(-1))
            values.setdefault(fine, {})[found.target] = found.join({fine: every})
    made = {}
    for fine, coarse in {**{name: {} for name in alone if name in places}, **values}.items():
        before = sorted((name for name in coarse if places[name][-1] < places[fine][0]), key=lambda name: places[name])
        while before or fine in alone:
            fields = [place for name in (*before, fine) for place in places[name]]
            tokens, codes = _together(
                {name: coarse[name] for name in before}, fine, len(schema[fine].categories), codec
            )
            tree = Combinations.of(fields, tokens, [codec.fields[place].size for place in fields], engine)
            if tree is not None:
                made[fine] = Tied(tree, codes[np.unique(tree.leaves, return_index=True)[1]])
                break
            if not before:
                break
            before.pop()  # too many values
    return made


def _together(
    coarse: Mapping[str, np.ndarray], fine: str, count: int, codec: TableCodec
) -> tuple[np.ndarray, np.ndarray]:
    """(int32[n, fields], int32[n]): the tokens of each of the ``count`` values of a column, behind those that it
    decides, and which value it is; -1 for none."""
    codecs = {name: codec.codecs[name] for name in (*coarse, fine)}
    every = np.append(np.arange(count, dtype=np.int32), np.int32(-1))
    codes = {**coarse, fine: every}
    can_be = np.all([codecs[name].missing | ~is_missing(values) for name, values in codes.items()], axis=0)
    tokens = {name: codecs[name].encode(values) for name, values in codes.items()}
    listed, found = np.concatenate(list(tokens.values()), axis=1)[can_be], every[can_be]
    if not codecs[fine].missing or not coarse:
        return listed, found
    # Where the fine one may be missing, it may be so whatever the coarse ones are.
    coarse_ones = np.unique(listed[:, : -tokens[fine].shape[1]], axis=0)
    missing = np.hstack([coarse_ones, np.repeat(tokens[fine][-1:], len(coarse_ones), axis=0)])
    return np.concatenate([listed, missing]), np.append(found, np.full(len(missing), -1, np.int32))


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
