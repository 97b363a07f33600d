"""The orders that are learned: any columns first, the others after them, each side in field order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabllm.decoding.orders import draw_orders, order_with_first

#: Fields per column, 1 or 2.
widths = st.lists(st.integers(1, 2), min_size=1, max_size=8)


def groups_of(fields_per_column: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(fields_per_column)), fields_per_column)


@given(widths, st.floats(0, 1), st.integers(0, 10**6))
def test_every_order_is_a_permutation_of_two_ascending_runs_of_whole_columns(fields_per_column, plain_share, seed):
    groups = groups_of(fields_per_column)
    orders = draw_orders(50, groups, plain_share=plain_share, rng=np.random.default_rng(seed))
    assert orders.shape == (50, len(groups))
    for order in orders:
        assert sorted(order) == list(range(len(groups)))
        assert (np.diff(order) < 0).sum() <= 1
        columns = groups[order]
        assert (np.diff(columns) != 0).sum() == len(fields_per_column) - 1  # a column's fields stand side by side


@given(st.data(), st.integers(1, 12))
def test_the_fields_asked_for_come_first_and_no_field_is_lost(data, fields):
    first = data.draw(st.lists(st.integers(0, fields - 1), unique=True))
    order = order_with_first(first, fields)
    assert sorted(order) == list(range(fields))
    assert order[: len(first)] == sorted(first)
    assert order[len(first) :] == sorted(order[len(first) :])


def plain_by_chance(columns: int) -> float:
    """The probability that the columns given are the first ones: sum over k of the integral of p^k (1-p)^(n-k)."""
    beta = [math.factorial(k) * math.factorial(columns - k) / math.factorial(columns + 1) for k in range(columns + 1)]
    return sum(beta)


@pytest.mark.parametrize("columns", [2, 3, 6])
@pytest.mark.parametrize("plain_share", [0.0, 0.5, 0.9, 1.0])
def test_the_share_of_rows_in_plain_order_is_as_asked_for_and_as_chance_adds(columns, plain_share):
    orders = draw_orders(30_000, np.arange(columns), plain_share=plain_share, rng=np.random.default_rng(0))
    plain = (orders == np.arange(columns)).all(axis=1).mean()
    expected = plain_share + (1 - plain_share) * plain_by_chance(columns)
    assert plain == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 30_000) + 1e-9)


def test_every_set_of_given_columns_is_learned():
    orders = draw_orders(20_000, np.arange(4), plain_share=0.0, rng=np.random.default_rng(0))
    found = {tuple(order) for order in orders.tolist()}
    sets = [[f for f in range(4) if mask >> f & 1] for mask in range(16)]
    assert found == {tuple(order_with_first(first, 4)) for first in sets}


def test_the_same_seed_draws_the_same_orders():
    drawn = [draw_orders(99, np.arange(5), plain_share=0.3, rng=np.random.default_rng(8)) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
