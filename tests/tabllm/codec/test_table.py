"""Whole rows as tokens, what conditions leave of them, and columns that are made without being learned."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tabllm.codec.category import CategoryCodec
from tabllm.codec.conditions import decode_within
from tabllm.codec.number import NumberCodec
from tabllm.codec.rows import RowCodec
from tabllm.codec.table import TableCodec
from tabular import infer_schema, parse_where, to_arrays
from tabular.errors import ConditionError
from tabular.free_text.words import WordCodec

RNG = np.random.default_rng
ROWS = 3000


def table() -> pd.DataFrame:
    rng = RNG(2)
    made = pd.DataFrame(
        {
            "amount": np.where(rng.random(ROWS) < 0.3, 0, rng.integers(1, 5000, ROWS)),
            "price": rng.lognormal(2, 1, ROWS).round(2),
            "level": rng.choice(np.arange(0, 300, 10), ROWS),
            "zip": [f"{z:05d}" for z in np.append(np.arange(1500), rng.integers(0, 1500, ROWS - 1500))],
            "sex": rng.choice(["f", "m", "x"], ROWS),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, ROWS), unit="s"),
            "user": [f"U{i:06d}" for i in range(ROWS)],
            "same": 7,
            "word": "x",
            "empty": np.nan,
            "note": [" ".join(rng.choice(["fine", "good", "bad", "slow", "again"], 6)) for _ in range(ROWS)],
        }
    )
    made.loc[::7, "price"] = np.nan
    made.loc[::11, "zip"] = None
    made.loc[::5, "sex"] = None
    made.loc[::4, "note"] = None
    return made


TABLE = table()
SCHEMA = infer_schema(TABLE, overrides={"note": "text", "zip": "categorical"})
ARRAYS = to_arrays(TABLE, SCHEMA)
CODEC = RowCodec.fit(ARRAYS, SCHEMA, bins=40)
TOKENS = CODEC.table.encode(ARRAYS)


def drawn(codec: RowCodec, where, rows: int = 400, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows of tokens drawn by the condition's factors alone, decoded."""
    allowed = parse_where(where, codec.schema)
    rng = RNG(seed)
    tokens = np.zeros((rows, len(codec.table.fields)), np.int32)
    for field, weight in codec.token_weights(allowed).items():
        factors = np.broadcast_to(
            weight if weight.ndim == 1 else weight[tokens[:, codec.table.parents[field]]], (rows, weight.shape[-1])
        )
        cumulative = np.cumsum(factors, axis=1, dtype=np.float64)
        assert (cumulative[:, -1] > 0).all()
        tokens[:, field] = (cumulative <= rng.random((rows, 1)) * cumulative[:, -1:]).sum(axis=1)
    arrays = codec.decode(tokens, rng, start=0, seed=0, allowed=allowed)
    for name, condition in allowed.items():
        assert condition.contains(arrays[name]).all(), (name, where)
    return arrays


def keeps_every_row(where) -> None:
    """The factors leave possible the tokens of all rows of the table that keep the condition."""
    allowed = parse_where(where, SCHEMA)
    for field, weight in CODEC.token_weights(allowed).items():
        name = CODEC.table.fields[field].column
        rows = allowed[name].contains(ARRAYS[name])
        place = TOKENS[rows, field]
        found = weight[place] if weight.ndim == 1 else weight[TOKENS[rows, CODEC.table.parents[field]], place]
        assert (found > 0).all(), where


# -- rows ---------------------------------------------------------------------------------------------------------
def test_each_token_lies_below_the_size_of_its_field_and_decodes_to_its_row():
    assert TOKENS.shape == (ROWS, len(CODEC.table.fields))
    assert TOKENS.dtype == np.int32
    assert TOKENS.min() >= 0
    assert (TOKENS.max(axis=0) < CODEC.table.sizes).all()
    arrays = CODEC.decode(TOKENS, RNG(0), start=0, seed=0, allowed={})
    assert list(arrays.keys() ^ set(SCHEMA.names)) == []
    for name in ("level", "zip", "sex", "same", "word", "empty"):
        np.testing.assert_array_equal(arrays[name], ARRAYS[name])
    assert ((arrays["amount"] == 0) == (ARRAYS["amount"] == 0)).all()
    np.testing.assert_array_equal(np.isnan(arrays["price"]), np.isnan(ARRAYS["price"]))


def test_the_second_half_of_a_value_follows_its_first_and_names_it_as_parent():
    first, second = CODEC.table.fields_of("zip")
    assert second == first + 1
    assert CODEC.table.parents[second] == first
    assert [p for i, p in enumerate(CODEC.table.parents) if i != second] == [-1] * (len(CODEC.table.fields) - 1)
    groups = CODEC.table.groups
    assert groups[first] == groups[second]
    assert len(set(groups.tolist())) == len(CODEC.table.codecs)
    assert CODEC.table.fields_of("user") == []


def test_a_token_starts_with_its_share_of_the_rows_and_none_is_impossible():
    logs = CODEC.table.log_frequencies(TOKENS)
    assert np.isfinite(logs).all()
    begin = 0
    for place, size in enumerate(CODEC.table.sizes):
        share = np.exp(logs[begin : begin + size])
        assert share.sum() == pytest.approx(1, abs=1e-4)
        real = np.bincount(TOKENS[:, place], minlength=size) / ROWS
        assert np.abs(share - real).max() < 0.02
        begin += size


def test_ranks_rise_with_the_values_of_a_number_and_categories_have_none():
    ranks, begin = CODEC.table.ranks(TOKENS), 0
    for field in CODEC.table.fields:
        part, codec = ranks[begin : begin + field.size], CODEC.table.codecs[field.column]
        begin += field.size
        if isinstance(codec, CategoryCodec):
            assert np.isnan(part).all()
            continue
        inner = part[codec.value_order()]
        assert (np.diff(inner) > 0).all()
        assert inner.min() >= 0
        assert inner.max() <= 1
        assert np.isnan(part[-1]) == codec.missing


def test_a_codec_read_from_json_encodes_and_decodes_the_same():
    again = RowCodec.from_dict(json.loads(json.dumps(CODEC.to_dict(), allow_nan=False)), SCHEMA)
    np.testing.assert_array_equal(again.table.encode(ARRAYS), TOKENS)
    assert again.table.fields == CODEC.table.fields
    first, second = (codec.decode(TOKENS, RNG(3), start=9, seed=1, allowed={}) for codec in (CODEC, again))
    for name in SCHEMA.names:
        np.testing.assert_array_equal(first[name], second[name])


def test_what_is_kept_holds_no_identifier_and_no_rare_word():
    rare = TABLE.copy()
    rare.loc[3, "note"] = "Ada Lovelace owes me"
    schema = infer_schema(rare, overrides={"note": "text", "zip": "categorical"})
    kept = json.dumps(RowCodec.fit(to_arrays(rare, schema), schema, bins=40).to_dict())
    assert "Lovelace" not in kept
    assert "U000" not in kept


def test_identifiers_go_on_where_the_rows_before_ended():
    parts = [CODEC.decode(TOKENS[:500], RNG(i), start=i * 500, seed=4, allowed={})["user"] for i in range(4)]
    assert len(set(np.concatenate(parts).tolist())) == 2000


def test_a_column_that_varies_only_in_being_missing_is_learned():
    flags = pd.DataFrame({"paid": [1.5, None] * 50, "sex": list("fm") * 50})
    schema = infer_schema(flags)
    arrays = to_arrays(flags, schema)
    codec = TableCodec.fit(arrays, schema)
    assert codec.sizes == [2, 2]
    assert len(np.unique(codec.encode(arrays), axis=0)) == 2


# -- conditions ---------------------------------------------------------------------------------------------------
@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["amount", "price"]), st.integers(0, ROWS - 1), st.integers(0, ROWS - 1), st.integers(0, 99))
def test_numbers_between_any_two_cells_are_reached_and_kept_to(name, first, second, seed):
    low, high = sorted((ARRAYS[name][first], ARRAYS[name][second]))
    assume(not np.isnan(low) and not np.isnan(high))
    where = {name: (float(low), float(high))}
    keeps_every_row(where)
    drawn(CODEC, where, 60, seed)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["amount", "price", "level", "zip", "sex"]), st.integers(0, ROWS - 1), st.booleans())
def test_any_single_cell_can_be_asked_for_or_ruled_out(name, row, wanted):
    value = TABLE[name].iloc[row]
    assume(not pd.isna(value))
    where = f"{name} {'=' if wanted else '!='} {value}"
    keeps_every_row(where)
    arrays = drawn(CODEC, where, 100, row)
    assert ((arrays[name] == ARRAYS[name][row]) == wanted).all()


@pytest.mark.parametrize(
    "where",
    [
        "amount between 1 and 3",
        "amount = 777",
        "amount != 0",
        "amount >= 4990",
        "price is missing",
        "price is not missing",
        "level in [10, 290]",
        "level not in [10, 290]",
        "zip is missing",
        "zip is not missing",
        "zip not in [00001, 00002]",
        "zip >= 01400",
        "sex is missing",
        "sex in [f, x]",
        "seen between 2024-02-01 and 2024-02-02",
        ["price > 5", "price < 5.05", "zip in [00003, 01499]"],
        {"price": [3.5, None]},
        {"sex": ["m", None], "zip": ["00007", None]},
    ],
)
def test_rows_drawn_under_a_condition_keep_it_and_no_row_of_the_table_is_ruled_out_by_it(where):
    keeps_every_row(where)
    drawn(CODEC, where)


def test_a_list_with_missing_gives_both():
    arrays = drawn(CODEC, {"price": [3.5, None]}, 500)
    assert set(np.nan_to_num(arrays["price"], nan=-1.0).tolist()) == {-1.0, 3.5}


def test_a_bin_weighs_as_much_as_the_share_of_it_that_is_allowed():
    price = CODEC.table.codecs["price"]
    assert isinstance(price, NumberCodec)
    bin_of = len(price.knots) // 2
    low, high = price.knots[bin_of, 0], price.knots[bin_of, -1]
    middle = price.within(np.array([bin_of]), np.array([0.5]))[0]
    (weight,) = CODEC.token_weights(parse_where({"price": (0.0, float(middle))}, SCHEMA)).values()
    token = len(price.atoms) + bin_of
    assert low < middle < high
    assert weight[token] == pytest.approx(0.5, abs=0.06)
    assert (weight[len(price.atoms) : token - 1] == 1).all()
    assert (weight[token + 2 :] == 0).all()  # the bin beside it may share an edge


def test_values_drawn_under_an_interval_follow_the_table_within_it():
    price = CODEC.table.codecs["price"]
    allowed = parse_where("price between 6 and 9", SCHEMA)
    (weight,) = CODEC.token_weights(allowed).values()
    real = ARRAYS["price"][allowed["price"].contains(ARRAYS["price"])]
    share = weight * np.bincount(price.encode(ARRAYS["price"])[:, 0], minlength=price.size)
    tokens = RNG(0).choice(price.size, 4000, p=share / share.sum())[:, None]
    found = decode_within(price, tokens, RNG(1), allowed["price"], lambda v: np.round(v, 2))
    assert found.mean() == pytest.approx(real.mean(), abs=0.1)
    assert np.quantile(found, [0.25, 0.75]) == pytest.approx(np.quantile(real, [0.25, 0.75]), abs=0.2)


@pytest.mark.parametrize("name", ["price", "zip", "sex"])
def test_present_weights_leave_every_value_but_missing(name):
    codec, fields = CODEC.table.codecs[name], CODEC.table.fields_of(name)
    weights = CODEC.present_weights(name)
    place = TOKENS[:, fields]
    last = weights[fields[-1]]
    found = last[place[:, -1]] if last.ndim == 1 else last[place[:, 0], place[:, 1]]
    missing = np.isnan(ARRAYS[name]) if isinstance(codec, NumberCodec) else ARRAYS[name] < 0
    assert ((found > 0) == ~missing).all()
    if len(fields) == 2:
        assert (weights[fields[0]][place[~missing, 0]] > 0).all()


def test_columns_that_are_not_learned_take_no_factors():
    assert CODEC.token_weights(parse_where("same = 7", SCHEMA)) == {}


def test_a_condition_that_lies_between_all_known_values_is_refused_in_words():
    with pytest.raises(ConditionError, match="level"):
        CODEC.token_weights(parse_where("level between 3 and 7", SCHEMA))


# -- words --------------------------------------------------------------------------------------------------------
def test_texts_are_as_long_as_those_of_the_table_and_as_often_missing():
    texts = ["fine"] * 50 + ["fine good bad"] * 50 + [None] * 25
    codec = WordCodec.fit(np.array(texts, dtype=object))
    again = WordCodec.from_dict(json.loads(json.dumps(codec.to_dict())))
    assert again == codec
    made = again.draw(4000, RNG(0))
    present = [text for text in made if text is not None]
    assert 1 - len(present) / 4000 == pytest.approx(0.2, abs=0.03)
    lengths = np.array([len(text.split()) for text in present])
    assert set(lengths.tolist()) <= {1, 2, 3}  # 2 is the median, which lies between
    assert (lengths == 1).mean() == pytest.approx(0.5, abs=0.05)


def test_words_come_as_often_as_they_stand_in_the_texts():
    texts = np.array(["fine"] * 300 + ["bad"] * 100, dtype=object)
    made = WordCodec.fit(texts).draw(4000, RNG(0))
    assert (made == "fine").mean() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("texts", [[None] * 9, ["", " "], [], ["once only"]])
def test_a_column_without_frequent_words_gives_words_that_say_nothing(texts):
    codec = WordCodec.fit(np.array(texts, dtype=object))
    words = {word for text in codec.draw(50, RNG(0)) if text for word in text.split()}
    assert not words & {"once", "only", "text"}
    assert len(words) > 5 or not any(texts)
