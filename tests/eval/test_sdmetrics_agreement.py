"""Our columns and pairs against SDMetrics itself, where that is installed."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from eval.fidelity import column_fidelity
from eval.tables import load_tables
from eval.trends import measure_pairs, pair_trends
from tabular.inference import infer_schema

properties = pytest.importorskip(
    "sdmetrics.reports.single_table._properties", reason="SDMetrics is not installed: nothing to agree with"
)


@pytest.fixture(params=["halves", "independent", "missing"])
def pair_of_tables(request, shared_data):
    """Two tables from Online Shoppers: two halves, one with its columns shuffled, one with holes."""
    table = pd.read_csv(next(shared_data("online_shoppers").glob("*.csv.gz")))
    rng = np.random.default_rng(0)
    if request.param == "independent":
        return table, pd.DataFrame({name: rng.permutation(table[name].to_numpy()) for name in table})
    order = rng.permutation(len(table))
    first, second = (table.iloc[part].reset_index(drop=True) for part in np.array_split(order, 2))
    if request.param == "missing":
        for half, rate in ((first, 0.1), (second, 0.3)):
            half["BounceRates"] = half.BounceRates.mask(rng.random(len(half)) < rate)
            half["Month"] = half.Month.mask(rng.random(len(half)) < rate)
    return first, second


def test_columns_and_pairs_are_those_of_sdmetrics(pair_of_tables):
    real, synthetic = pair_of_tables
    schema = infer_schema(real)
    # Both sides must hold the same columns for numbers; what a column IS, is not the question here.
    sdtypes = {c.name: {"sdtype": "numerical" if c.is_numeric else "categorical"} for c in schema}
    tables = load_tables(real, synthetic, None, schema)
    shapes, pairs = properties.ColumnShapes(), properties.ColumnPairTrends()
    pairs.num_rows_subsample = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape_score = shapes.get_score(real, synthetic, {"columns": sdtypes})
        pair_score = pairs.get_score(real, synthetic, {"columns": sdtypes})

    assert column_fidelity(tables).shape_error_percent == pytest.approx(100 * (1 - shape_score), abs=1e-3)
    assert pair_trends(tables)[0].sdmetrics_error_percent == pytest.approx(100 * (1 - pair_score), abs=1e-3)
    ours = {(p.first, p.second): p for p in measure_pairs(tables, [tables.real, tables.synthetic], edges="each")}
    for _, row in pairs.details.iterrows():
        theirs = 100 * (1 - row["Score"])
        assert ours[row["Column 1"], row["Column 2"]].error_percent == pytest.approx(theirs, abs=1e-3)
