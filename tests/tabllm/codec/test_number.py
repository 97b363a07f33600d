"""Numbers as tokens: single values come back exactly, binned ones in their bin and with their distribution."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabllm.codec.number import ATOM_SHARE, MAX_VALUES, MIN_ATOM_ROWS, MIN_BIN_ROWS, NumberCodec

RNG = np.random.default_rng


def columns(rows: int) -> dict[str, np.ndarray]:
    """Columns of many shapes, each with more values than have a token of their own."""
    rng = RNG(3)
    spiked = rng.normal(50, 20, rows)
    spiked[: rows // 3], spiked[rows // 3 : rows // 2] = 0.0, 50.0
    return {
        "uniform": rng.uniform(-5, 5, rows),
        "normal": rng.normal(1e6, 3.0, rows),
        "lognormal": rng.lognormal(3, 1.5, rows),
        "a lognormal to the left": -rng.lognormal(3, 1.5, rows),
        "heavy tails on both sides": rng.standard_t(2, rows),
        "two humps far apart": np.where(rng.random(rows) < 0.5, rng.normal(0, 1, rows), rng.normal(1e4, 1, rows)),
        "cents": rng.lognormal(1, 1, rows).round(2),
        "spikes": spiked,
        "tiny": rng.normal(0, 1e-12, rows),
    }


SHAPES = sorted(columns(1000))


def round_trip(values: np.ndarray, bins: int = 100) -> np.ndarray:
    codec = NumberCodec.fit(values, bins=bins)
    return codec.decode(codec.encode(values), RNG(1))


def distance(found: np.ndarray, values: np.ndarray) -> float:
    return float(stats.ks_2samp(found, values, method="asymp").statistic)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.floats(-1e12, 1e12) | st.integers(-9, 9).map(float), min_size=1, max_size=MAX_VALUES, unique=True),
    st.booleans(),
    st.integers(0, 99),
)
def test_a_column_of_few_values_comes_back_exactly_in_any_order_and_amount(distinct, missing, seed):
    rng = RNG(seed)
    values = rng.permutation(np.array(distinct * int(rng.integers(1, 4)) + [np.nan] * missing))
    codec = NumberCodec.fit(values, bins=5)
    tokens = codec.encode(values)
    assert codec.size == len(set(distinct)) + missing
    assert ((tokens >= 0) & (tokens < codec.size)).all()
    np.testing.assert_array_equal(codec.decode(tokens, rng), values)
    assert (np.diff(codec.atoms) > 0).all()


@pytest.mark.parametrize("missing", [False, True])
def test_a_column_of_many_values_that_are_all_frequent_has_a_token_for_each(missing):
    values = np.repeat(np.arange(300.0), 40)
    if missing:
        values = np.append(values, np.nan)
    codec = NumberCodec.fit(values, bins=10)
    assert codec.sizes == [300 + missing]
    np.testing.assert_array_equal(codec.decode(codec.encode(values), RNG(0)), values)


@pytest.mark.parametrize(
    ("extra", "atoms"), [([], 0), ([0.5], 0), ([1e9] * (MIN_ATOM_ROWS - 1), 0), ([1e9] * MIN_ATOM_ROWS, 1)]
)
def test_a_value_gets_a_token_of_its_own_only_where_many_cells_hold_it(extra, atoms):
    codec = NumberCodec.fit(np.append(RNG(0).normal(size=1000), extra), bins=10)
    assert len(codec.atoms) == atoms
    assert len(codec.knots) >= 10


def test_a_bin_stands_for_at_least_as_many_cells_as_were_promised():
    values = RNG(0).lognormal(0, 2, 5000)
    codec = NumberCodec.fit(values, bins=1000)
    assert np.bincount(codec.encode(values)[:, 0]).min() >= MIN_BIN_ROWS - 1  # an edge may lie on either side of a cell


@pytest.mark.parametrize("shape", SHAPES)
def test_a_decoded_number_lies_in_the_bin_of_the_original(shape):
    values = columns(8000)[shape]
    codec = NumberCodec.fit(values, bins=40)
    tokens = codec.encode(values)[:, 0]
    found = codec.decode(tokens[:, None], RNG(1))
    binned = tokens >= len(codec.atoms)
    bin_of = tokens[binned] - len(codec.atoms)
    starts, ends = codec.knots[:, 0], np.append(codec.knots[1:, 0], codec.knots[-1, -1])
    slack = 1e-12 * np.abs(values).max()
    for numbers in (values[binned], found[binned]):
        assert (numbers >= starts[bin_of] - slack).all()
        assert (numbers <= ends[bin_of] + slack).all()
    np.testing.assert_array_equal(found[~binned], values[~binned])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_tokens_of_greater_numbers_stand_for_greater_numbers(shape):
    values = np.sort(columns(4000)[shape])
    codec = NumberCodec.fit(values, bins=40)
    tokens = codec.encode(values)[:, 0]
    for part in (tokens < len(codec.atoms), tokens >= len(codec.atoms)):
        assert (np.diff(tokens[part]) >= 0).all()
    assert (np.diff(codec.knots[:, 0]) > 0).all()
    order = codec.value_order()
    assert sorted(order) == list(range(len(codec.atoms) + len(codec.knots)))
    stands_for = np.concatenate([codec.atoms, codec.knots[:, codec.knots.shape[1] // 2]])
    assert (np.diff(stands_for[order]) >= 0).all()


@pytest.mark.parametrize("rows", [1500, 20_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_decoding_keeps_the_distribution(shape, rows):
    values = columns(rows)[shape]
    assert distance(round_trip(values), values) < 0.015


@pytest.mark.parametrize("shape", SHAPES)
def test_decoded_numbers_stay_between_the_smallest_and_the_largest(shape):
    values = columns(3000)[shape]
    found = round_trip(values)
    slack = 1e-12 * np.abs(values).max()
    assert found.min() >= values.min() - slack
    assert found.max() <= values.max() + slack


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("spread", [1.0, 1.5, 2.0])
def test_a_long_tail_keeps_its_mean_and_reaches_about_as_far(sign, spread):
    values = sign * RNG(7).lognormal(0, spread, 20_000)
    found = round_trip(values)
    assert found.mean() == pytest.approx(values.mean(), rel=0.03)
    assert np.abs(found).max() > 0.4 * np.abs(values).max()


def test_draws_from_one_bin_are_spread_evenly_over_it():
    values = RNG(0).uniform(0, 1, 4000)
    codec = NumberCodec.fit(values, bins=10)
    found = codec.decode(np.full((1000, 1), 4), RNG(0))
    low, high = codec.knots[4, 0], codec.knots[4, -1]
    assert stats.kstest((found - low) / (high - low), "uniform").statistic < 0.03
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.15  # in random order


@pytest.mark.parametrize("shape", ["spikes", "lognormal"])
def test_a_codec_read_from_json_does_the_same(shape):
    values = columns(3000)[shape]
    values[::9] = np.nan
    codec = NumberCodec.fit(values, bins=30)
    again = NumberCodec.from_dict(json.loads(json.dumps(codec.to_dict(), allow_nan=False)))
    tokens = codec.encode(values)
    np.testing.assert_array_equal(again.encode(values), tokens)
    found = again.decode(tokens, RNG(4))
    np.testing.assert_array_equal(found, codec.decode(tokens, RNG(4)))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    assert again.tails == codec.tails


def test_a_column_without_a_single_value_has_one_token_missing():
    values = np.full(5, np.nan)
    codec = NumberCodec.fit(values, bins=5)
    assert codec.sizes == [1]
    assert np.isnan(codec.decode(codec.encode(values), RNG(0))).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(257, 3000), st.integers(1, 200), st.floats(0, 3), st.integers(0, 3), st.integers(0, 10**6))
def test_columns_of_any_size_spread_and_rounding_keep_their_distribution(rows, bins, spread, decimals, seed):
    values = RNG(seed).lognormal(2, spread, rows).round(decimals)
    codec = NumberCodec.fit(values, bins=bins)
    tokens = codec.encode(values)
    found = codec.decode(tokens, RNG(0))
    assert found.min() >= values.min() - 1e-9
    assert found.max() <= values.max() * (1 + 1e-12)
    kept = min(0.5, 1.5 / max(min(len(codec.knots), bins), 1) + 0.02) if len(codec.knots) else 0.0
    assert distance(found.round(decimals), values) <= kept
    frequent = np.unique(values, return_counts=True)
    for value in frequent[0][frequent[1] >= max(ATOM_SHARE * rows, MIN_ATOM_ROWS)]:
        assert value in codec.atoms


def test_a_coarse_codec_has_few_tokens_of_about_as_many_cells_each():
    values = np.concatenate([RNG(1).lognormal(2, 1, 5000), np.full(2000, 3.0), np.full(100, np.nan)])
    codec = NumberCodec.coarse(values, bins=16)
    tokens, found = codec.encode(values), codec.decode(codec.encode(values), RNG(2))
    assert codec.atoms.tolist() == [3.0]
    assert codec.size == 17
    assert np.bincount(tokens[:, 0])[1:-1] == pytest.approx(5000 / 15, abs=2)
    assert (np.isnan(found) == np.isnan(values)).all()
    assert NumberCodec.coarse(np.arange(5.0), bins=9).atoms.tolist() == [0, 1, 2, 3, 4]
    assert NumberCodec.from_dict(codec.to_dict()).encode(values).tolist() == tokens.tolist()


@pytest.mark.parametrize("size", [1e155, 1.7e308, 1e-300, 5e-322])
def test_numbers_at_the_ends_of_float64_are_coded_and_drawn(size):
    values = np.random.default_rng(0).uniform(-1, 1, 2000) * size
    with np.errstate(over="raise", invalid="raise"):
        codec = NumberCodec.from_dict(NumberCodec.fit(values, bins=50).to_dict())
        tokens = codec.encode(values)
    found = codec.decode(tokens, np.random.default_rng(0))
    assert np.isfinite(found).all()
    assert values.min() <= found.min() < found.max() <= values.max()
    assert np.abs(found / size - values / size).max() < 0.1
