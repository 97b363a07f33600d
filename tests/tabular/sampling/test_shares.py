"""The arithmetic of shares: exact answers, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular.sampling.shares import balanced, in_parts, largest_remainder, parity, rows_for_share

WEIGHTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=30).filter(any).map(np.array)


@pytest.mark.parametrize(
    ("n", "weights", "counts"),
    [
        (10, [1, 1], [5, 5]),
        (10, [0.5, 0.3, 0.2], [5, 3, 2]),
        # Quotas 4.7, 1.6, 3.7: the wholes are 8, and the two rows left go to the fractions .7 and .7.
        (10, [47, 16, 37], [5, 1, 4]),
        # Equal fractions: the first come first.
        (5, [1, 1, 1], [2, 2, 1]),
        (0, [1, 2], [0, 0]),
        (7, [0, 3], [0, 7]),
    ],
)
def test_largest_remainders_by_hand(n, weights, counts):
    assert largest_remainder(n, np.array(weights)).tolist() == counts


@given(st.integers(0, 1_000_000), WEIGHTS)
def test_largest_remainders_add_up_and_keep_to_their_quotas(n, weights):
    counts = largest_remainder(n, weights)
    assert counts.sum() == n
    assert (np.abs(counts - n * weights / weights.sum()) < 1 + 1e-6).all()


def test_balanced_cells_differ_by_one_row_at_most():
    assert balanced(12, 4).tolist() == [3, 3, 3, 3]
    assert balanced(14, 4).tolist() == [4, 4, 3, 3]


def test_parity_takes_the_target_from_the_whole_and_the_groups_as_they_are():
    # 600 women of whom 60 are rich, 400 men of whom 240 are: 30 % of all, whatever the sex.
    rows = parity(100, np.array([[540, 60], [160, 240]]))
    assert rows.tolist() == [[42, 18], [28, 12]]


@given(
    st.integers(1, 100_000),
    st.lists(st.tuples(*[st.integers(0, 500)] * 3), min_size=1, max_size=8).filter(lambda rows: any(map(any, rows))),
)
def test_parity_leaves_no_group_more_than_a_row_away(n, pairs):
    counts = np.array(pairs)
    rows = parity(n, counts)
    assert rows.sum() == n
    assert (rows.sum(1) == largest_remainder(n, counts.sum(1))).all()
    assert (np.abs(rows - rows.sum(1, keepdims=True) * counts.sum(0) / counts.sum()) < 1 + 1e-6).all()


@given(WEIGHTS, st.integers(500, 5_000))
def test_parts_add_up_to_the_whole_and_each_is_full(counts, part_rows):
    parts = list(in_parts(counts, part_rows))
    assert (np.sum(parts, axis=0) == counts).all()
    assert (np.array(parts) >= 0).all()
    assert {int(part.sum()) for part in parts[:-1]} <= {part_rows}


def test_every_part_has_its_share():
    parts = [part.tolist() for part in in_parts(np.array([600, 300, 101]), 100)]
    assert all(part[0] in (59, 60, 61) and part[1] in (29, 30, 31) for part in parts[:-1])
    assert sum(parts[-1]) == 1


@pytest.mark.parametrize(
    ("share", "have", "rows", "more"),
    [
        (0.5, 10, 100, 80),  # 90 of 180
        (0.2, 1, 10, 2),  # 1.25 would do: 3 of 12
        (0.1, 1, 10, 0),
        (0.1, 5, 10, 0),
        (0.05, 324, 35_840, 1546),
    ],
)
def test_rows_for_a_share(share, have, rows, more):
    assert rows_for_share(share, have, rows) == more
    assert (have + more) / (rows + more) >= share - 1e-12
