"""Rows of a table with a parent, block by block, and the keys of all tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabular.encoding.arrays import from_arrays
from tabular.links.graph import TableGraph
from tabular.schema import Schema

from ..sequences.event_model import EventModel
from .constant import as_first_siblings
from .context import Family, elder_values, nothing
from .learning import lines_above
from .parents import ParentGroups
from .siblings import Siblings
from .tables import TablePlan
from .times import Gaps

__all__ = ["Made", "make_children", "own_schema", "with_distinct", "with_keys"]

Arrays = dict[str, np.ndarray]
#: Rows drawn together, at most.
PART_ROWS = 1 << 17


@dataclass(frozen=True)
class Made:
    """Rows of a table that were made.

    Attributes:
        table: the columns that name no row of a made parent.
        arrays: canonical arrays of the learned columns, counts of children among them.
        owner: int64[rows], the row of the first parent; -1 for none.
        others: key -> int64[rows], the row of another parent; -1 for none.
    """

    table: pd.DataFrame
    arrays: Mapping[str, np.ndarray]
    owner: np.ndarray
    others: Mapping[str, np.ndarray]


def own_schema(plan: TablePlan, schema: Schema) -> Schema:
    """The schema of the own columns of a table, of that of its model."""
    return Schema(tuple(schema[name] for name in plan.own))


def make_children(
    plan: TablePlan,
    model: EventModel | None,
    graph: TableGraph,
    made: Mapping[str, Made],
    counts: Mapping[str, str],
    groups: Mapping[str, ParentGroups],
    rng: np.random.Generator,
    seed: int,
    advance: Callable[[int], None],
) -> Made:
    """Rows of the table of ``plan`` for all rows of its parent.

    Args:
        model: of one row; ``None`` where the table has keys alone.
        made: the tables before it.
        counts: key -> the column of the parent that says how many rows it has.
        groups: key -> groups of another parent.
    """
    key = graph.primary(plan.name)
    assert key is not None
    wanted = np.maximum(np.rint(np.nan_to_num(made[key.parent].arrays[counts[key.text]])), 0).astype(np.int64)
    alone = round(plan.alone * int(wanted.sum()))
    siblings = Siblings.counted(wanted, alone, timed=bool(plan.gaps), apart=plan.apart)
    rows = len(siblings.owner)
    arrays = {} if model is None else _drawn(plan, model, graph, made, siblings, rng, advance)
    order = _file_order(plan, siblings, arrays, rng)
    owner = siblings.owner[order]
    arrays = {name: values[order] for name, values in arrays.items()}
    others = {}
    for other in graph.secondary(plan.name):
        kinds = arrays.get(plan.groups[other.text], np.zeros(rows, np.int32))
        others[other.text] = groups[other.text].assign(kinds, made[other.parent].arrays, rng)
    table = pd.DataFrame(index=range(rows))
    if model is not None and (plan.own or plan.aggregates):
        given = {name: values for name, values in arrays.items() if name in model.schema}
        filled = model.unlearned(given, rows, rng, start=0, seed=seed) if rows else _empty(model.schema)
        if plan.own:
            table = from_arrays(filled, own_schema(plan, model.schema))
        known = (c.name for c in model.schema if c.kind not in ("text", "identifier"))
        arrays |= {name: filled[name] for name in known if name in plan.own or name in plan.aggregates}
        as_first_siblings(table, arrays, owner, plan.constant)
    return Made(table, arrays, owner, others)


def _drawn(
    plan: TablePlan,
    model: EventModel,
    graph: TableGraph,
    made: Mapping[str, Made],
    siblings: Siblings,
    rng: np.random.Generator,
    advance: Callable[[int], None],
) -> Arrays:
    """Canonical arrays of the learned columns of all rows, in the order of ``siblings``."""
    above, at = lines_above(plan.name, graph, {name: each.owner for name, each in made.items()})
    elder = {name: (each.owner, each.arrays) for name, each in made.items()}
    rows = len(siblings.owner)
    learned = [c for c in model.schema if c.name in (*plan.own, *plan.extra) and c.kind not in ("text", "identifier")]
    arrays = {column.name: nothing(column.is_numeric, rows) for column in learned}
    family = Family(
        siblings,
        arrays,
        {name: (made[name].arrays, at[name]) for name in above},
        dict(elder_values(plan.given, elder, len(at[above[0]]))),
        tuple(made[above[0]].arrays[name] for name in plan.ends),
    )
    gaps = Gaps.of_plan(plan, model.schema)
    drawn_names: set[str] = set()
    for step in siblings.steps:
        for start in range(0, len(step), PART_ROWS):
            part = step[start : start + PART_ROWS]
            # Siblings of a block are given the same but for their position, which stands last.
            drawn = model.draw(family.arrays(plan.given, part), rng, shared=True)
            if gaps is not None:
                drawn[plan.time] = gaps.join(drawn, gaps.before(arrays[plan.time], siblings, part))
            # What is drawn for a block is in no order yet, and its last row is given to the next block.
            inside = np.lexsort((drawn[plan.order], siblings.group[part])) if plan.order in drawn else slice(None)
            for name, values in drawn.items():
                if name in arrays:
                    arrays[name][part] = values[inside]
            drawn_names |= drawn.keys()
            advance(len(part))
    # What no model learned, such as a constant, is filled in later.
    missing = (*plan.counts.values(), *plan.groups.values(), *plan.gaps)
    return {name: values for name, values in arrays.items() if name in drawn_names or not rows or name in missing}


def _file_order(plan: TablePlan, siblings: Siblings, arrays: Arrays, rng: np.random.Generator) -> np.ndarray:
    """int64[rows]: in which order rows stand in the file."""
    rows = np.arange(len(siblings.owner))
    if plan.together:
        return np.lexsort((arrays[plan.order], siblings.group)) if plan.order in arrays else rows
    if plan.time in arrays:
        return np.argsort(arrays[plan.time], kind="stable")
    if plan.in_order and plan.order in arrays:
        return np.argsort(arrays[plan.order], kind="stable")
    # Anywhere, but siblings in their order.
    place = rng.random(len(rows))
    return np.argsort(place[np.lexsort((place, siblings.group))])


def _empty(schema: Schema) -> Arrays:
    kinds = {c.name: np.float64 if c.is_numeric else np.int32 if c.has_categories else object for c in schema}
    return {name: np.zeros(0, kind) for name, kind in kinds.items()}


def with_distinct(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """``table`` whose key ``columns`` name each row by a value of its own.

    A form of few characters can run out; then a number follows the text, or numbers go on after the highest.
    """
    table = table.copy()
    for name in columns:
        cells = table[name]
        while (again := cells.duplicated() | cells.isna()).any():
            count = np.arange(1, int(again.sum()) + 1)
            if pd.api.types.is_numeric_dtype(cells.dtype):
                cells = cells.mask(again, pd.Series(int(cells.max()) + count, index=cells.index[again]))
            else:
                texts = cells[again].fillna("").astype(str) + pd.Series(count.astype(str), index=cells.index[again])
                cells = cells.astype(object).mask(again, texts)
        table[name] = cells
    return table


def with_keys(plan: TablePlan, graph: TableGraph, made: Made, finished: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table with the columns that name its parents, all in their order.

    Args:
        finished: the tables of the parents.
    """
    table = made.table
    for key in (*filter(None, [graph.primary(plan.name)]), *graph.secondary(plan.name)):
        place = made.owner if key == graph.primary(plan.name) else made.others[key.text]
        table[key.child_column] = _named(
            finished[key.parent][key.parent_column], place, plan.key_dtypes[key.child_column]
        )
    return table[list(plan.columns)]


def _named(values: pd.Series, place: np.ndarray, dtype: str) -> pd.Series:
    """``values[place]`` as the child holds them; missing where ``place`` is below 0."""
    whole = pd.api.types.is_integer_dtype(values.dtype)
    held = values.astype("Int64" if whole else object)
    found = held.reindex(np.where(place < 0, len(values), place)).reset_index(drop=True)
    if whole and (place >= 0).all():
        found = found.astype(values.dtype)
    try:
        changed = found.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return found
    # 007 as a number, or an empty cell as the text "nan", is another key.
    return changed if changed.isna().equals(found.isna()) else found
