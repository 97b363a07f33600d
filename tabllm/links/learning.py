"""How one table is learned: its own columns, how many children its rows have, and what they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.errors import TableError
from tabular.links.graph import TableGraph
from tabular.links.keys import Key, positions_in_parent
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.relations.log import unused_name
from tabular.rules.choice import RuleChoice
from tabular.rules.choosing import FOUND_BY_DEFAULT, ruled
from tabular.rules.reducing.file_order import without_order
from tabular.schema import Column, Schema

from .aggregates import Aggregates
from .constant import constant_columns
from .context import Family, can_be_given, choose_given, elder_values
from .parents import ParentGroups
from .siblings import Siblings
from .tables import TablePlan
from .times import Gaps

__all__ = ["Learned", "OwnColumns", "Prepared", "lines_above", "prepare", "read_own", "with_parents"]

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Learned:
    """A table as those that are learned after it need it; rows stand as in the file.

    Attributes:
        schema: the columns that can be given of other rows, counts of children among them.
        arrays: canonical arrays of these.
        owner: int64[rows], the row of the first parent; -1 for none.
        counts: key -> the column that says how many rows name each.
        aggregates: key of a child -> what is said of its rows.
    """

    schema: Schema
    arrays: Arrays
    owner: np.ndarray
    counts: Mapping[str, str]
    aggregates: Mapping[str, Aggregates]


@dataclass(frozen=True)
class OwnColumns:
    """The columns of a table that name no row of a made parent, rows as in the file.

    Attributes:
        table: the cells.
        schema: with rules.
        arrays: canonical arrays.
    """

    table: pd.DataFrame
    schema: Schema
    arrays: Arrays


@dataclass(frozen=True)
class Prepared:
    """What a model of one table is fitted to.

    Attributes:
        table, schema: the rows with all columns of the model; those that are given come first.
        groups: key -> the groups of another parent.
        owners: int64[rows] from 0, rows of the same parent have the same; ``None`` of a table without a parent.
    """

    plan: TablePlan
    table: pd.DataFrame
    schema: Schema
    learned: Learned
    groups: Mapping[str, ParentGroups]
    owners: np.ndarray | None = None


def with_parents(graph: TableGraph, tables: Mapping[str, pd.DataFrame], progress: Reporter) -> dict[str, np.ndarray]:
    """Key -> int64[rows of the child], the row of the parent; -1 where there is none, which ``progress`` notes."""
    found = {}
    for key in graph.keys:
        place = positions_in_parent(tables[key.child][key.child_column], tables[key.parent][key.parent_column])
        if lost := int((place == -2).sum()):
            progress.note(
                f"{lost:,} of {len(place):,} values of {key.child}.{key.child_column} name no row of {key.parent}; "
                "they are learned as empty, and none such is made."
            )
        found[key.text] = np.where(place < 0, -1, place)
    return found


def read_own(
    name: str,
    table: pd.DataFrame,
    graph: TableGraph,
    place: Mapping[str, np.ndarray],
    *,
    time: str,
    seed: int,
    rare_below: int,
    progress: Reporter,
) -> OwnColumns:
    """The own columns of the table ``name``, with their rules.

    Args:
        place: of :func:`with_parents`.
        time: the column by which rows of one parent are in order; empty for their order in the file.
    """
    own, schema = _own_columns(name, table, graph, place, seed=seed, rare_below=rare_below, progress=progress)
    if time and (time not in schema or not schema[time].is_numeric):
        raise TableError(
            f"{name}.{time} holds neither instants nor numbers, so rows of one parent cannot be put in order by it; "
            "leave --time out."
        )
    return OwnColumns(own, schema, to_arrays(own, schema, unseen="missing"))


def prepare(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    graph: TableGraph,
    place: Mapping[str, np.ndarray],
    own: Mapping[str, OwnColumns],
    known: Mapping[str, Learned],
    *,
    times: Mapping[str, str],
    seed: int,
) -> Prepared:
    """What a model of the table ``name`` is fitted to.

    Args:
        place: of :func:`with_parents`.
        own: of :func:`read_own`, of every table.
        known: the tables that were learned before.
        times: table -> the column by which rows of one parent are in order; their order in the file if absent.
    """
    table, time = tables[name], times.get(name, "")
    first = graph.primary(name)
    schema, arrays = own[name].schema, dict(own[name].arrays)
    taken = {*map(str, table.columns)}
    counts, groups, grouped = {}, {}, {}
    extra: list[Column] = []
    for key in (*graph.children(name), *graph.secondary_children(name)):
        by = "" if key in graph.children(name) else f" by {key.child_column}"
        label = counts[key.text] = unused_name(f"rows of {key.child}{by}", taken)
        there = place[key.text][place[key.text] >= 0]
        arrays[label] = np.bincount(there, minlength=len(table)).astype(np.float64)
        low, high = float(arrays[label].min(initial=0)), float(arrays[label].max(initial=0))
        extra.append(Column(label, "integer", "int64", minimum=low, maximum=high))
    aggregates = {}
    for key in graph.children(name):
        child = own[key.child]
        given = [column.name for column in child.schema if can_be_given(column)]
        said = aggregates[key.text] = Aggregates.of(
            key.child,
            child.schema,
            child.arrays,
            place[key.text],
            len(table),
            given,
            taken,
            time=times.get(key.child, ""),
        )
        extra += said.columns
        arrays |= said.arrays
    for key in graph.secondary(name):
        parent = known[key.parent]
        found = ParentGroups.fit(parent.arrays, parent.schema, parent.counts[key.text], seed=seed)
        label = groups[key.text] = unused_name(f"kind of {key.child_column}", taken)
        grouped[key.text] = found
        arrays[label] = np.where(place[key.text] < 0, -1, found.of(parent.arrays)[place[key.text]]).astype(np.int32)
        numbers = tuple(range(len(found.centers)))
        missing = float((arrays[label] < 0).mean())
        extra.append(Column(label, "categorical", "Int64", missing_rate=missing, categories=numbers))
    given_to_others = tuple(replace(column, label=None) for column in (*schema, *extra) if can_be_given(column))
    owner = np.full(len(table), -1, np.int64) if first is None else place[first.text]
    learned = Learned(Schema(given_to_others, len(table)), arrays, owner, counts, aggregates)
    beside = from_arrays(arrays, Schema(tuple(extra), len(table)))
    rows = pd.concat([own[name].table.reset_index(drop=True), beside], axis=1)
    made_keys = {key.child_column: str(table[key.child_column].dtype) for key in _made_keys(name, graph)}
    owned = int((owner >= 0).sum())
    plan = TablePlan(
        name,
        tuple(map(str, table.columns)),
        tuple(schema.names),
        counts,
        groups,
        (),
        made_keys,
        time,
        (),
        "",
        _stand_together(owner),
        (len(owner) - owned) / max(owned, 1),
        len(table),
        tuple(column.name for said in aggregates.values() for column in said.columns),
    )
    whole = replace(schema, columns=(*schema, *extra))
    if first is None:
        return Prepared(plan, rows, whole, learned, grouped)
    plan = replace(plan, time=time, constant=constant_columns(own[name].table, schema, owner, {time}))
    return _with_family(plan, rows, whole, learned, grouped, graph, known, taken)


def _own_columns(
    name: str,
    table: pd.DataFrame,
    graph: TableGraph,
    place: Mapping[str, np.ndarray],
    *,
    seed: int,
    rare_below: int,
    progress: Reporter,
) -> tuple[pd.DataFrame, Schema]:
    """The columns that name no row of a made parent, and their schema with its rules."""
    named = {key.child_column for key in _made_keys(name, graph)}
    own = table[[column for column in table if column not in named]].copy()
    if not own.shape[1]:
        return own, Schema((), len(table))
    for key in graph.lookups(name):
        own[key.child_column] = own[key.child_column].where(place[key.text] >= 0)
    kinds = dict.fromkeys((column for column in graph.named_by(name) if column not in named), "identifier")
    listed = dict.fromkeys((key.child_column for key in graph.lookups(name)), "categorical")
    schema = infer_schema(own, overrides=kinds | listed, rare_below=rare_below)
    if listed and rare_below:
        # Rare ones folded into another value would name no row of the lookup table.
        whole = infer_schema(own[list(listed)], overrides=listed)
        schema = replace(schema, columns=tuple(whole[c.name] if c.name in listed else c for c in schema))
    own = own[list(schema.names)]
    return own, ruled(own, schema, RuleChoice(), find=FOUND_BY_DEFAULT, seed=seed, progress=progress)


def _made_keys(name: str, graph: TableGraph) -> list[Key]:
    return [key for key in graph.keys if key.child == name and key.parent not in graph.kept]


def _stand_together(owner: np.ndarray) -> bool:
    """Whether rows of one parent stand together in the file."""
    runs = 1 + int((np.diff(owner) != 0).sum()) if len(owner) else 0
    return runs <= 1.05 * len(np.unique(owner))


def _with_family(
    plan: TablePlan,
    rows: pd.DataFrame,
    schema: Schema,
    learned: Learned,
    grouped: Mapping[str, ParentGroups],
    graph: TableGraph,
    known: Mapping[str, Learned],
    taken: set[str],
) -> Prepared:
    """The rows of a table with a parent, in the order of their parents, with what they are drawn from."""
    above, at = lines_above(plan.name, graph, {name: each.owner for name, each in known.items()})
    parent = above[0]
    elder = {}
    for key in graph.children(parent):
        if key.child == plan.name:
            break
        elder[key.child] = known[key.child]
    own = [name for name in learned.schema.names if name not in plan.counts.values()]
    to_parent = graph.primary(plan.name)
    assert to_parent is not None
    schemas = {name: known[name].schema for name in above}
    said = known[parent].aggregates[to_parent.text]
    # How many siblings there are is given with every row by itself; what is said of them stands first.
    others = schemas[parent].drop_columns([known[parent].counts[to_parent.text]])
    names = {column.name for column in said.columns}
    schemas[parent] = replace(others, columns=tuple(sorted(others, key=lambda column: column.name not in names)))
    of_elder = {name: each.schema for name, each in elder.items()}
    chosen = choose_given(
        learned.schema,
        own,
        learned.arrays,
        learned.owner,
        schemas,
        of_elder,
        taken,
        time=plan.time,
        order=said.order,
        ends=said.ends,
        # A time that is encoded as a gap is drawn given the one before.
        apart=said.many and not plan.time,
    )
    given_of = tuple(each for each, _ in chosen)
    plan = replace(plan, given=given_of, order=said.order, in_order=said.in_order, ends=said.ends)
    owner = np.where(learned.owner < 0, len(known[parent].owner), learned.owner)
    by = plan.time or plan.order  # a file that is sorted by months as text has January, October, November ...
    within = learned.arrays[by] if by else np.arange(len(owner))
    order = np.lexsort((within, owner))
    siblings = Siblings.of(learned.owner[order], timed=bool(plan.time), apart=plan.apart)
    family = Family(
        siblings,
        {name: values[order] for name, values in learned.arrays.items()},
        {name: (known[name].arrays, at[name]) for name in above},
        dict(elder_values(plan.given, {name: (e.owner, e.arrays) for name, e in elder.items()}, len(at[parent]))),
        tuple(known[parent].arrays[name] for name in said.ends),
    )
    given = Schema(tuple(column for _, column in chosen), len(order))
    context = from_arrays(family.arrays(plan.given, np.arange(len(order))), given)
    rows = rows.iloc[order].reset_index(drop=True)
    if plan.time:
        gaps = Gaps.of(schema[plan.time], learned.arrays[plan.time], taken)
        firsts, parts, columns = gaps.split(learned.arrays[plan.time][order], siblings)
        rows[plan.time] = rows[plan.time].where(~np.isnan(firsts))
        rows = pd.concat([rows, from_arrays(parts, Schema(tuple(columns), len(order)))], axis=1)
        schema = gaps.encoded(replace(schema, columns=(*schema, *columns)))
        plan = replace(plan, gaps=gaps.names, unit=gaps.clock.unit)
    table = pd.concat([context, rows], axis=1)
    # Whom the table names is said of its own schema.
    nameless = tuple(replace(column, personal=None, label=None) for column in schema)
    whole = without_order(replace(schema, columns=nameless))
    return Prepared(plan, table, replace(whole, columns=(*given, *whole)), learned, grouped, siblings.group)


def lines_above(
    name: str, graph: TableGraph, owners: Mapping[str, np.ndarray]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """The tables above ``name`` by first parents, the parent first; and which row of each is above each parent's row.

    Args:
        owners: table -> int64[rows], the row of its own first parent.
    """
    key = graph.primary(name)
    assert key is not None
    above, at = [key.parent], {key.parent: np.arange(len(owners[key.parent]))}
    while (key := graph.primary(above[-1])) is not None:
        at[key.parent] = take_place(owners[above[-1]], at[above[-1]])
        above.append(key.parent)
    return above, at


def take_place(owner: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``owner[rows]``, -1 where ``rows`` is."""
    return np.where(rows < 0, -1, owner[rows]) if len(owner) else np.full(len(rows), -1, np.int64)
