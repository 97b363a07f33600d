"""Values become tokens and values again: nothing is lost that a column can hold, nothing is made that it cannot."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tabllm.codec.category import MAX_SOFTMAX, CategoryCodec
from tabllm.codec.conditions import decode_within
from tabllm.codec.number import MAX_VALUES, NumberCodec
from tabllm.codec.rows import RowCodec
from tabular import infer_schema, parse_where, to_arrays
from tabular.errors import TableError
from tabular.free_text.words import WordCodec

RNG = np.random.default_rng


def rewritten(codec):
    """The codec after a trip through JSON."""
    return type(codec).from_dict(json.loads(json.dumps(codec.to_dict())))


def test_a_number_of_few_values_comes_back_exactly_and_missing_cells_stay_missing():
    values = RNG(0).choice([0.0, 1.5, 7.0, np.nan], 500)
    codec = rewritten(NumberCodec.fit(values, bins=10))
    assert codec.sizes == [4]
    np.testing.assert_array_equal(codec.decode(codec.encode(values), RNG(1)), values)


def test_a_number_between_known_values_goes_to_the_nearest():
    codec = NumberCodec.fit(np.array([0.0, 10.0, 20.0]), bins=10)
    found = codec.decode(codec.encode(np.array([-5.0, 4.0, 6.0, 99.0])), RNG(0))
    np.testing.assert_array_equal(found, [0, 0, 10, 20])


def test_a_long_tailed_number_keeps_its_distribution_its_mean_and_its_frequent_values():
    values = RNG(0).lognormal(3, 1.5, 20_000).round(6)
    values[:4000] = 0.0
    codec = rewritten(NumberCodec.fit(values, bins=100))
    assert codec.atoms.tolist() == [0.0]
    found = codec.decode(codec.encode(values), RNG(1))
    assert ((found == 0) == (values == 0)).all()
    quantiles = np.linspace(0, 1, 500)
    below = np.searchsorted(np.sort(found), np.quantile(values, quantiles), "right") / len(found)
    assert np.abs(below[quantiles > 0.2] - quantiles[quantiles > 0.2]).max() < 0.01
    assert found.mean() == pytest.approx(values.mean(), rel=0.02)
    assert np.corrcoef(found, values)[0, 1] > 0.8  # the last bin, of 20 cells, still hides some variance


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.float64, st.integers(2, 900), elements=st.floats(-1e9, 1e9) | st.just(np.nan)), st.integers(1, 40))
def test_decoded_numbers_stay_within_the_bounds_and_in_their_bin(values, bins):
    if np.isnan(values).all():
        values[0] = 1.0
    codec = NumberCodec.fit(values, bins=bins)
    tokens = codec.encode(values)
    assert (tokens >= 0).all()
    assert (tokens < codec.size).all()
    found = codec.decode(tokens, RNG(0))
    present = ~np.isnan(values)
    assert (np.isnan(found) == ~present).all()
    span = np.ptp(values[present]) * 1e-9
    assert (found[present] >= values[present].min() - span).all()
    assert (found[present] <= values[present].max() + span).all()
    if len(np.unique(values[present])) <= MAX_VALUES:
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("categories", [1, 5, MAX_SOFTMAX - 1, MAX_SOFTMAX + 77, 30_000])
@pytest.mark.parametrize("missing", [False, True])
def test_every_category_comes_back(categories, missing):
    values = np.arange(-1 if missing else 0, categories, dtype=np.int32)
    codec = rewritten(CategoryCodec.fit(values, categories=categories))
    assert max(codec.sizes) <= max(MAX_SOFTMAX, 200)
    tokens = codec.encode(values)
    assert (tokens < codec.sizes).all()
    np.testing.assert_array_equal(codec.decode(tokens), values)


def test_a_place_beyond_the_last_block_is_a_valid_category():
    codec = CategoryCodec.fit(np.arange(3000, dtype=np.int32), categories=3000)
    last = np.array([[codec.sizes[0] - 1, codec.sizes[1] - 1]])
    assert codec.decode(last)[0] == 2999


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    rng = RNG(5)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 4000),
            "spend": rng.lognormal(2, 1, 4000).round(2),
            "device": rng.choice(["ios", "android", "desktop"], 4000, p=[0.5, 0.3, 0.2]),
            "ad": [f"ad-{i:04d}" for i in rng.integers(0, 1400, 4000)],
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90 * 86400, 4000), unit="s"),
            "constant": "x",
            "comment": [" ".join(rng.choice(["fine", "good", "bad", "slow", "again"], 6)) for _ in range(4000)],
        }
    )
    table.loc[::7, "spend"] = np.nan
    table.loc[::11, "device"] = None
    return table


@pytest.fixture(scope="module")
def codec(visits) -> RowCodec:
    schema = infer_schema(visits, overrides={"comment": "text", "ad": "categorical"})
    return RowCodec.fit(to_arrays(visits, schema), schema, bins=50)


def test_columns_stand_in_ascending_order_of_their_values_and_the_rest_has_no_field(codec):
    widths = [int(np.prod(column.sizes)) for column in codec.table.codecs.values()]
    assert widths == sorted(widths)
    assert set(codec.table.codecs) == {"age", "spend", "device", "ad", "seen"}
    assert [field.column for field in codec.table.fields].count("ad") == 2


@pytest.mark.parametrize(
    "where",
    [
        "age>=88",
        "age != 30",
        "spend between 7.01 and 7.09",
        "spend > 100",
        "spend is missing",
        "device in [ios, desktop]",
        "device is missing",
        "ad = ad-0007",
        "seen >= 2024-03-01",
        ["age > 20", "age < 23", "device != ios"],
    ],
)
def test_allowed_tokens_decode_to_values_that_keep_the_condition(codec, where):
    allowed = parse_where(where, codec.schema)
    weights = codec.token_weights(allowed)
    rng = RNG(0)
    tokens = np.zeros((2000, len(codec.table.fields)), np.int32)
    for field, weight in weights.items():
        parent = codec.table.parents[field]
        factors = weight if weight.ndim == 1 else weight[tokens[:, parent]]
        cumulative = np.cumsum(np.broadcast_to(factors, (2000, weight.shape[-1])), axis=1)
        assert (cumulative[:, -1] > 0).all()
        tokens[:, field] = (cumulative <= rng.random((2000, 1)) * cumulative[:, -1:] * 0.999999).sum(axis=1)
    arrays = codec.decode(tokens, rng, start=0, seed=0, allowed=allowed)
    for name, condition in allowed.items():
        assert condition.contains(arrays[name]).all(), name


def test_a_value_that_no_draw_can_hit_is_moved_to_the_nearest_that_keeps_the_condition(codec):
    allowed = parse_where("spend between 7.01 and 7.02", codec.schema)["spend"]
    spend = codec.table.codecs["spend"]
    assert isinstance(spend, NumberCodec)
    high = spend.encode(np.full(50, 200.0))
    assert set(decode_within(spend, high, RNG(0), allowed, np.round).tolist()) == {7.02}


def test_present_weights_forbid_a_missing_value_alone(codec):
    (weight,) = codec.present_weights("device").values()
    assert weight.tolist() == [1, 1, 1, 0]
    assert codec.present_weights("age") == {}


def test_rows_go_through_json_and_decode_to_the_same(codec, visits):
    tokens = codec.table.encode(to_arrays(visits, codec.schema))
    again = RowCodec.from_dict(json.loads(json.dumps(codec.to_dict())), codec.schema)
    first, second = (c.decode(tokens, RNG(0), start=0, seed=0, allowed={}) for c in (codec, again))
    for name in codec.schema.names:
        np.testing.assert_array_equal(first[name], second[name])
    assert np.exp(codec.table.log_frequencies(tokens)).sum() == pytest.approx(len(codec.table.fields), rel=1e-4)


def test_text_is_made_of_frequent_words_alone():
    secret = ["my name is Ada Lovelace"]
    codec = WordCodec.fit(np.array(["good and cheap"] * 30 + secret + [None] * 31, dtype=object))
    made = codec.draw(2000, RNG(0))
    words = {word for text in made if text is not None for word in text.split()}
    assert words == {"good", "and", "cheap"}
    assert np.mean([text is None for text in made]) == pytest.approx(0.5, abs=0.05)


def test_a_column_that_its_schema_says_varies_and_that_does_not_is_refused():
    table = pd.DataFrame({"a": [1.5] * 9, "b": ["y"] * 9})
    schema = infer_schema(table).replace_column("a", kind="continuous", minimum=0.0, maximum=9.0, categories=())
    with pytest.raises(TableError, match="No column"):
        RowCodec.fit(to_arrays(table, schema), schema, bins=10)
