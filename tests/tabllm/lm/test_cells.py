"""Listed values and free text as tokens: each comes back, in no more tokens than it needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabllm.lm.serialization.columns import ListCodec, TextCells
from tabular.where.conditions import Allowed

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_text import ids_of, lowercase, paths, trained

BYTES = trained()
END = BYTES.ids(",")[-1]
JOBS = ["Sales", "Sales-rep", "Armed-Forces", "Adm-clerical", "été", "東京", "10", "1", "1.5"]


def listed(texts, numbers=None, *, missing=False, short=False, pieces=BYTES) -> ListCodec:
    held = None if numbers is None else np.array(numbers, float)
    return ListCodec(pieces, texts, held, missing=missing, short=short, end=END)


def written(codec, values) -> list[str]:
    """The texts that stand for ``values``."""
    return BYTES.texts(ids_of(codec.automaton, codec.encode(values)))


def objects(*values) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def codes(*allowed: int, missing: bool = False) -> Allowed:
    return Allowed("c", allowed, None, missing)


class TestListCodec:
    @pytest.mark.parametrize("short", [False, True])
    @pytest.mark.parametrize("missing", [False, True])
    def test_every_code_comes_back_and_missing_cells_stay_missing(self, short, missing):
        codec = listed([*JOBS, "missing"] if missing else JOBS, missing=missing, short=short)
        values = np.arange(-1 if missing else 0, len(JOBS), dtype=np.int32)
        choices = codec.encode(values)
        assert codec.automaton.accepts(choices).all()
        assert len(paths(codec.automaton)) == len(values)
        found = codec.decode(choices)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, values)

    def test_numbers_come_back_as_they_are_and_strange_ones_go_to_the_nearest(self):
        codec = listed(["-1.5", "0", "1e+20", "missing"], [-1.5, 0.0, 1e20], missing=True)
        values = np.array([-1.5, 1e20, np.nan, 0.0])
        np.testing.assert_array_equal(codec.decode(codec.encode(values)), values)
        near = codec.decode(codec.encode(np.array([-9.0, -0.8, -0.7, 3e20])))
        np.testing.assert_array_equal(near, [-1.5, -1.5, 0.0, 1e20])

    def test_the_long_form_is_the_whole_text_with_a_blank_before_it(self):
        codec = listed(["red", "rose", "blue"])
        assert written(codec, np.array([1, 2, 0])) == [" rose", " blue", " red"]
        assert not codec.closed

    def test_the_short_form_has_no_more_tokens_than_tell_values_apart(self):
        codec = listed(["female", "male", "manager", "other"], short=True)
        assert written(codec, np.arange(4)) == [" f", " mal", " man", " o"]
        assert not codec.closed

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.text(min_size=0, max_size=6), min_size=2, max_size=25, unique=True))
    def test_no_short_path_can_lose_its_last_token(self, texts):
        codec = listed(texts, short=True)
        plain = [tuple(path[:-1]) if codec.closed else tuple(path) for path in codec.paths]
        whole = [tuple(ids) for ids in BYTES.all_ids([f" {text}" for text in texts])]
        for number, path in enumerate(plain):
            assert path == whole[number][: len(path)]
            others = [other for place, other in enumerate(whole) if place != number]
            assert any(other[: len(path) - 1] == path[:-1] for other in others)
            if path != whole[number]:
                assert not any(other[: len(path)] == path for other in others)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.text(max_size=8), min_size=1, max_size=25, unique=True), st.booleans(), st.booleans())
    def test_any_texts_are_told_apart(self, texts, short, small):
        codec = listed(texts, short=short, pieces=lowercase() if small else BYTES)
        choices = codec.encode(np.arange(len(texts)))
        assert codec.automaton.accepts(choices).all()
        np.testing.assert_array_equal(codec.decode(choices), np.arange(len(texts)))

    @pytest.mark.parametrize("short", [False, True])
    def test_values_of_which_one_begins_another_are_closed(self, short):
        codec = listed(["Married", "Married-civ", "Never"], short=short)
        assert codec.closed
        shown = written(codec, np.arange(3))
        assert all(text.endswith(",") for text in shown)
        assert shown == ([" Married,", " Married-,", " N,"] if short else [" Married,", " Married-civ,", " Never,"])

    @pytest.mark.parametrize("short", [False, True])
    def test_what_closes_a_value_stands_in_none(self, short):
        names = ["Korea", "Korea, South", "Korea; North", "Peru"]
        codec = listed(names, short=short)
        assert codec.closed
        ends = {path[-1] for path in codec.paths}
        assert len(ends) == 1
        assert not any(ends & set(path[:-1]) for path in codec.paths)
        np.testing.assert_array_equal(codec.decode(codec.encode(np.arange(4))), np.arange(4))

    @pytest.mark.parametrize("short", [False, True])
    def test_values_that_a_tokenizer_makes_equal_stay_apart(self, short):
        names = ["US", "us", "Us", "us 1", "us 2", "uk"]
        codec = listed(names, short=short, pieces=lowercase())
        assert len({tuple(path) for path in codec.paths}) == len(names)
        np.testing.assert_array_equal(codec.decode(codec.encode(np.arange(6))), np.arange(6))

    def test_conditions_keep_exactly_what_they_allow(self):
        codec = listed([*JOBS, "missing"], missing=True, short=True)
        for allowed, kept in (
            (codes(0, 5), [0, 5]),
            (codes(1, missing=True), [-1, 1]),
            (codes(missing=True), [-1]),
        ):
            narrowed = codec.narrowed(allowed)
            every = np.arange(-1, len(JOBS))
            choices = codec.encode(every)[:, : narrowed.depth]
            assert every[narrowed.accepts(choices)].tolist() == kept
            assert len(paths(narrowed)) == len(kept)

    def test_conditions_on_numbers_keep_the_values_inside(self):
        numbers = [-2.0, 0.5, 3.0, 7.0]
        codec = listed([*map(str, numbers), "missing"], numbers, missing=True)
        narrowed = codec.narrowed(Allowed("c", None, ((-3.0, 0.5), (7.0, 9.0)), False))
        values = np.array([*numbers, np.nan])
        accepted = narrowed.accepts(codec.encode(values)[:, : narrowed.depth])
        assert accepted.tolist() == [True, True, False, True, False]
        missing = codec.narrowed(Allowed("c", None, (), True))
        assert missing.accepts(codec.encode(values)[:, : missing.depth]).tolist() == [False] * 4 + [True]

    def test_present_takes_only_the_missing_cell_away(self):
        codec = listed([*JOBS, "missing"], missing=True)
        every = np.arange(-1, len(JOBS))
        present = codec.narrowed(None, present=True)
        assert every[~present.accepts(codec.encode(every)[:, : present.depth])].tolist() == [-1]

    def test_nothing_is_left_where_nothing_is_allowed(self):
        codec = listed(["a", "b", "missing"], missing=True)
        assert codec.narrowed(codes()) is None
        assert codec.narrowed(codes(missing=True), present=True) is None
        assert listed(["1", "2"], [1, 2]).narrowed(Allowed("c", None, ((1.2, 1.8),), False)) is None

    @pytest.mark.parametrize("short", [False, True])
    @pytest.mark.parametrize(("texts", "numbers"), [(["x", "x,y", "missing"], None), (["1", "1.5", "?"], [1, 1.5])])
    def test_a_codec_read_from_json_does_the_same(self, short, texts, numbers):
        codec = listed(texts, numbers, missing=True, short=short)
        again = ListCodec.from_dict(json.loads(json.dumps(codec.to_dict())), BYTES, short=short, end=END)
        assert again.paths == codec.paths
        assert again.closed == codec.closed
        np.testing.assert_array_equal(again.rows, codec.rows)


class TestTextCells:
    notes = objects("fine  service", None, "Straße\n\nis  \t long", "", "naïve 🙂, yes; no", " x ")

    def test_texts_come_back_up_to_blanks_and_line_breaks(self):
        codec = TextCells.fit(BYTES, np.repeat(self.notes, 40))
        codec = TextCells(BYTES, codec.vocabulary, 40, missing=True)
        choices = codec.encode(self.notes)
        assert codec.automaton.accepts(choices).all()
        expected = ["fine service", None, "Straße is long", "", "naïve 🙂, yes; no", "x"]
        assert codec.decode(choices).tolist() == expected

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.none() | st.text(max_size=30), min_size=1, max_size=8).filter(any))
    def test_any_texts_are_accepted_and_come_back_as_far_as_they_are_kept(self, texts):
        values = objects(*texts)
        codec = TextCells.fit(BYTES, values)
        choices = codec.encode(values)
        assert codec.automaton.accepts(choices).all()
        for text, found, row in zip(texts, codec.decode(choices), choices, strict=True):
            assert (text is None) == (found is None)
            if text is not None:
                line = " ".join(text.split())
                if len(BYTES.ids(f" {line}")) <= codec.longest:
                    assert found == line
                assert (row >= 0).sum() <= codec.longest + 1

    def test_a_bound_that_is_given_holds(self):
        values = objects(*["short one"] * 400, "long " * 50)
        codec = TextCells.fit(BYTES, values, most=10)
        assert codec.longest == len(BYTES.ids(" short one"))
        assert codec.automaton.depth == codec.longest + 1
        assert codec.decode(codec.encode(values[-1:])).tolist() == ["long long"]
        assert TextCells.fit(BYTES, values, most=1000).longest == len(BYTES.ids(" " + ("long " * 50).strip()))

    def test_there_is_no_line_break_inside_and_one_at_the_end(self):
        codec = TextCells.fit(BYTES, objects("a\nb", "c\r\n\u2028d", "e"))
        end = BYTES.ids("\n")[-1]
        assert end not in codec.vocabulary
        for ids in ids_of(codec.automaton, codec.encode(objects("a\nb", "e", "c\nd"))):
            assert ids.count(end) == 1
            assert ids[-1] == end

    def test_whatever_is_drawn_is_one_line_of_text(self):
        codec = TextCells.fit(BYTES, objects("a\u2028b\u2029c\u0085d", "é 🙂", "x y", None))
        rng = np.random.default_rng(0)
        choices = np.full((300, codec.automaton.depth), -1, np.int32)
        for row in choices:
            for place, level in enumerate(codec.automaton.levels):
                row[place] = rng.choice(np.flatnonzero(level.known[0]))
                if level.step[0, row[place]] == -1:
                    break
        assert codec.automaton.accepts(choices).all()
        found = codec.decode(choices)
        assert all(text is None or len(text.splitlines()) <= 1 for text in found)
        assert all((text is None) == (row[1] == -1) for text, row in zip(found, choices, strict=True))

    def test_unknown_tokens_are_left_out(self):
        codec = TextCells(BYTES, BYTES.ids(" abc"), 8, missing=True)
        values = objects("ab1c2", "12", "cab", "abc" * 9)
        choices = codec.encode(values)
        assert codec.automaton.accepts(choices).all()
        found = codec.decode(choices)
        assert found[[0, 2, 3]].tolist() == ["abc", "cab", "abcabca"]
        assert found[1] is not None  # a text of which nothing is left is no missing cell

    def test_an_empty_text_is_not_missing(self):
        codec = TextCells.fit(BYTES, objects("", None, "a", ""))
        values = objects("", None)
        assert codec.decode(codec.encode(values)).tolist() == ["", None]

    def test_only_a_column_that_has_missing_cells_may_end_at_once(self):
        end = BYTES.ids("\n")[-1]
        never = TextCells.fit(BYTES, objects("ab", "ba"))
        assert end not in never.automaton.levels[0].tokens
        some = TextCells.fit(BYTES, objects("ab", None))
        gone = some.encode(objects(None))
        assert ids_of(some.automaton, gone) == [[end]]
        present = some.narrowed(None, present=True)
        assert not present.accepts(gone)[0]
        assert present.accepts(some.encode(objects("ab", "b")))[:2].all()
        assert some.narrowed(None).accepts(gone)[0]

    def test_a_codec_read_from_json_does_the_same(self):
        codec = TextCells.fit(BYTES, self.notes)
        again = TextCells.from_dict(json.loads(json.dumps(codec.to_dict())), BYTES)
        np.testing.assert_array_equal(again.encode(self.notes), codec.encode(self.notes))
        for mine, its in zip(again.automaton.levels, codec.automaton.levels, strict=True):
            np.testing.assert_array_equal(mine.tokens, its.tokens)
            np.testing.assert_array_equal(mine.step, its.step)
