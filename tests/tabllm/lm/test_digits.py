"""Numbers digit by digit: exact, and never out of bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tabllm.lm.serialization.digits import DigitCodec
from tabular.where.conditions import Allowed

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_text import all_values, ids_of, paths, probabilities, trained, values_of, weights

BYTES = trained()
SPACED = trained([*map(str, range(10)), "-5", "3.5", *(f"{digit} missing" for digit in range(10))] * 3, 330)
END = BYTES.ids(",")[-1]

pieces = st.sampled_from([BYTES, SPACED])
steps = st.integers(-(10**15) + 1, 10**15 - 1) | st.integers(-12, 12) | st.integers(-2000, 2000)


@st.composite
def codecs(draw, bounds=steps, decimals=None) -> DigitCodec:
    if decimals is None:
        decimals = st.integers(-3, 14)
    low, high = sorted((draw(bounds), draw(bounds)))
    return DigitCodec(
        draw(pieces),
        low,
        high,
        decimals=draw(decimals),
        point=draw(st.booleans()),
        missing=draw(st.booleans()),
        end=END,
    )


def number(low, high, decimals=0, *, point=False, missing=False) -> DigitCodec:
    return DigitCodec(SPACED, low, high, decimals=decimals, point=point, missing=missing, end=END)


def written(codec, *values) -> list[str]:
    return SPACED.texts(ids_of(codec.automaton, codec.encode(np.array(values, float))))


@settings(deadline=None, max_examples=200)
@given(codecs(), st.data())
def test_every_number_within_the_bounds_is_accepted_and_comes_back(codec, data):
    chosen = data.draw(st.lists(st.integers(codec.low, codec.high), max_size=8))
    values = values_of(codec, [codec.low, codec.high, *chosen])
    choices = codec.encode(values)
    assert codec.automaton.accepts(choices).all()
    np.testing.assert_array_equal(codec.decode(choices), values)


@settings(deadline=None, max_examples=150)
@given(codecs(st.integers(-350, 350), st.integers(-2, 4)))
def test_the_automaton_accepts_exactly_the_numbers_between_the_bounds(codec):
    expected = [value for value in values_of(codec, range(codec.low, codec.high + 1)) if not math.isnan(value)]
    assert all_values(codec) == expected
    assert len(paths(codec.automaton)) == len(expected) + codec.missing


@settings(deadline=None, max_examples=100)
@given(codecs(st.integers(-300, 300), st.integers(-1, 3)), st.integers(0, 99))
def test_the_probabilities_of_all_numbers_sum_to_one(codec, seed):
    automaton = codec.automaton
    total = probabilities(automaton, paths(automaton), weights(automaton, seed)).sum()
    assert total == pytest.approx(1)


@settings(deadline=None, max_examples=150)
@given(codecs(st.integers(-350, 350), st.integers(-2, 4)), st.data())
def test_a_condition_keeps_exactly_the_numbers_inside_its_intervals(codec, data):
    # Ends that stand on steps: from below the low bound to above the high one.
    ends = sorted(data.draw(st.sets(st.integers(codec.low - 5, codec.high + 5), min_size=2, max_size=6)))
    numbers = values_of(codec, ends).tolist()
    intervals = tuple((numbers[i], numbers[i + 1]) for i in range(0, len(ends) - 1, 2))
    allowed = Allowed("x", None, intervals, data.draw(st.booleans()))
    narrowed = codec.narrowed(allowed)
    every = values_of(codec, range(codec.low, codec.high + 1))
    expected = every[allowed.contains(every)]
    if narrowed is None:
        assert not len(expected)
        return
    choices = codec.encode(every)
    np.testing.assert_array_equal(every[narrowed.accepts(choices[:, : narrowed.depth])], expected)
    assert all_values(codec, narrowed) == sorted(expected[~np.isnan(expected)])
    given_ = weights(codec.automaton)
    kept = choices[allowed.contains(every)]
    np.testing.assert_allclose(
        probabilities(narrowed, kept, given_), probabilities(codec.automaton, kept, given_), rtol=1e-9
    )


@settings(deadline=None, max_examples=150)
@example(number(0, 10**15 - 1, 4), 123_456_789_012_345, 123_456_789_012_345)
@example(number(0, 10**15 - 1, 1), 999_999_999_999_998, 999_999_999_999_999)
@given(codecs(), st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_intervals_of_long_numbers_keep_their_ends_and_drop_the_neighbours(codec, one, other):
    low, high = sorted(min(max(end, codec.low), codec.high) for end in (one, other))
    ends = values_of(codec, [low, high]).tolist()
    narrowed = codec.narrowed(Allowed("x", None, ((ends[0], ends[1]),), False))
    near = [step for step in (low - 1, low, high, high + 1) if codec.low <= step <= codec.high]
    choices = codec.encode(values_of(codec, near)[: len(near)])
    assert narrowed.accepts(choices[:, : narrowed.depth]).tolist() == [low <= step <= high for step in near]


def test_a_condition_keeps_the_steps_that_the_values_inside_are_written_as():
    codec = number(-3, 30, 1)
    for low, high, kept in ((0.52, 0.54, [0.5]), (1.26, 1.26, [1.3]), (0.56, 0.84, [0.6, 0.7, 0.8]), (2.96, 9, [3.0])):
        assert all_values(codec, codec.narrowed(Allowed("x", None, ((low, high),), False))) == kept
    assert codec.narrowed(Allowed("x", None, ((3.2, 3.24),), False)) is None


@pytest.mark.parametrize("codec", [number(-20, 20, missing=True), number(5, 5, 1, point=True, missing=True)])
def test_missing_cells_are_kept_or_left_out_as_asked(codec):
    every = all_values(codec)
    for narrowed, numbers, missing in (
        (codec.narrowed(None), every, 1),
        (codec.narrowed(None, present=True), every, 0),
        (codec.narrowed(Allowed("x", None, (), True)), [], 1),
        (codec.narrowed(Allowed("x", None, ((every[-1], 99.0),), True)), every[-1:], 1),
        (codec.narrowed(Allowed("x", None, ((every[-1], 99.0),), True), present=True), every[-1:], 0),
    ):
        assert all_values(codec, narrowed) == numbers
        assert len(paths(narrowed)) == len(numbers) + missing
    assert codec.narrowed(Allowed("x", None, (), True), present=True) is None


def test_numbers_are_written_as_a_person_writes_them():
    codec = number(-1234, 99_950, 2, point=True, missing=True)
    assert written(codec, 3.5, 0, -0.07, 999.5, -12.34) == [" 3.50", " 0.00", " -0.07", " 999.50", " -12.34"]
    assert not codec.closed
    whole = number(-5, 1200, missing=True)
    assert written(whole, 7, -5, 1200, 10) == [" 7,", " -5,", " 1200,", " 10,"]
    assert whole.closed
    assert len(ids_of(whole.automaton, whole.encode(np.array([np.nan])))[0]) == 1


def test_numbers_of_one_length_need_no_end():
    assert written(number(10, 99), 10, 42) == [" 10", " 42"]
    assert not number(100, 999).closed
    assert number(99, 100).closed


def test_without_the_point_the_digits_are_those_of_a_whole_number_of_steps():
    assert written(number(0, 99_950, 2), 3.5, 0.07) == [" 350,", " 7,"]
    assert written(number(0, 12, -3), 9000, 12_000) == [" 9,", " 12,"]


def test_numbers_outside_the_bounds_go_to_the_bound():
    codec = number(-20, 35, 1)
    np.testing.assert_array_equal(codec.decode(codec.encode(np.array([-9.0, 99.0, 0.26]))), [-2.0, 3.5, 0.3])


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.floats(-1e18, 1e18) | st.floats(-1, 1) | st.floats(-1e-9, 1e-9) | st.just(math.nan), min_size=1).filter(
        lambda found: not all(map(math.isnan, found))
    ),
    st.none() | st.integers(0, 6),
    st.booleans(),
)
def test_fitted_to_any_column_every_number_comes_back_as_closely_as_the_decimals_say(values, decimals, point):
    column = np.array(values)
    codec = DigitCodec.fit(BYTES, column, decimals=decimals, point=point, end=END)
    choices = codec.encode(column)
    assert codec.automaton.accepts(choices).all()
    found = codec.decode(choices)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(column))
    largest = np.nanmax(np.abs(column))
    spread = np.subtract(*np.nanquantile(column, [0.9, 0.1])) or np.nanstd(column) or 1.0
    fine = spread * 1e-4 if decimals is None else 10.0**-decimals
    assert np.nanmax(np.abs(found - column)) <= max(0.5001 * fine, largest * 1e-14, 1e-300)


@pytest.mark.parametrize("point", [False, True])
@pytest.mark.parametrize("size", [1e-20, 1e-12, 1e-3, 1.0, 1e6, 1e15, 1e17])
def test_a_column_of_any_size_keeps_four_digits_of_its_spread(size, point):
    column = np.random.default_rng(0).normal(0, size, 300)
    codec = DigitCodec.fit(BYTES, column, decimals=None, point=point, end=END)
    found = codec.decode(codec.encode(column))
    assert np.abs(found - column).max() < 2e-4 * size


@pytest.mark.parametrize("codec", [number(-50, 1200, -2), number(-314, 9, 2, point=True, missing=True)])
def test_a_codec_of_numbers_read_from_json_does_the_same(codec):
    again = DigitCodec.from_dict(json.loads(json.dumps(codec.to_dict())), SPACED, end=END)
    np.testing.assert_array_equal(again.encode(all_values(codec)), codec.encode(all_values(codec)))
    for mine, its in zip(again.automaton.levels, codec.automaton.levels, strict=True):
        np.testing.assert_array_equal(mine.tokens, its.tokens)
        np.testing.assert_array_equal(mine.step, its.step)
