"""The fractions of each column's values in the real, the synthetic and the holdout table, in few bars."""

from __future__ import annotations

import numpy as np

from tabular.schema import Column

from ..facts.figures import Distribution, Histogram
from ..judging.wording import cell_text
from ..preparing.tables import Tables

__all__ = ["MAX_CATEGORIES", "TAIL", "distance_histogram", "distribution_facts", "grain", "shortened"]

#: Bins of a numeric column.
BINS = 30
#: Integers that span no more than this have a bin each.
MAX_SINGLE_INTEGERS = 45
#: A number that this fraction of the real rows has stands in a bar of its own, or it would flatten all others.
SPIKE_SHARE = 0.2
#: Fraction of the real cells at either end that do not widen the axis.
TAIL = 0.005
#: Categories with a bar of their own.
MAX_CATEGORIES = 12
#: Characters of a category's name that are kept.
MAX_LABEL = 60


def distribution_facts(tables: Tables) -> tuple[Distribution, ...]:
    """One distribution per numeric and token column, in table order."""
    others = [tables.synthetic] if tables.holdout is None else [tables.synthetic, tables.holdout]
    made = []
    for name in tables.modelled:
        arrays = [table.arrays[name] for table in (tables.real, *others)]
        if name in tables.numeric:
            made.append(_of_numbers(tables.schema[name], arrays))
        else:
            made.append(_of_categories(tables, name, arrays))
    return tuple(made)


def distance_histogram(synthetic: np.ndarray, holdout: np.ndarray, bins: int = BINS) -> Histogram:
    """Distances ``float64[n]``, ``float64[m]`` in bins of equal width from 0 to their common 99.5th percentile."""
    top = float(np.quantile(np.concatenate([synthetic, holdout]), 1 - TAIL)) or 1.0
    edges = np.linspace(0.0, top, bins + 1)
    return Histogram(
        edges=_rounded(edges),
        synthetic_percent=_percent(_binned(synthetic, edges), len(synthetic)),
        holdout_percent=_percent(_binned(holdout, edges), len(holdout)),
    )


def _of_numbers(column: Column, arrays: list[np.ndarray]) -> Distribution:
    present = arrays[0][~np.isnan(arrays[0])]
    if not len(present):  # what the synthetic table invented still shows
        present = np.concatenate([array[~np.isnan(array)] for array in arrays])
    spikes, rest = _spikes(present, len(arrays[0]))
    edges = _edges(rest) if len(rest) else np.empty(0)
    counts = []
    for array in arrays:
        at_spikes = [int((array == spike).sum()) for spike in spikes]
        free = array[~np.isnan(array) & ~np.isin(array, spikes)]
        bars = _binned(free, edges) if len(edges) else np.empty(0, dtype=np.int64)
        other = 0 if len(edges) else len(free)
        counts.append(np.concatenate([bars, at_spikes, [other, np.isnan(array).sum()]]))
    labels = [*(cell_text(spike, column.kind) for spike in spikes), "not in the real table", "missing"]
    return _distribution(column, _rounded(edges), labels, len(spikes), 0, counts, arrays)


def _spikes(present: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The values that stand in bars of their own, the most frequent first, and the cells that remain."""
    values, counts = np.unique(present, return_counts=True)
    if len(values) <= 2:  # nothing that bins could show
        return values[np.argsort(-counts, kind="stable")], present[:0]
    if len(values) <= MAX_SINGLE_INTEGERS and (values == np.round(values)).all():
        return values[:0], present  # each value will have its bin anyway, in its place on the axis
    order = np.argsort(-counts, kind="stable")[: int(1 / SPIKE_SHARE)]
    spikes = values[order][counts[order] >= SPIKE_SHARE * rows]
    return spikes, present[~np.isin(present, spikes)]


def grain(present: np.ndarray) -> float:
    """The step that all of ``present`` are multiples of, as far as it matters to bins; 0 if there is none.

    Days, hours, minutes and seconds for instants come out as multiples of 86,400, 3,600, 60 and 1. A bin that is no
    multiple of it holds now more, now fewer of the values that can occur, and shows gaps that are none.
    """
    for step in (86_400.0, 3_600.0, 60.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01, 0.001):
        multiples = present / step
        if (
            np.abs(multiples - np.round(multiples)).max(initial=0.0) < 1e-6
            and np.abs(multiples).max(initial=0.0) < 1e12
        ):
            return step
    return 0.0


def _edges(present: np.ndarray) -> np.ndarray:
    """Edges of equally wide bins over the bulk of ``present``, each as many of its grains wide and between two "
    "values."""
    low, high = np.quantile(present, [TAIL, 1 - TAIL])
    if high <= low:
        low, high = float(present.min()), float(present.max())
    if step := grain(present):
        low, high = step * np.floor(low / step), step * np.ceil(high / step)
        steps = round((high - low) / step) + 1
        width = step * (1 if steps <= MAX_SINGLE_INTEGERS else np.ceil(steps / BINS))
        return low - step / 2 + width * np.arange(np.ceil(steps * step / width) + 1)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _of_categories(tables: Tables, name: str, arrays: list[np.ndarray]) -> Distribution:
    size, known = tables.cardinality[name], tables.known[name]
    counts = np.stack([np.bincount(array + 1, minlength=size + 1) for array in arrays])
    fractions = counts[:, 1 : known + 1] / np.array([[max(len(array), 1)] for array in arrays])
    # By the greater of both shares, so that a category that the synthetic table overdoes is seen.
    order = np.argsort(-fractions[:2].max(0), kind="stable")
    shown = order[: MAX_CATEGORIES if known > MAX_CATEGORIES + 1 else known]
    folded = order[len(shown) :]
    categories = tables.schema[name].categories
    labels = [
        *(shortened(str(categories[code])) for code in shown),
        "other values",
        "not in the real table",
        "missing",
    ]
    bars = [np.concatenate([c[shown + 1], [c[folded + 1].sum(), c[known + 1 :].sum(), c[0]]]) for c in counts]
    return _distribution(tables.schema[name], (), labels, len(shown), len(folded), bars, arrays)


def _distribution(
    column: Column,
    edges: tuple[float, ...],
    labels: list[str],
    values: int,
    folded: int,
    counts: list[np.ndarray],
    arrays: list[np.ndarray],
) -> Distribution:
    """Shares from counts; a bar beside those of values and bins that is empty everywhere is dropped."""
    table = np.stack(counts)
    special = max(len(edges) - 1, 0) + values
    keep = np.ones(table.shape[1], dtype=bool)
    keep[special:] = table[:, special:].any(0)
    fractions = [_percent(row[keep], len(array)) for row, array in zip(table, arrays, strict=True)]
    kept = [label for label, held in zip(labels, keep[max(len(edges) - 1, 0) :], strict=True) if held]
    return Distribution(
        name=column.name,
        kind=column.kind,
        edges=edges,
        labels=tuple(kept),
        values=values,
        folded=folded,
        real_percent=fractions[0],
        synthetic_percent=fractions[1],
        holdout_percent=fractions[2] if len(fractions) > 2 else None,
    )


def _binned(array: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts between neighbouring edges, the ends open."""
    return np.bincount(np.searchsorted(edges[1:-1], array, side="right"), minlength=len(edges) - 1)


def _percent(counts: np.ndarray, rows: int) -> tuple[float, ...]:
    return tuple(np.round(100 * counts / max(rows, 1), 3).tolist())


def _rounded(edges: np.ndarray) -> tuple[float, ...]:
    """Edges with 12 digits: what the file gains by fewer, instants would lose."""
    return tuple(float(f"{edge:.12g}") for edge in edges)


def shortened(label: str) -> str:
    """``label``, cut where it is longer than a plot can show."""
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"
