"""Means of the rows of each owner."""

from __future__ import annotations

import numpy as np

from tabular.relations.means import means_by_owner


def test_missing_values_do_not_count_and_who_has_none_has_no_mean() -> None:
    values, owner = np.array([1.0, np.nan, 3.0, np.nan]), np.array([0, 0, 0, 2])
    np.testing.assert_array_equal(means_by_owner(values, owner, 4), [2, np.nan, np.nan, np.nan])
