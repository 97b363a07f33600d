"""Synthetic tables against each other, in the coin of the real one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.metrics.fidelity import column_fidelity
from eval.metrics.pairwise import pairwise
from tabular.errors import TableError


def test_every_pair_is_measured_and_equal_tables_differ_by_nothing(people):
    one, two = people(300, 1), people(300, 2)
    found = pairwise(people(300, 0), {"a": one, "b": two, "c": one.sample(frac=1, random_state=0)})
    assert [(each.first, each.second) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert (found[1].ks_percent, found[1].js_percent) == (0, 0)
    assert found[0].ks_percent == found[2].ks_percent > 0


def test_against_the_real_table_it_is_the_fidelity_of_the_report(people, tables):
    real, synthetic = people(400, 0), people(300, 1).assign(device="phone")
    (found,) = pairwise(real, {"real": real, "made": synthetic})
    fidelity = column_fidelity(tables(real, synthetic))
    assert found.ks_percent == pytest.approx(fidelity.shape_error_percent)
    assert found.js_percent == pytest.approx(fidelity.js_percent)


def test_two_tables_with_nothing_in_common(people):
    real = pd.DataFrame({"c": ["a", "b"] * 20, "x": np.arange(40.0)})
    (found,) = pairwise(real, {"low": real.assign(c="a", x=0.5), "high": real.assign(c="new", x=39.5)})
    assert (found.ks_percent, found.js_percent) == (100, pytest.approx(100))


def test_a_table_with_other_columns_is_refused(people):
    with pytest.raises(TableError, match="'income'"):
        pairwise(people(50, 0), {"a": people(50, 1), "b": people(50, 2).drop(columns="income")})
