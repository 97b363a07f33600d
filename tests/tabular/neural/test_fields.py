"""Columns and tables as spans and scalars, there and back."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabular import infer_schema, to_arrays
from tabular.neural.encoding.encoder import TableEncoder
from tabular.neural.encoding.fields import CategoryField, NumberField, field_from_dict
from tabular.neural.encoding.mixture import fit_mixture
from tabular.neural.encoding.scales import Bins, Quantiles
from tabular.neural.networks.cascade import sparse_waves


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def round_trip(field, values, rng):
    spans, scalars = field.encode(values, rng)
    assert spans.shape[1] == len(field.sizes)
    assert scalars.shape[1] == field.scalars
    assert (spans >= 0).all()
    assert (spans < field.sizes).all()
    again = field_from_dict(json.loads(json.dumps(field.to_dict())))
    np.testing.assert_array_equal(again.decode(spans, scalars), field.decode(spans, scalars))
    return field.decode(spans, scalars)


@pytest.mark.parametrize("categories", [1, 2, 255, 256, 257, 10_000])
@pytest.mark.parametrize("missing", [False, True])
def test_categories_come_back_exactly(categories, missing, rng):
    codes = rng.integers(-int(missing), categories, 5000).astype(np.int32)
    field = CategoryField.fit(codes, categories)
    np.testing.assert_array_equal(round_trip(field, codes, rng), codes)
    assert sum(field.sizes) <= 2 * max(129, categories**0.5 + 2)


def test_every_pair_of_spans_is_a_category(rng):
    codes = rng.integers(0, 1000, 5000).astype(np.int32)
    field = CategoryField.fit(codes, 1001)
    every = np.stack(np.meshgrid(*(np.arange(size) for size in field.sizes)), axis=-1).reshape(-1, 2)
    assert set(field.decode(every, np.empty((len(every), 0))).tolist()) == set(range(1001))


@pytest.mark.parametrize("numbers", ["modes", "quantiles", "bins"])
def test_atoms_levels_and_missing_cells_come_back_exactly(numbers, rng):
    values = np.where(rng.random(5000) < 0.4, 0.0, rng.gamma(2, 300, 5000).round())
    values[rng.random(5000) < 0.1] = np.nan
    field = NumberField.fit(values, numbers)
    found = round_trip(field, values, rng)
    assert field.atoms.tolist() == [0.0]
    assert field.missing
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_array_equal(found == 0, values == 0)
    levels = rng.choice([1.0, 2.5, 7.0], 500)
    field = NumberField.fit(levels, numbers)
    assert field.scalars == 0
    np.testing.assert_array_equal(round_trip(field, levels, rng), levels)


def test_a_stepped_number_has_normal_scores_and_comes_back_exactly(rng):
    values = rng.poisson(40, 20_000).astype(float)
    field = NumberField(np.empty(0), Quantiles.fit(values), missing=False)
    _, scalars = field.encode(values, rng)
    assert stats.kstest(scalars[:, 0], "norm").statistic < 0.01
    np.testing.assert_array_equal(round_trip(field, values, rng), values)


def test_a_continuous_number_keeps_its_distribution_and_bounds(rng):
    values = rng.lognormal(3, 1.5, 20_000)
    field = NumberField.fit(values, "quantiles")
    found = round_trip(field, values, rng)
    inner = (values > np.quantile(values, 0.01)) & (values < np.quantile(values, 0.99))
    assert np.abs(found / values - 1)[inner].max() < 0.05
    far = field.decode(np.empty((3, 0), np.int64), np.array([[-50], [0], [50]], np.float32))
    assert far[0] == values.min()
    assert far[2] == values.max()
    assert stats.ks_2samp(values, field.decode(*_normal(50_000, rng))).statistic < 0.02


def _normal(rows, rng):
    return np.empty((rows, 0), np.int64), rng.standard_normal((rows, 1)).astype(np.float32)


def test_modes_are_found(rng):
    values = np.concatenate([rng.normal(-50, 1, 3000), rng.normal(10, 5, 6000), rng.normal(200, 2, 1000)])
    means, deviations, weights = fit_mixture(values)
    assert weights.sum() == pytest.approx(1)
    for centre, spread, weight in [(-50, 1, 0.3), (10, 5, 0.6), (200, 2, 0.1)]:
        near = np.abs(means - centre) < 5 * spread
        assert weights[near].sum() == pytest.approx(weight, abs=0.01)
        assert (deviations[near] < 1.5 * spread).all()
    field = NumberField.fit(values, "modes")
    assert np.abs(round_trip(field, values, rng) - values).max() < 1


def test_a_mixture_of_one_value_and_of_few():
    assert [len(part) for part in fit_mixture(np.full(100, 3.0))] == [1, 1, 1]
    means, _, weights = fit_mixture(np.array([1.0, 2.0]))
    assert np.isfinite(means).all()
    assert weights.sum() == pytest.approx(1)


def test_a_table_comes_back(rng):
    table = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b"], 400),
            "size": rng.normal(0, 1, 400).round(2),
            "gap": np.where(rng.random(400) < 0.2, np.nan, rng.integers(0, 90, 400)),
            "same": 1,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 400), unit="D"),
        }
    )
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    encoder = TableEncoder.fit(arrays, schema, "quantiles")
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())), schema)
    codes, scalars = encoder.encode(arrays, rng)
    assert codes.shape == (400, len(encoder.sizes))
    assert scalars.shape == (400, encoder.scalars)
    for gate, values in zip(encoder.gates, scalars.T, strict=True):
        counts = codes[:, gate[0]] < gate[1] if gate[0] >= 0 else np.ones(400, bool)
        np.testing.assert_array_equal(np.isnan(values), ~counts)
    found = again.fill(again.decode(codes, scalars), 400, rng, start=0, seed=0)
    assert set(found) == set(schema.names)
    np.testing.assert_array_equal(found["kind"], arrays["kind"])
    np.testing.assert_array_equal(np.isnan(found["gap"]), np.isnan(arrays["gap"]))
    assert np.nanmax(np.abs(found["gap"] - arrays["gap"])) <= 1
    np.testing.assert_array_equal(found["same"], arrays["same"])


def test_of_a_table_without_anything_to_learn_a_coin_is_learned():
    table = pd.DataFrame({"a": [1] * 30, "b": ["x"] * 30})
    schema = infer_schema(table)
    encoder = TableEncoder.fit(to_arrays(table, schema), schema, "modes")
    assert encoder.learned == []
    assert encoder.sizes == [2]


def test_bins_have_about_equal_mass_and_normal_scores_within(rng):
    values = rng.lognormal(3, 1.5, 20_000)
    field = NumberField(np.empty(0), Bins.fit(values, 25), missing=False)
    spans, scalars = field.encode(values, rng)
    counts = np.bincount(spans[:, 0], minlength=25)
    assert counts.min() > 700
    assert counts.max() < 900
    for place in (0, 12, 24):
        assert stats.kstest(scalars[spans[:, 0] == place, 0], "norm").statistic < 0.06
    assert values[spans[:, 0] == 3].max() <= values[spans[:, 0] == 4].min() * (1 + 1e-9)
    found = round_trip(field, values, rng)
    assert np.abs(found / values - 1)[(values > np.quantile(values, 0.01))].max() < 0.2


def test_no_value_of_a_stepped_number_lies_in_two_bins(rng):
    values = rng.poisson(40, 20_000).astype(float)
    field = NumberField(np.empty(0), Bins.fit(values, 10), missing=False)
    spans, _ = field.encode(values, rng)
    assert pd.DataFrame({"value": values, "bin": spans[:, 0]}).groupby("value")["bin"].nunique().max() == 1
    np.testing.assert_array_equal(round_trip(field, values, rng), values)


def test_classes_of_like_numbers_have_like_waves():
    values = np.concatenate([np.arange(0, 100, 0.01), np.full(500, 50.0), np.full(300, np.nan)])
    table = pd.DataFrame({"kind": ["a", "b"] * (len(values) // 2), "value": values})
    schema = infer_schema(table, overrides={"value": "continuous"})
    encoder = TableEncoder.fit(to_arrays(table, schema), schema, "bins")
    waves = encoder.waves()
    assert waves.shape[0] == sum(encoder.sizes)
    np.testing.assert_array_equal(sparse_waves(encoder).to_dense().numpy(), waves)
    assert (waves[:2] == 0).all()  # categories have no order
    assert (waves[-1] == 0).all()  # nor has missing
    field = encoder.fields["value"]
    number = waves[2:-1]
    ranks = field.ranks()[:-1]
    assert sorted(ranks) == pytest.approx(np.linspace(0, 1, len(ranks)))
    atom = field.regular  # the single value in the middle of the column
    assert 0.4 < ranks[atom] < 0.6
    order = ranks.argsort()
    gaps = np.abs(np.diff(number[order], axis=0)).max()
    assert gaps < np.abs(number[order[0]] - number[order[-1]]).max()
