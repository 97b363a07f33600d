"""Both engines compute what transformers computes, and draw the same rows from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tabllm.lm.engines.base import Filter
from tabllm.lm.sampling.sampler import LmSampler
from tabllm.lm.serialization.automaton import DONE, NEVER, Level, restricted, trie
from tabllm.lm.training.batches import BatchMaker

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import (
        CONTEXT,
        ENGINES,
        ROPE_5,
        VOCABULARY,
        both_engines,
        both_kinds,
        engine_of,
        folder_of,
        full_logits,
        loaded,
        softmax,
        spell_rope,
        text_codec,
    )

EVERY_TOKEN = Level(np.arange(VOCABULARY), np.full((1, VOCABULARY), DONE, np.int32), np.ones((1, VOCABULARY), bool))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return np.log(softmax(logits))


# -- the model and its cache ------------------------------------------------------------------------------------------
@both_engines
@both_kinds
def test_logits_are_those_of_transformers(engine_name, kind):
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (3, 20))
    tokens = np.array([3, 299, 0, 17])
    found = loaded(engine_name, kind).logits(ids, tokens)
    assert np.abs(found - np.stack(full_logits(folder_of(kind), ids.tolist()))[:, :, tokens]).max() < 1e-3


@both_engines
def test_rotary_settings_mean_the_same_as_transformers_5_spells_them(tmp_path, engine_name):
    folder = shutil.copytree(folder_of("llama"), tmp_path / "model")
    ids, tokens = np.arange(60)[None], np.arange(8)
    spell_rope(folder, ROPE_5)
    now = engine_of(engine_name, folder).logits(ids, tokens)
    assert np.abs(now - loaded(engine_name, "llama").logits(ids, tokens)).max() < 1e-5
    spell_rope(folder, {"rope_theta": 100000.0})
    assert np.abs(engine_of(engine_name, folder).logits(ids, tokens) - now).max() > 1e-2


class Rows:
    """A cache, and what was appended to each of its rows."""

    def __init__(self, engine, folder: Path, cache, tokens: list[list[int]]) -> None:
        self.engine, self.folder, self.cache, self.tokens = engine, folder, cache, tokens

    def append(self, ids: np.ndarray, rows: list[int] | None = None, counts: list[int] | None = None) -> None:
        """Append, and hold the hidden states against transformers' logits."""
        index = np.arange(len(self.tokens)) if rows is None else np.array(rows)
        hidden = self.engine.append(
            self.cache,
            ids,
            rows=None if rows is None else index,
            counts=None if counts is None else np.array(counts),
        )
        for place, row in enumerate(index):
            self.tokens[row] = self.tokens[row] + ids[place, : None if counts is None else counts[place]].tolist()
        found = self.engine.probabilities(hidden, EVERY_TOKEN, np.zeros(len(index), np.int64))
        logits = full_logits(self.folder, [self.tokens[row] for row in index])
        assert np.abs(np.log(found) - log_softmax(np.stack([row[-1] for row in logits]))).max() < 1e-3
        assert self.cache.lengths.tolist() == [len(row) for row in self.tokens]


@pytest.fixture
def begin():
    """``begin("mlx", "gpt2", rows)``: rows of no tokens yet, with room for 40."""

    def make(engine_name: str, kind: str, rows: int) -> Rows:
        engine = loaded(engine_name, kind)
        return Rows(engine, folder_of(kind), engine.new_cache(rows, 40), [[] for _ in range(rows)])

    return make


@both_engines
@both_kinds
def test_chunks_of_any_length_to_any_rows_and_copies_of_them(begin, engine_name, kind):
    rng = np.random.default_rng(1)

    def ids(rows: int, length: int) -> np.ndarray:
        return rng.integers(0, VOCABULARY, (rows, length))

    rows = begin(engine_name, kind, 8)
    rows.append(ids(8, 3))
    rows.append(ids(8, 1))
    rows.append(ids(2, 2), rows=[1, 6])
    rows.append(ids(8, 1))
    rows.append(ids(8, 3))
    rows.append(ids(7, 1), rows=[0, 1, 2, 3, 5, 6, 7])
    rows.append(ids(1, 4), rows=[4])
    other = begin(engine_name, kind, 2)
    other.append(ids(2, 13))
    sources = [(rows.cache, np.array([6, 6, 0])), (other.cache, np.array([1]))]
    taken = [rows.tokens[6], rows.tokens[6], rows.tokens[0], other.tokens[1]]
    gathered = Rows(rows.engine, rows.folder, rows.engine.gather(sources, 20), taken)
    gathered.append(ids(4, 2))
    gathered.append(ids(2, 1), rows=[1, 3])
    rows.append(ids(8, 1))  # what was copied stays as it was


@both_engines
@both_kinds
def test_padding_on_the_right_is_written_over(begin, engine_name, kind):
    rng = np.random.default_rng(2)
    rows = begin(engine_name, kind, 5)
    rows.append(rng.integers(0, VOCABULARY, (5, 6)), counts=[6, 1, 4, 2, 6])
    rows.append(rng.integers(0, VOCABULARY, (5, 2)))
    rows.append(rng.integers(0, VOCABULARY, (2, 3)), rows=[1, 3], counts=[1, 3])
    rows.append(rng.integers(0, VOCABULARY, (5, 1)))


@both_engines
def test_rows_of_no_tokens_can_be_copied(engine_name):
    engine = loaded(engine_name, "gpt2")
    empty = engine.new_cache(1, 0)
    rows = Rows(engine, folder_of("gpt2"), engine.gather([(empty, np.zeros(3, np.int64))], 4), [[], [], []])
    rows.append(np.array([[1], [2], [3]]))


def test_mlx_writes_nowhere_but_into_slots():
    engine = loaded("mlx", "gpt2")
    with pytest.raises(ValueError, match="no slot for position 2"):
        engine.append(engine.new_cache(1, 2), np.array([[1, 2, 3]]))


# -- choices ----------------------------------------------------------------------------------------------------------
def tangled_level(rng: np.random.Generator, states: int, choices: int) -> Level:
    """Any tokens, any of them known in a state, and most of those allowed."""
    tokens = rng.permutation(VOCABULARY)[:choices]
    known = rng.random((states, choices)) < 0.6
    known[:, 0] = True
    step = np.where(known & (rng.random(known.shape) < 0.7), rng.integers(-1, 3, known.shape), NEVER).astype(np.int32)
    step[:, 0] = 1
    return Level(tokens, step, known)


def by_hand(logits: np.ndarray, known: np.ndarray, filter: Filter) -> np.ndarray:
    """float64[choices]: the distribution of one row, one step after the other."""
    shares = softmax(np.where(known, logits / filter.temperature, -np.inf))
    order = np.argsort(-shares, kind="stable")
    kept = order[: filter.top_k] if filter.top_k else order
    if filter.top_p < 1:
        before = np.cumsum(shares[order]) - shares[order]
        kept = kept[before[: len(kept)] < filter.top_p]
    mine = np.zeros_like(shares)
    mine[kept] = shares[kept]
    return mine / mine.sum()


@both_engines
@both_kinds
@pytest.mark.parametrize("filter", [Filter(), Filter(0.6, top_k=4), Filter(1.5, top_p=0.7), Filter(top_k=6, top_p=0.9)])
def test_what_is_drawn_has_the_distribution_of_the_whole_vocabulary_masked(monkeypatch, engine_name, kind, filter):
    rng = np.random.default_rng(3)
    level, states, draws = tangled_level(rng, 3, 20), np.arange(3), 2000
    ids = rng.integers(0, VOCABULARY, (3, 7))
    logits = np.stack(full_logits(folder_of(kind), ids.tolist()))[:, -1][:, level.tokens]
    engine = loaded(engine_name, kind)
    monkeypatch.setattr(engine, "filter", filter)
    hidden = engine.append(engine.new_cache(3, 8), ids)
    wanted = np.stack([by_hand(logits[row], level.known[row], filter) for row in states]) * (level.step != NEVER)
    assert np.abs(engine.probabilities(hidden, level, states) - wanted).max() < 1e-4
    # Evenly spaced numbers draw each choice as often as it is likely, but for the two ends of its interval.
    even = engine.put(((np.arange(draws) + 0.5) / draws).astype(np.float32))
    for row in np.flatnonzero(wanted.sum(axis=1)):
        state = engine.put(np.full(draws, row, np.int32))
        repeated = hidden[engine.put(np.full(draws, row))]
        choice, after = (engine.fetch(part) for part in engine.choose(repeated, level, state, even))
        assert (after == level.step[row, choice]).all()
        share = np.bincount(choice, minlength=20) / draws
        assert np.abs(share - wanted[row] / wanted[row].sum()).max() < 2 / draws


@both_engines
def test_choices_without_a_choice_or_with_none_that_is_likely(engine_name):
    engine = loaded(engine_name, "gpt2")
    state, uniform = engine.put(np.array([1, 0], np.int32)), engine.put(np.array([0.999, 0.5], np.float32))
    step = np.array([[NEVER, 0, NEVER], [DONE, NEVER, NEVER]], np.int32)
    forced = Level(np.array([4, 5, 6]), step, step != NEVER)
    assert engine.fetch(engine.choose(None, forced, state, uniform)[0]).tolist() == [0, 1]
    assert engine.fetch(engine.tokens(forced, engine.put(np.array([2, 0], np.int32)))).tolist() == [6, 4]
    # Only what has no weight at all may follow: it is drawn all the same, and nothing else.
    hidden = engine.append(engine.new_cache(2, 1), np.array([[1], [2]]))
    rest = Level(np.arange(50), np.full((2, 50), NEVER, np.int32), np.ones((2, 50), bool))
    rest.step[:, [7, 9]] = DONE
    engine.filter = Filter(temperature=1e-4)
    try:
        assert set(engine.fetch(engine.choose(hidden, rest, state, uniform)[0]).tolist()) <= {7, 9}
    finally:
        engine.filter = Filter()


@both_engines
@both_kinds
@pytest.mark.parametrize("serialization", ["compact", "great"])
def test_each_choice_of_a_written_row_has_the_probability_that_transformers_gives_it(engine_name, kind, serialization):
    codec, choices = text_codec(serialization)
    engine = loaded(engine_name, kind)
    for row in choices[:3]:
        cache, told = engine.new_cache(1, CONTEXT), []
        for column, (automaton, span) in enumerate(zip(codec.automata, codec.spans, strict=True)):
            fed, state = codec.lead(column, column - 1 if column else None), 0
            if column:
                fed = [told.pop(), *fed]
            for level, choice in zip(automaton.levels, row[span], strict=True):
                told += fed
                hidden = engine.append(cache, np.array([fed]))
                whole = softmax(full_logits(folder_of(kind), [told])[0][-1])
                allowed = np.where(level.known[state], whole[level.tokens], 0)
                found = engine.probabilities(hidden, level, np.array([state]))[0]
                assert np.abs(found - allowed / allowed.sum()).max() < 1e-4
                state, fed = level.step[state, choice], [int(level.tokens[choice])]
                if state == DONE:
                    break
            told += fed


@both_kinds
@pytest.mark.parametrize("filter", [Filter(), Filter(0.8, top_k=5, top_p=0.95)])
def test_both_engines_draw_the_same_rows(monkeypatch, kind, filter):
    codec, _ = text_codec()
    condition = _only_first_values(codec)
    for conditions, options in (({}, {}), ({}, {"merge": False, "most_rows": 32}), (condition, {})):
        drawn = []
        for name in ENGINES:
            engine = loaded(name, kind)
            monkeypatch.setattr(engine, "filter", filter)
            sampler = LmSampler(engine, codec, **options)
            drawn.append(sampler.sample(80, [1, 0, 2], np.random.default_rng(5), conditions=conditions))
        assert (drawn[0] == drawn[1]).all()
        assert len(np.unique(drawn[0], axis=0)) > 20
        for column, (automaton, span) in enumerate(zip(codec.automata, codec.spans, strict=True)):
            assert conditions.get(column, automaton).accepts(drawn[0][:, span]).all()


def _only_first_values(codec) -> dict:
    """The second column kept to a few of the values that its table has."""
    whole, span = codec.automata[1], codec.spans[1]
    _, choices = text_codec()
    paths = {
        tuple(level.tokens[c] for level, c in zip(whole.levels, row, strict=True) if c >= 0)
        for row in choices[:4, span]
    }
    return {1: restricted(whole, trie(sorted(paths))[0])}


def test_both_engines_complete_rows_alike():
    codec, choices = text_codec()
    batch = BatchMaker(codec).make(choices[:40], np.tile([0, 2], (40, 1)))
    record = choices[:40].copy()
    record[:, codec.spans[1]] = -1
    drawn = [
        LmSampler(loaded(name, "llama"), codec).complete(
            batch.ids, batch.lengths - 1, record, 2, [0, 2, 1], np.random.default_rng(6)
        )
        for name in ENGINES
    ]
    assert (drawn[0] == drawn[1]).all()
    assert codec.automata[1].accepts(drawn[0][:, codec.spans[1]]).all()
