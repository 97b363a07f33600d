"""Several synthetic tables against each other: mean KS and Jensen-Shannon distance of each pair.

The tables of two generators may be equally far from the real one and yet unlike each other, or alike; a class
report prints these figures beside those against real. The bins are cut from the REAL table, so that all
figures of a page are in one coin; KS is total variation for categories, as in :mod:`eval.metrics.fidelity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from tabular.preparing.inference import infer_schema
from tabular.schema import Schema

from ..facts.plain_data import finite
from ..facts.report import PairwiseDistance
from ..preparing.tables import Tables, load_tables
from .fidelity import count_values, js_distance, ks_statistic, real_bins, total_variation

__all__ = ["pairwise"]


def pairwise(
    real: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, schema: Schema | None = None
) -> tuple[PairwiseDistance, ...]:
    """Compare each two of the synthetic ``tables``.

    Args:
        real: gives the schema, the codes and the bins.
        tables: by name, each with the columns of ``real``.

    Raises:
        TableError: if the columns of a table differ or it has too few rows.
    """
    real = real.set_axis([str(name) for name in real.columns], axis=1).reset_index(drop=True)
    schema = schema or infer_schema(real)
    named = {
        name: table.set_axis([str(column) for column in table.columns], axis=1).reset_index(drop=True)
        for name, table in tables.items()
    }
    return tuple(
        _distance(first, second, load_tables(real, named[first], named[second], schema))
        for first, second in combinations(named, 2)
    )


def _distance(first: str, second: str, tables: Tables) -> PairwiseDistance:
    """The two synthetic tables stand in ``tables`` as synthetic and as holdout, so that they share their codes."""
    assert tables.holdout is not None
    shapes, js = [], []
    for name in tables.modelled:
        bins = real_bins(tables, name)
        arrays = [table.arrays[name] for table in (tables.synthetic, tables.holdout)]
        counts = [count_values(array, bins) for array in arrays]
        if name in tables.numeric:
            shapes.append(ks_statistic(*arrays))
        else:
            shapes.append(total_variation(counts[0][1:], counts[1][1:]))
        js.append(js_distance(*counts))
    return PairwiseDistance(first, second, _mean_percent(shapes), _mean_percent(js))


def _mean_percent(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return finite(100 * np.mean(known)) if known else None
