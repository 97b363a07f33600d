"""Categories as one token or two: every value comes back, and every pair of tokens is a value."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabllm.codec.category import MAX_SOFTMAX, CategoryCodec


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 5000), st.booleans(), st.integers(0, 10**6))
def test_any_number_of_categories_comes_back_and_missing_cells_stay_missing(categories, missing, seed):
    values = np.random.default_rng(seed).integers(-1 if missing else 0, categories, 300).astype(np.int32)
    values[0] = -1 if missing else values[0]
    codec = CategoryCodec.fit(values, categories=categories)
    assert codec.missing == missing
    tokens = codec.encode(values)
    assert tokens.dtype == np.int32
    assert ((tokens >= 0) & (tokens < codec.sizes)).all()
    np.testing.assert_array_equal(codec.decode(tokens), values)


@pytest.mark.parametrize(("codes", "fields"), [(MAX_SOFTMAX, 1), (MAX_SOFTMAX + 1, 2)])
@pytest.mark.parametrize("missing", [False, True])
def test_missing_counts_as_a_value_when_one_token_becomes_two(codes, fields, missing):
    values = np.arange(-1 if missing else 0, codes - missing, dtype=np.int32)
    codec = CategoryCodec.fit(values, categories=codes - missing)
    assert len(codec.sizes) == fields
    assert int(np.prod(codec.sizes)) >= codes


@pytest.mark.parametrize("codes", [1025, 1056, 1057, 3000, 3025])
@pytest.mark.parametrize("missing", [False, True])
def test_every_pair_of_tokens_is_a_value_and_every_value_has_a_pair(codes, missing):
    first = -1 if missing else 0
    codec = CategoryCodec.fit(np.arange(first, codes - missing, dtype=np.int32), categories=codes - missing)
    pairs = np.array(list(itertools.product(*map(range, codec.sizes))), np.int32)
    assert set(codec.decode(pairs).tolist()) == set(range(first, codes - missing))


def test_neighbours_in_sorted_order_share_their_first_token():
    codec = CategoryCodec.fit(np.arange(2000, dtype=np.int32), categories=2000)
    first = codec.encode(np.arange(2000, dtype=np.int32))[:, 0]
    assert (np.diff(first) >= 0).all()
    assert len(np.unique(first)) < 50


@pytest.mark.parametrize("categories", [3, 2500])
@pytest.mark.parametrize("missing", [False, True])
def test_a_codec_read_from_json_is_the_same(categories, missing):
    codec = CategoryCodec.fit(np.array([0, -1 if missing else 1], np.int32), categories=categories)
    assert CategoryCodec.from_dict(json.loads(json.dumps(codec.to_dict()))) == codec
