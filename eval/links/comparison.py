"""Every figure of linked tables, each beside the same figure of other real parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.links.graph import TableGraph
from tabular.links.keys import Key, check_parent_column, key_text, positions_in_parent
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.schema import Column, Schema

from ..metrics.detection import FOLDS
from ..metrics.unit_detection import detect_units
from ..sequences.averages import DETECTION_DRAWS, Averages
from .facts import KeyReport, LinksReport
from .families import Families
from .measures import QUESTIONS, Bins, distances
from .pictures import pictures_of_key

__all__ = ["compare_links"]

#: Random draws of parents over which figures are averaged.
DRAWS = 3
#: Parents of each side that the detector sees.
MAX_PARENTS = 20_000
#: Categories beyond which a column says too little by each.
MAX_CATEGORIES = 1_000


def compare_links(
    real: Mapping[str, pd.DataFrame],
    synthetic: Mapping[str, pd.DataFrame],
    graph: TableGraph,
    *,
    seed: int = 0,
    threads: int | None = None,
    progress: Reporter | None = None,
) -> LinksReport:
    """Compare linked tables, key by key.

    Half of the real parents of a key, drawn at random, are compared with as many synthetic ones and, for the noise
    floor, with as many of the other half; figures are means over :data:`DRAWS` such draws.

    Args:
        real, synthetic: name -> table.
        graph: the keys.
        threads: of the detector.

    Raises:
        UsageError: if a synthetic table or one of its columns is absent.
        TableError: where a key column of a real parent does not name each row.
    """
    progress = progress or Reporter()
    for name in graph.tables:
        for side, tables in (("real", real), ("synthetic", synthetic)):
            if name not in tables:
                raise UsageError(f"There is no {side} table {name!r}; the keys name it.")
        if absent := [column for column in real[name] if column not in synthetic[name]]:
            raise UsageError(f"The synthetic table {name!r} has no column {absent[0]!r}, which the real one has.")
    notes: list[str] = []
    schemas = {name: _compared(name, real[name], graph) for name in graph.tables}
    arrays = [
        {name: to_arrays(tables[name], schemas[name], unseen="missing") for name in graph.tables}
        for tables in (real, synthetic)
    ]
    keys = []
    with progress.task("Comparing keys", len(graph.keys), "keys") as task:
        for key in graph.keys:
            check_parent_column(key, real[key.parent][key.parent_column])
            report = _integrity(key, real, synthetic, kept=key.parent in graph.kept)
            if not report.kept:
                sides = [
                    _families(key, tables, of, schemas) for tables, of in zip((real, synthetic), arrays, strict=True)
                ]
                report, note = _compared_key(key, report, sides[0], sides[1], seed, threads)
                notes += [note] if note else []
            keys.append(report)
            task.advance(1)
    rows = [{name: len(tables[name]) for name in graph.tables} for tables in (real, synthetic)]
    return LinksReport(rows[0], rows[1], tuple(keys), tuple(notes))


def _compared(name: str, table: pd.DataFrame, graph: TableGraph) -> Schema:
    """The columns that are compared: numbers and categories, a key to a lookup table among them, without other keys."""
    keys = {key.child_column for key in graph.keys if key.child == name and key.parent not in graph.kept}
    keys |= set(graph.named_by(name))
    rest = table[[column for column in table if column not in keys]]
    if not rest.shape[1]:
        return Schema((), len(table))
    columns = []
    for column in infer_schema(rest):
        if column.is_numeric:
            columns.append(column)
        elif column.has_categories and 1 < len(column.categories) <= MAX_CATEGORIES:
            columns.append(_by_frequency(column, table[column.name]))
    return Schema(tuple(columns), len(table))


def _by_frequency(column: Column, cells: pd.Series) -> Column:
    """``column`` with its categories ordered by how many rows have them, the most frequent first."""
    codes = to_arrays(cells.to_frame(), Schema((column,)), unseen="missing")[column.name]
    order = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(column.categories)), kind="stable")
    return replace(column, categories=tuple(column.categories[code] for code in order))


def _integrity(
    key: Key, real: Mapping[str, pd.DataFrame], synthetic: Mapping[str, pd.DataFrame], *, kept: bool
) -> KeyReport:
    parent = key_text(synthetic[key.parent][key.parent_column])
    filled, named = (_named(key, synthetic), _named(key, real))
    rows = len(synthetic[key.child]), len(real[key.child])
    valid = float(filled.mean()) if len(filled) else 1.0
    missing = [
        100 * (1 - float(found.sum()) / max(total, 1)) for found, total in zip((filled, named), rows, strict=True)
    ]
    whole = len(parent) == len(synthetic[key.parent])
    return KeyReport(key.text, 100 * valid, whole and parent.is_unique, missing[0], missing[1], kept)


def _named(key: Key, tables: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """bool[children with a filled key]: whether it names a row of the parent."""
    child, parent = (
        key_text(tables[table][column])
        for table, column in ((key.child, key.child_column), (key.parent, key.parent_column))
    )
    return child.isin(set(parent)).to_numpy(dtype=bool)


def _families(
    key: Key,
    tables: Mapping[str, pd.DataFrame],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    schemas: Mapping[str, Schema],
) -> Families:
    named = tables[key.parent][key.parent_column]
    first = named[~named.duplicated() & named.notna()]
    place = positions_in_parent(tables[key.child][key.child_column], first)
    rows = np.flatnonzero((~named.duplicated() & named.notna()).to_numpy())
    owner = np.where(place < 0, -1, rows[np.maximum(place, 0)]) if len(rows) else np.full(len(place), -1)
    return Families(schemas[key.parent], schemas[key.child], arrays[key.parent], arrays[key.child], owner, len(named))


def _compared_key(
    key: Key, report: KeyReport, real: Families, made: Families, seed: int, threads: int | None
) -> tuple[KeyReport, str]:
    parents = min(real.size // 2, made.size)
    if parents < FOLDS:
        return report, f"{report.key}: {real.size:,} real and {made.size:,} synthetic parents are too few to compare."
    bins = {("parent", column.name): Bins(column, real.parents[column.name]) for column in real.parent_schema}
    bins |= {("child", column.name): Bins(column, real.children[column.name]) for column in real.child_schema}
    averages = Averages()
    for draw in range(DRAWS):
        rng = np.random.default_rng([seed, draw])
        order = rng.permutation(real.size)
        half, rest = (real.of_parents(part) for part in (order[:parents], order[parents : 2 * parents]))
        other = made.of_parents(rng.permutation(made.size)[:parents])
        averages.add(distances(half, other, bins), distances(half, rest, bins))
        if draw < DETECTION_DRAWS:
            score, gains = _detected(half, other, [seed, draw], threads)
            averages.add_detection(score, _detected(half, rest, [seed, draw], threads)[0], gains)
    figures, telling = averages.figures(), averages.telling()
    return replace(
        report,
        compared_parents=parents,
        figures=figures,
        questions=averages.questions(QUESTIONS),
        detection=averages.detection,
        detection_floor=averages.detection_floor,
        telling=telling,
        pictures=pictures_of_key(key, real, made, figures, list(telling)),
    ), ""


def _detected(real: Families, other: Families, seed: list[int], threads: int | None) -> tuple[float, dict[str, float]]:
    return detect_units(real.features(), other.features(), most=MAX_PARENTS, seed=seed, threads=threads)
