"""Automata: which rows of choices are values, and that no probability is lost or made up on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabllm.lm.serialization.automaton import DONE, NEVER, Automaton, Level, explore, joined, restricted, trie

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_text import ids_of, paths, probabilities, weights


def level(step: list[list[int]], known: list[list[bool]] | None = None) -> Level:
    table = np.array(step, np.int32)
    return Level(np.arange(table.shape[1]), table, table != NEVER if known is None else np.array(known))


@st.composite
def prefix_free(draw) -> list[list[int]]:
    """Different paths of small tokens, none of which begins another."""
    drawn = draw(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=1, max_size=30))
    kept: list[list[int]] = []
    for path in drawn:
        if not any(path[: len(other)] == other or other[: len(path)] == path for other in kept):
            kept.append(path)
    return kept


class TestTrie:
    def test_values_share_the_states_of_a_shared_beginning(self):
        automaton, choices = trie([[5, 7, 2], [5, 7, 9], [5, 8], [6]])
        assert automaton.depth == 3
        assert automaton.choices == 2 + 2 + 2
        assert [level.step.shape for level in automaton.levels] == [(1, 2), (1, 2), (1, 2)]
        assert choices.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, -1], [1, -1, -1]]

    def test_tokens_of_a_level_are_different_and_ascend(self):
        automaton, _ = trie([[9, 1], [3, 1], [7, 1], [7, 0]])
        assert [level.tokens.tolist() for level in automaton.levels] == [[3, 7, 9], [0, 1]]

    def test_a_single_value_is_forced_everywhere(self):
        automaton, choices = trie([[4, 4, 2]])
        assert all(level.forced for level in automaton.levels)
        assert choices.tolist() == [[0, 0, 0]]

    @pytest.mark.parametrize(
        "values", [[[1, 2], [1]], [[1], [1, 2]], [[1, 2], [1, 2]], [[3], [1, 2, 3], [1, 2]], [[], [1]], [[]]]
    )
    def test_a_value_that_begins_another_or_stands_there_twice_or_is_empty_is_refused(self, values):
        with pytest.raises(ValueError, match="a value"):
            trie(values)

    @settings(deadline=None)
    @given(prefix_free())
    def test_exactly_the_values_are_paths_in_their_own_tokens(self, values):
        automaton, choices = trie(values)
        assert automaton.accepts(choices).all()
        assert ids_of(automaton, choices) == values
        assert sorted(ids_of(automaton, paths(automaton))) == sorted(values)

    @settings(deadline=None)
    @given(prefix_free(), st.integers(0, 999))
    def test_the_probabilities_of_all_values_sum_to_one(self, values, seed):
        automaton, choices = trie(values)
        total = probabilities(automaton, choices, weights(automaton, seed)).sum()
        assert total == pytest.approx(1)


class TestAccepts:
    automaton, choices = trie([[5, 7, 2], [5, 7, 9], [5, 8], [6]])

    @pytest.mark.parametrize(
        "row",
        [
            [0, 0, -1],  # ends too early
            [0, -1, -1],
            [-1, -1, -1],
            [-1, 0, 0],  # begins too late
            [0, -1, 0],  # has a hole
        ],
    )
    def test_a_row_that_ends_too_early_or_has_a_hole_is_no_value(self, row):
        assert not self.automaton.accepts(np.array([row]))[0]

    def test_rows_are_judged_each_by_itself(self):
        rows = np.concatenate([self.choices, [[0, 0, -1]], self.choices[:1]])
        assert self.automaton.accepts(rows).tolist() == [True] * 4 + [False, True]

    def test_a_turn_that_a_state_does_not_have_is_refused(self):
        automaton, _ = trie([[0, 0], [1, 1]])
        assert automaton.accepts(np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).tolist() == [True, False, False, True]

    def test_no_rows_give_no_answers(self):
        assert self.automaton.accepts(np.zeros((0, 3), np.int32)).shape == (0,)


class TestLevel:
    def test_it_is_forced_where_no_state_has_a_choice(self):
        assert level([[0, NEVER], [NEVER, 1]]).forced
        assert not level([[0, NEVER], [0, 1]]).forced

    def test_a_condition_that_leaves_one_way_does_not_make_it_forced(self):
        assert not level([[0, NEVER]], [[True, True]]).forced

    @pytest.mark.parametrize(
        ("step", "ends", "goes_on"),
        [
            ([[DONE, NEVER], [DONE, DONE]], True, False),
            ([[0, 1], [NEVER, 0]], False, True),
            ([[DONE, 0]], False, False),
        ],
    )
    def test_it_tells_whether_every_or_no_choice_completes_the_value(self, step, ends, goes_on):
        assert (level(step).ends, level(step).goes_on) == (ends, goes_on)


class TestExplore:
    def test_a_machine_becomes_levels_and_equal_states_become_one(self):
        # Three digits whose sum is at most 2: the state is what may still be added.
        def successors(state):
            place, left = state
            return {digit: (place + 1, left - digit) if place < 2 else None for digit in range(left + 1)}

        automaton, symbols = explore((0, 2), successors, lambda level, symbol: 100 * level + symbol)
        assert [found.tolist() for found in symbols] == [[0, 1, 2]] * 3
        assert [found.tokens.tolist() for found in automaton.levels] == [
            [0, 1, 2],
            [100, 101, 102],
            [200, 201, 202],
        ]
        assert [found.step.shape[0] for found in automaton.levels] == [1, 3, 3]
        expected = [[a, b, c] for a in range(3) for b in range(3 - a) for c in range(3 - a - b)]
        assert sorted(paths(automaton).tolist()) == expected

    def test_paths_may_end_at_any_level(self):
        automaton, symbols = explore(0, lambda state: {7: None, 8: 1} if not state else {9: None}, lambda _, s: s)
        assert [found.tolist() for found in symbols] == [[7, 8], [9]]
        assert sorted(ids_of(automaton, paths(automaton))) == [[7], [8, 9]]


class TestJoined:
    def test_values_of_full_length_go_on_and_shorter_ones_end(self):
        first, second = trie([[1, 2], [1, 3], [4]])[0], trie([[5], [6, 7]])[0]
        automaton = joined(first, second)
        assert sorted(ids_of(automaton, paths(automaton))) == [
            [1, 2, 5],
            [1, 2, 6, 7],
            [1, 3, 5],
            [1, 3, 6, 7],
            [4],
        ]

    def test_the_probabilities_still_sum_to_one(self):
        automaton = joined(trie([[1, 2], [1, 3], [4]])[0], trie([[5], [6, 7], [6, 8]])[0])
        total = probabilities(automaton, paths(automaton), weights(automaton)).sum()
        assert total == pytest.approx(1)


class TestRestricted:
    @settings(deadline=None)
    @given(prefix_free(), st.data())
    def test_it_accepts_exactly_the_part_in_the_numbering_of_the_whole(self, values, data):
        whole, choices = trie(values)
        kept = data.draw(st.sets(st.sampled_from(range(len(values))), min_size=1))
        automaton = restricted(whole, trie([values[i] for i in sorted(kept)])[0])
        assert automaton.accepts(choices[:, : automaton.depth])[sorted(kept)].all()
        assert sorted(ids_of(automaton, paths(automaton))) == sorted(values[i] for i in kept)
        for mine, its in zip(automaton.levels, whole.levels, strict=False):
            np.testing.assert_array_equal(mine.tokens, its.tokens)

    @settings(deadline=None)
    @given(prefix_free(), st.data())
    def test_a_value_keeps_the_probability_that_it_has_in_the_whole(self, values, data):
        whole, choices = trie(values)
        kept = sorted(data.draw(st.sets(st.sampled_from(range(len(values))), min_size=1)))
        automaton = restricted(whole, trie([values[i] for i in kept])[0])
        given_ = weights(whole)
        found = probabilities(automaton, choices[kept], given_)
        np.testing.assert_allclose(found, probabilities(whole, choices[kept], given_))
        for mine in automaton.levels:
            assert (mine.known | (mine.step == NEVER)).all()  # nothing is allowed that is not counted

    def test_it_is_as_deep_as_the_longest_value_that_is_kept(self):
        whole, _ = trie([[1, 2, 3], [1, 4], [5]])
        assert restricted(whole, trie([[5]])[0]).depth == 1
        assert restricted(whole, trie([[5], [1, 4]])[0]).depth == 2

    def test_tokens_of_the_whole_need_not_ascend(self):
        ids = {0: 50, 1: 20, 2: 40, 3: 10}

        def machine(allowed: set[tuple[int, int]]) -> Automaton:
            def successors(state):
                if state == ():
                    return {a: (a,) for a, _ in allowed}
                return {b: None for a, b in allowed if a == state[0]}

            return explore((), successors, lambda _, symbol: ids[symbol])[0]

        part = {(0, 3), (2, 1), (2, 2)}
        whole = machine({(a, b) for a in range(4) for b in range(4)})
        assert whole.levels[0].tokens.tolist() == [50, 20, 40, 10]
        automaton = restricted(whole, machine(part))
        assert sorted(map(tuple, paths(automaton).tolist())) == sorted(part)

    def test_a_restriction_can_be_restricted_again(self):
        whole, choices = trie([[1, 2], [1, 3], [4, 2], [4, 3]])
        twice = restricted(restricted(whole, trie([[1, 2], [1, 3], [4, 3]])[0]), trie([[1, 3], [4, 3]])[0])
        assert twice.accepts(choices).tolist() == [False, True, False, True]
        assert twice.levels[0].known.all()
        assert twice.levels[1].known.all()
