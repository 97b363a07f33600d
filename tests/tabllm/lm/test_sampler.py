"""Whole rows: the sampler draws the distribution that enumerating every row gives."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm.engines.base import Filter
from tabllm.lm.sampling.imputation import complete_pattern
from tabllm.lm.sampling.sampler import LmSampler, _open_values, block_rows, rows_within
from tabllm.lm.sampling.scorer import LmScorer
from tabllm.lm.serialization.base import level_masks
from tabllm.lm.serialization.text import TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabllm.lm.training.batches import BatchMaker
from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.likelihood.scorer import Query
from tabular.likelihood.spans import span_of
from tabular.preparing.inference import infer_schema
from tabular.where.conditions import parse_where

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import both_kinds, folder_of, full_logits, loaded, softmax, tokenizer
    from lm_text import paths

ROWS = 20_000


@functools.cache
def small():
    """(codec, schema): a category that begins another one, a number of one or two digits, a flag with holes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "side": rng.choice(["north", "northern", "east"], 60),
            "size": rng.choice([3, 7, 10, 12], 60),
            "open": rng.choice(["yes", "no", None], 60),
        }
    )
    schema = infer_schema(frame, overrides={"size": "integer"})
    return TextCodec.fit(to_arrays(frame, schema), schema, TextTokenizer(tokenizer(), 0), serialization="great"), schema


@functools.cache
def every_row(kind: str, order: tuple[int, ...]):
    """(choices of every possible row, its probability): each token from transformers' full logits, those that may not
    stand there masked, the rest normalised."""
    codec, _ = small()
    choices = np.full((1, codec.width), -1, np.int32)
    for column in order:
        own = paths(codec.automata[column])
        again = np.repeat(choices, len(own), axis=0)
        again[:, codec.spans[column]] = np.tile(own, (len(choices), 1))
        choices = again
    batch = BatchMaker(codec).make(choices, np.tile(order, (len(choices), 1)))
    rows = [ids[:length].tolist() for ids, length in zip(batch.ids, batch.lengths, strict=True)]
    logits = full_logits(folder_of(kind), rows)
    logs = np.zeros(len(choices))
    for row, ids in enumerate(rows):
        place = 0
        before = None
        for column in order:
            place += len(codec.lead(column, before))
            state, before = 0, column
            for level, choice in zip(codec.automata[column].levels, choices[row, codec.spans[column]], strict=True):
                if choice < 0:
                    break
                allowed = level.known[state]
                shares = softmax(logits[row][place - 1][level.tokens[allowed]])
                logs[row] += np.log(shares[np.flatnonzero(allowed).tolist().index(choice)])
                assert ids[place] == level.tokens[choice]
                state = level.step[state, choice]
                place += 1
    return choices, np.exp(logs)


def assert_like(made: np.ndarray, choices: np.ndarray, shares: np.ndarray) -> None:
    """Counts of whole rows lie within five standard deviations of what independent draws would give."""
    keys = {tuple(row): number for number, row in enumerate(choices.tolist())}
    found = np.bincount([keys[tuple(row)] for row in made.tolist()], minlength=len(choices))
    spread = np.sqrt(shares * (1 - shares) * len(made)) + 0.5
    assert (np.abs(found - shares * len(made)) < 5 * spread).all()
    assert np.abs(found / len(made) - shares).sum() / 2 < 0.03


@both_kinds
@pytest.mark.parametrize("merge", [True, False])
def test_rows_have_the_probability_that_the_whole_model_gives_them(kind, merge):
    choices, shares = every_row(kind, (0, 1, 2))
    assert shares.sum() == pytest.approx(1, abs=1e-4), "what may be written has all of the probability"
    sampler = LmSampler(loaded("torch", kind), small()[0], most_rows=None if merge else 512, merge=merge)
    made = sampler.sample(ROWS, [0, 1, 2], np.random.default_rng(1))
    assert_like(made, choices, shares)
    if merge:
        assert sampler.counter.tokens < 2000, "shared beginnings are evaluated once"


@both_kinds
def test_any_order_of_columns_has_its_own_distribution(kind):
    choices, shares = every_row(kind, (2, 0, 1))
    made = LmSampler(loaded("torch", kind), small()[0]).sample(ROWS, [2, 0, 1], np.random.default_rng(1))
    assert_like(made, choices, shares)


@both_kinds
def test_conditions_give_the_joint_conditional_not_one_turn_after_the_other(kind):
    codec, schema = small()
    order = (0, 1, 2)
    choices, shares = every_row(kind, order)
    allowed = parse_where(["size >= 10", "open = yes"], schema)
    conditions = codec.conditions(allowed)
    keeps = np.ones(len(choices), bool)
    for column, automaton in conditions.items():
        keeps &= automaton.accepts(choices[:, codec.spans[column]])
    assert 0 < keeps.sum() < len(choices)
    conditional = np.where(keeps, shares, 0) / shares[keeps].sum()
    made = LmSampler(loaded("torch", kind), codec).sample(
        ROWS, list(order), np.random.default_rng(2), conditions=conditions
    )
    assert_like(made, choices, conditional)
    # Forbidding turn after turn is something else: the first column would keep its unconditional shares.
    first = choices[:, codec.spans[0]]
    same = [tuple(row) for row in first.tolist()]
    for key in set(same):
        alike = [other == key for other in same]
        if abs(shares[alike].sum() - conditional[alike].sum()) > 0.02:
            break
    else:
        pytest.fail("the case does not tell the two apart")


@both_kinds
def test_completed_rows_keep_what_is_known_and_have_the_conditional_of_the_rest(kind):
    codec, _ = small()
    choices, shares = every_row(kind, (0, 2, 1))
    one = choices[17]
    rows = np.tile(one, (ROWS // 4, 1))
    made = complete_pattern(
        LmSampler(loaded("torch", kind), codec), codec, rows, np.array([1]), np.random.default_rng(3)
    )
    known = np.concatenate([np.arange(codec.width)[codec.spans[column]] for column in (0, 2)])
    assert (made[:, known] == one[known]).all()
    alike = (choices[:, known] == one[known]).all(axis=1)
    present = codec.present(1)
    if present is not None:
        alike &= present.accepts(choices[:, codec.spans[1]])
    assert_like(made, choices, np.where(alike, shares, 0) / shares[alike].sum())


@both_kinds
def test_rows_are_scored_with_the_probability_that_the_whole_model_gives_them(kind):
    codec, schema = small()
    scorer = LmScorer(codec, loaded("torch", kind))
    side, size, flag = "side", "size", "open"
    for order, given in (((0, 1, 2), []), ((2, 0, 1), [codec.names[2]])):
        choices, shares = every_row(kind, order)
        parts = zip(codec.cells.items(), codec.spans, strict=True)
        arrays = {name: cell.decode(choices[:, span]) for (name, cell), span in parts}
        spans = {size: span_of(arrays[size], schema[size])}
        scored = [name for name in codec.names if name not in given]
        logs = sum(scorer.log_probs(Query(arrays, spans, given, scored), lambda _: None).values())
        if given:  # divided by the probability of what is given
            flags = pd.Series(shares).groupby(arrays[given[0]], dropna=False).transform("sum")
            shares = shares / flags.to_numpy()
        assert logs == pytest.approx(np.log(shares), abs=1e-3)
    beyond = {side: np.zeros(1, np.int32), size: np.array([40.0]), flag: np.zeros(1, np.int32)}
    found = scorer.log_probs(
        Query(beyond, {size: span_of(beyond[size], schema[size])}, [], codec.names), lambda _: None
    )
    assert np.isneginf(found[size]).all()
    assert np.isfinite(found[side]).all()


def test_a_row_of_which_nothing_is_known_is_drawn_without_holes():
    codec, _ = small()
    rows = codec.encode({"side": np.zeros(50, np.int32), "size": np.full(50, 3.0), "open": np.full(50, -1, np.int32)})
    made = complete_pattern(
        LmSampler(loaded("torch", "gpt2"), codec), codec, rows, np.arange(3), np.random.default_rng(0)
    )
    place = codec.names.index("open")
    assert codec.present(place).accepts(made[:, codec.spans[place]]).all()


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("most", [1, 16, 300])
def test_n_rows_asked_are_n_valid_rows_given(rows, most):
    codec, _ = small()
    sampler = LmSampler(loaded("torch", "gpt2"), codec, most_rows=most)
    done = []
    made = sampler.sample(rows, [0, 1, 2], np.random.default_rng(0), advance=done.append)
    assert made.shape == (rows, codec.width)
    assert sum(done) == rows
    for column, automaton in enumerate(codec.automata):
        assert automaton.accepts(made[:, codec.spans[column]]).all()


def test_the_same_seed_gives_the_same_rows_and_another_one_others():
    codec, _ = small()
    first, again, other = (
        LmSampler(loaded("torch", "gpt2"), codec).sample(200, [0, 1, 2], np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_the_likeliest_alone_where_that_is_asked_for():
    codec, _ = small()
    engine = loaded("torch", "gpt2")
    try:
        made = []
        for filter in (Filter(top_k=1), Filter(temperature=1e-4), Filter(top_p=1e-6)):
            engine.filter = filter
            made.append(LmSampler(engine, codec).sample(60, [0, 1, 2], np.random.default_rng(0)))
        assert all((rows == made[0][0]).all() for rows in made)
    finally:
        engine.filter = Filter()


@pytest.mark.parametrize(("name", "value"), [("temperature", 0), ("top_k", -1), ("top_p", 0), ("top_p", 1.5)])
def test_filters_out_of_range_are_refused(name, value):
    with pytest.raises(UsageError, match=name):
        Filter(**{name: value})


def test_blocks_are_as_large_as_their_keys_and_values_fit_into_memory():
    engine = loaded("torch", "gpt2")
    each = 2 * engine.shape.layers * engine.shape.width * 4 * 50
    assert engine.free_memory() is None
    assert block_rows(engine, 50) == rows_within(each, None) == 1024
    assert rows_within((2 << 30) // 100, None) == 100
    assert rows_within(2 << 30, None) == 16


def test_blocks_on_a_gpu_are_chosen_by_its_free_memory_and_stay_the_same_when_that_changes_a_little():
    assert rows_within(1 << 20, 10 << 30) == 2048
    assert {rows_within(1 << 20, free << 20) for free in range(10_400, 20_000, 100)} == {2048}
    assert rows_within(1 << 20, 1 << 40) == 4096
    assert rows_within(1 << 20, 0) == 16


def test_values_of_several_tokens_are_counted():
    codec, _ = small()
    for automaton in codec.automata:
        own = paths(automaton)
        assert _open_values(automaton) == ((own >= 0).sum(axis=1) > 1).sum()


def test_level_masks_hold_what_can_stand_at_each_level():
    codec, _ = small()
    masks = level_masks(codec, codec.used)
    assert masks.shape == (codec.width, len(codec.used))
    assert masks.sum() == sum(automaton.choices for automaton in codec.automata)
