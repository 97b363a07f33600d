"""Batches: the very tokens that a person would write down, and targets at the choices and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm.serialization.automaton import NEVER
from tabllm.lm.serialization.base import level_masks
from tabllm.lm.serialization.table import TokenCodec, field_names
from tabllm.lm.serialization.text import SERIALIZATIONS, TextCodec
from tabllm.lm.training.batches import BatchMaker
from tabular import infer_schema, parse_where, to_arrays

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_text import every_kind, row_ids, trained

RNG = np.random.default_rng
BYTES = trained()


def orders_of(codec, rows: int, kind: str) -> np.ndarray:
    """The order of columns in each row: as they stand, or a different one for each row, or only some columns."""
    columns = len(codec.names)
    if kind == "plain":
        return np.tile(np.arange(columns), (rows, 1))
    mixed = RNG(0).permuted(np.tile(np.arange(columns), (rows, 1)), axis=1)
    return mixed if kind == "permuted" else mixed[:, : columns // 2]


def levels_of(codec):
    return [level for automaton in codec.automata for level in automaton.levels]


def rebuilt(codec, batch, orders) -> np.ndarray:
    """The choices of each row, from a batch's targets and from what is forced."""
    found = np.full((batch.rows, codec.width), -1, np.int32)
    used, levels = codec.used, levels_of(codec)
    row = batch.at // batch.ids.shape[1]
    for number, level, target in zip(row, batch.level, batch.target, strict=True):
        (found[number, level],) = np.flatnonzero(levels[level].tokens == used[target])
    for number, order in enumerate(orders):
        for column in order:
            state = 0
            for place, level in enumerate(codec.automata[column].levels, codec.spans[column].start):
                if level.forced:
                    found[number, place] = level.known[state].argmax()
                state = level.step[state, found[number, place]]
                if state < 0:
                    break
    return found


@pytest.fixture(scope="module", params=SERIALIZATIONS)
def text(request) -> tuple[TextCodec, np.ndarray]:
    table, overrides = every_kind(300, missing=True)
    schema = infer_schema(table, overrides=overrides)
    arrays = to_arrays(table, schema)
    pieces = trained([*table.columns, *table.astype(str).to_numpy().ravel()])
    codec = TextCodec.fit(arrays, schema, pieces, serialization=request.param)
    return codec, codec.encode(arrays)[:64]


@pytest.fixture(scope="module")
def token() -> tuple[TokenCodec, np.ndarray]:
    table, overrides = every_kind(2000, missing=True)
    schema = infer_schema(table, overrides=overrides)
    arrays = to_arrays(table, schema)
    codec = TokenCodec.fit(arrays, schema, bins=20)
    return codec, codec.encode(arrays)[:64]


@pytest.fixture
def tiny() -> tuple[TextCodec, np.ndarray]:
    table = pd.DataFrame({"a": ["x", "y"] * 8, "b": ["u", "uv", "w", "w"] * 4, "c": [5, 17, 8, 5] * 4})
    schema = infer_schema(table, overrides={"c": "integer"})
    arrays = to_arrays(table, schema)
    codec = TextCodec.fit(arrays, schema, BYTES, serialization="csv")
    return codec, codec.encode(arrays)[:2]


def ids(text: str) -> list[int]:
    return BYTES.ids(text)


class TestTinyTable:
    def test_rows_in_column_order_are_the_tokens_of_their_text(self, tiny):
        codec, choices = tiny
        assert codec.names == ["a", "b", "c"]
        batch = BatchMaker(codec).make(choices, orders_of(codec, 2, "plain"))
        assert batch.ids.tolist() == [
            [BYTES.begin, *ids(" x, u,5,"), 0, 0],
            [BYTES.begin, *ids(" y, uv,17,")],
        ]
        assert batch.lengths.tolist() == [9, 11]

    def test_rows_in_another_order_name_their_columns(self, tiny):
        codec, choices = tiny
        a, b, c = (tag for (tag,) in codec.tags)
        batch = BatchMaker(codec).make(choices, np.array([[2, 0, 1], [1, 2, 0]]))
        first = [BYTES.begin, c, *ids("5,"), a, *ids(" x,"), *ids(" u,")]
        second = [BYTES.begin, b, *ids(" uv,"), *ids("17,"), a, *ids(" y")]
        assert batch.lengths.tolist() == [len(first), len(second)]
        width = max(len(first), len(second))
        assert batch.ids.tolist() == [row + [0] * (width - len(row)) for row in (first, second)]

    def test_targets_are_the_tokens_that_could_have_been_others(self, tiny):
        codec, choices = tiny
        batch = BatchMaker(codec).make(choices, orders_of(codec, 2, "plain"))
        place = batch.at + 1
        learned = [
            (int(where) // batch.ids.shape[1], BYTES.backend.id_to_token(int(batch.ids.flat[where])), int(column))
            for where, column in zip(place, batch.column, strict=True)
        ]
        # The blank is forced before "x" and "u"; a comma closes what others go on from.
        assert learned == [
            (0, "x", 0),
            (0, "u", 1),
            (0, ",", 1),
            (0, "5", 2),
            (0, ",", 2),
            (1, "y", 0),
            (1, "u", 1),
            (1, "v", 1),
            (1, "1", 2),
            (1, "7", 2),
        ]


@pytest.mark.parametrize("kind", ["plain", "permuted", "shorter"])
class TestBatches:
    def test_every_row_is_written_column_after_column(self, text, kind):
        codec, choices = text
        orders = orders_of(codec, len(choices), kind)
        batch = BatchMaker(codec).make(choices, orders)
        assert batch.rows == len(choices)
        assert batch.ids.shape[1] == batch.lengths.max()
        for number, order in enumerate(orders):
            expected = row_ids(codec, choices[number], order)
            assert batch.lengths[number] == len(expected)
            assert batch.ids[number].tolist() == expected + [0] * (batch.ids.shape[1] - len(expected))

    def test_targets_name_the_token_after_their_place_and_its_level_and_column(self, text, kind):
        codec, choices = text
        batch = BatchMaker(codec).make(choices, orders_of(codec, len(choices), kind))
        row, position = np.divmod(batch.at, batch.ids.shape[1])
        assert (position + 1 < batch.lengths[row]).all()
        np.testing.assert_array_equal(batch.ids[row, position + 1], codec.used[batch.target])
        assert len(np.unique(batch.at)) == len(batch.at)
        assert level_masks(codec, codec.used)[batch.level, batch.target].all()
        starts = np.array([span.start for span in codec.spans])
        np.testing.assert_array_equal(batch.column, np.searchsorted(starts, batch.level, side="right") - 1)

    def test_every_value_can_be_told_from_the_targets_and_what_is_forced(self, text, kind):
        codec, choices = text
        orders = orders_of(codec, len(choices), kind)
        found = rebuilt(codec, BatchMaker(codec).make(choices, orders), orders)
        for number, order in enumerate(orders):
            for column in range(len(codec.names)):
                span = codec.spans[column]
                expected = choices[number, span] if column in order else -1
                np.testing.assert_array_equal(found[number, span], expected)

    def test_forced_tokens_have_no_target_and_all_others_have_one(self, text, kind):
        codec, choices = text
        orders = orders_of(codec, len(choices), kind)
        batch = BatchMaker(codec).make(choices, orders)
        forced = np.array([level.forced for level in levels_of(codec)])
        assert forced.any() or codec.serialization == "compact"
        assert not forced[batch.level].any()
        written = np.zeros((len(choices), codec.width), bool)
        for number, order in enumerate(orders):
            for column in order:
                written[number, codec.spans[column]] = True
        assert len(batch.at) == ((choices >= 0) & written & ~forced).sum()

    def test_the_table_codec_is_fed_each_token_with_the_field_that_is_asked_next(self, token, kind):
        codec, choices = token
        orders = orders_of(codec, len(choices), kind)
        batch = BatchMaker(codec).make(choices, orders)
        fields = len(codec.sizes)
        for number, order in enumerate(orders):
            asked = [field for column in order for field in codec.fields[column]]
            tokens = [codec.start_token, *(codec.offsets[field] + choices[number, field] for field in asked)]
            pairs = [token * fields + field for token, field in zip(tokens[:-1], asked, strict=True)]
            length = len(tokens)
            assert batch.lengths[number] == length
            assert batch.ids[number, : length - 1].tolist() == pairs
        row, position = np.divmod(batch.at, batch.ids.shape[1])
        assert len(batch.at) == (batch.lengths - 1).sum()
        np.testing.assert_array_equal(batch.ids[row, position] % fields, batch.level)
        np.testing.assert_array_equal(
            codec.used[batch.target], np.array(codec.offsets)[batch.level] + choices[row, batch.level]
        )


class TestTokenCodec:
    def test_the_fields_of_a_column_are_the_levels_of_its_automaton(self, token):
        codec, choices = token
        assert field_names(codec) == [name for name, part in zip(codec.names, codec.fields, strict=True) for _ in part]
        assert any(automaton.depth == 2 for automaton in codec.automata)
        for automaton, span in zip(codec.automata, codec.spans, strict=True):
            assert automaton.accepts(choices[:, span]).all()
        assert codec.used.tolist() == list(range(codec.vocabulary - 1))

    def test_what_is_fed_tells_the_token_and_the_field(self, token):
        codec, _ = token
        fields = len(codec.sizes)
        column = next(place for place, part in enumerate(codec.fields) if len(part) == 2)
        tokens = np.array([0, 7, codec.start_token])
        for level, field in enumerate(codec.fields[column]):
            fed = codec.input_id(tokens, column, level)
            np.testing.assert_array_equal(np.divmod(fed, fields), [tokens, [field] * 3])

    @pytest.mark.parametrize(
        "where",
        [
            "age between 20 and 29",
            "price > 100",
            "price is missing",
            "balance < 0",
            "code in [1, 2.5]",
            "item in ['item 1999', 'item 1997']",
            "item is not missing",
            "item is missing",
            "seen >= 1970-06-01",
            ["age > 60", "city != Zürich", "member = true"],
        ],
    )
    def test_conditions_allow_exactly_the_tokens_that_have_a_weight(self, token, where):
        codec, _ = token
        allowed = parse_where(where, codec.rows.schema)
        weights = codec.rows.token_weights(allowed)
        found = codec.conditions(allowed)
        assert {codec.names[column] for column in found} == set(allowed)
        self.compare(codec, found, weights)

    def test_present_forbids_exactly_the_missing_cells(self, token):
        codec, choices = token
        for column, name in enumerate(codec.names):
            automaton = codec.present(column)
            self.compare(codec, {column: automaton}, codec.rows.present_weights(name))
            found = codec.decode(choices, RNG(0), start=0, seed=0, allowed={})[name]
            gone = np.isnan(found) if found.dtype.kind == "f" else found < 0
            np.testing.assert_array_equal(automaton.accepts(choices[:, codec.spans[column]]), ~gone)

    def test_a_column_that_never_is_missing_needs_no_other_automaton(self):
        table = pd.DataFrame({"x": ["a", "b"] * 20, "y": [1.5, 2.5] * 20})
        schema = infer_schema(table)
        codec = TokenCodec.fit(to_arrays(table, schema), schema, bins=5)
        assert [codec.present(column) for column in range(2)] == [None, None]

    def test_a_codec_read_from_json_does_the_same(self, token):
        codec, choices = token
        data = json.loads(json.dumps(codec.to_dict()))
        again = TokenCodec.from_dict(data, codec.rows.schema)
        assert (again.names, again.sizes, again.vocabulary) == (codec.names, codec.sizes, codec.vocabulary)
        one, other = (each.decode(choices, RNG(1), start=0, seed=0, allowed={}) for each in (codec, again))
        for name in codec.names:
            np.testing.assert_array_equal(one[name], other[name])

    def test_every_token_has_a_word_and_numbers_a_rank(self, token):
        codec, choices = token
        words, ranks = codec.texts(), codec.ordered(choices)
        assert len(words) == len(ranks) == codec.vocabulary - 1
        place = codec.names.index("city")
        start = codec.offsets[codec.fields[place][0]]
        assert words[start : start + 8] == [*codec.rows.schema["city"].categories, "missing"]
        assert np.isnan(ranks[start : start + 8]).all()

    @staticmethod
    def compare(codec, automata, weights):
        for column, automaton in automata.items():
            for level, whole, field in zip(
                automaton.levels, codec.automata[column].levels, codec.fields[column], strict=True
            ):
                weight = weights.get(field, np.ones(whole.step.shape))
                np.testing.assert_array_equal(level.step != NEVER, np.broadcast_to(weight > 0, whole.step.shape))
                assert level.known.all()
                np.testing.assert_array_equal(level.tokens, whole.tokens)
