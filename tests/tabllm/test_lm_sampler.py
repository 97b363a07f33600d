"""Rows come from the model's own distribution: held against transformers' logits for every row there can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tabllm.lm import sampler as sampler_module
from tabllm.lm.automaton import DONE
from tabllm.lm.batches import BatchMaker
from tabllm.lm.engine import Filter
from tabllm.lm.sampler import LmSampler, block_rows
from tabllm.nano.orders import order_with_first
from tabular.conditions import parse_where
from tabular.errors import UsageError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent))
    from lm_fixtures import assert_drawn_from, counted, every_row, joint, small_codec, step_shares
    from lm_models import both_kinds, engine_of, folder_of, full_logits, loaded
    from lm_text import row_ids

ROWS = 20_000
ORDER = [0, 1, 2]
both_merges = pytest.mark.parametrize("merge", [True, False], ids=["merged", "row by row"])


@pytest.fixture
def draw():
    """``draw("gpt2", rows, ...)``: counts of :func:`every_row`."""

    def make(kind, rows=ROWS, *, order=ORDER, where=None, merge=True, filter=None, seed=1, form="csv", **options):
        engine, codec = loaded("torch", kind), small_codec(form)
        engine.filter = filter or Filter()
        conditions = codec.conditions(parse_where(where, codec.schema))
        walk = LmSampler(engine, codec, merge=merge, **options)
        made = walk.sample(rows, order, np.random.default_rng(seed), conditions=conditions)
        engine.filter = Filter()
        return counted(made, form)

    return make


def kept(where, form="csv") -> np.ndarray:
    """bool: which of :func:`every_row` keep to conditions, found in their decoded values."""
    codec, rows = small_codec(form), every_row(form)
    arrays = codec.decode(rows, np.random.default_rng(0), start=0, seed=0, allowed={})
    allowed = parse_where(where, codec.schema)
    return np.logical_and.reduce([condition.contains(arrays[name]) for name, condition in allowed.items()])


# -- without conditions -----------------------------------------------------------------------------------------------
@both_kinds
@both_merges
def test_rows_follow_the_model(draw, kind, merge):
    assert_drawn_from(draw(kind, merge=merge), joint(folder_of(kind), "csv", ORDER))


@pytest.mark.parametrize("form", ["compact", "great"])
@both_merges
def test_rows_follow_the_model_however_they_are_written(draw, form, merge):
    assert_drawn_from(draw("gpt2", merge=merge, form=form), joint(folder_of("gpt2"), form, ORDER))


@both_kinds
@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_rows_follow_the_model_in_any_order_of_columns(draw, kind, order):
    assert_drawn_from(draw(kind, order=order), joint(folder_of(kind), "csv", order))


@pytest.mark.parametrize("per_node", [0.0, 300.0])
def test_a_tree_to_the_end_and_blocks_after_few_columns_give_the_same_distribution(draw, monkeypatch, per_node):
    monkeypatch.setattr(sampler_module, "MIN_ROWS_PER_NODE", per_node)
    assert_drawn_from(draw("gpt2", most_rows=90), joint(folder_of("gpt2"), "csv", ORDER))


def test_the_test_can_tell_two_distributions_apart(draw):
    with pytest.raises(AssertionError):
        assert_drawn_from(draw("gpt2"), joint(folder_of("llama"), "csv", ORDER))
    greedy = np.where(kept("number >= 20"), joint(folder_of("gpt2"), "csv", ORDER), 0)
    with pytest.raises(AssertionError):
        assert_drawn_from(draw("gpt2"), greedy / greedy.sum())


# -- with conditions --------------------------------------------------------------------------------------------------
CONDITIONS = ["side = northern", "number >= 12", ["number >= 9", "number <= 20", "coin = tails"], "number is missing"]


@both_kinds
@pytest.mark.parametrize("where", CONDITIONS, ids=str)
def test_conditions_give_the_models_own_conditional_distribution(draw, kind, where):
    keep = kept(where)
    assert 0 < keep.mean() < 1
    shares = np.where(keep, joint(folder_of(kind), "csv", ORDER), 0)
    for merge in (True, False):
        assert_drawn_from(draw(kind, where=where, merge=merge), shares / shares.sum())


@both_kinds
def test_columns_before_a_condition_follow_it_too(draw, kind):
    """Not each column by itself, as if the condition came as a surprise."""
    keep, steps = kept("number >= 20"), step_shares(folder_of(kind), "csv", tuple(ORDER))
    exact = np.where(keep, joint(folder_of(kind), "csv", ORDER), 0)
    exact /= exact.sum()
    number = steps[:, 2] * keep
    prefix = np.unique(every_row()[:, : small_codec().spans[2].start], axis=0, return_inverse=True)[1].ravel()
    greedy = steps[:, 0] * steps[:, 1] * number / np.bincount(prefix, number)[prefix]
    assert np.abs(exact - greedy).sum() / 2 > 0.04
    counts = draw(kind, where="number >= 20")
    assert_drawn_from(counts, exact)
    with pytest.raises(AssertionError):
        assert_drawn_from(counts, greedy)


def test_conditioned_columns_may_come_first(draw):
    where = ["number >= 12", "side in [north, south]"]
    codec = small_codec()
    order = order_with_first(list(codec.conditions(parse_where(where, codec.schema))), 3)
    assert order[0] != 0
    shares = np.where(kept(where), joint(folder_of("gpt2"), "csv", order), 0)
    assert_drawn_from(draw("gpt2", order=order, where=where), shares / shares.sum())


def test_thinning_the_conditioned_beginnings_is_unbiased(draw, monkeypatch):
    monkeypatch.setattr(sampler_module, "MAX_CONDITIONED", 12)
    shares = np.where(kept("number >= 8"), joint(folder_of("gpt2"), "csv", ORDER), 0)
    counts = sum(draw("gpt2", 24, where="number >= 8", seed=seed) for seed in range(200))
    found, wanted = counts / counts.sum(), shares / shares.sum()
    assert (np.abs(found - wanted) < 4.5 * np.sqrt(wanted / (12 * 200)) + 1e-3).all()


# -- how many, and which ----------------------------------------------------------------------------------------------
@both_merges
@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_as_many_rows_come_as_were_asked_for_and_the_same_seed_gives_the_same(rows, merge):
    codec, told = small_codec(), []
    for where in (None, "number >= 20"):
        conditions = codec.conditions(parse_where(where, codec.schema))
        made = [
            LmSampler(loaded("torch", "gpt2"), codec, merge=merge, most_rows=33).sample(
                rows, ORDER, np.random.default_rng(seed), conditions=conditions, advance=told.append
            )
            for seed in (3, 3, 4)
        ]
        assert [len(part) for part in made] == [rows] * 3
        assert sum(told) == 3 * rows
        told.clear()
        assert (made[0] == made[1]).all()
        assert rows < 7 or (made[0] != made[2]).any()


@pytest.mark.parametrize("form", ["compact", "great", "csv"])
@both_kinds
def test_weights_drawn_at_random_give_rows_that_can_be(form, kind):
    engine, codec = engine_of("torch", folder_of(kind), random=5), small_codec(form)
    rows = LmSampler(engine, codec, most_rows=50).sample(300, [1, 0, 2], np.random.default_rng(0))
    for automaton, span in zip(codec.automata, codec.spans, strict=True):
        assert automaton.accepts(rows[:, span]).all()
    values = codec.decode(rows, np.random.default_rng(0), start=0, seed=0, allowed={})["number"]
    assert ((values >= 7) & (values <= 23) | np.isnan(values)).all()


def test_blocks_are_as_large_as_memory_allows():
    engine = loaded("torch", "gpt2")
    each = engine.shape.cache_bytes(4) * 10
    assert block_rows(engine, 10, budget=100 * each) == 100
    assert block_rows(engine, 10, budget=1) == sampler_module.FEWEST_ROWS
    assert block_rows(engine, 10) == sampler_module.MOST_ROWS


# -- unequal lengths --------------------------------------------------------------------------------------------------
@both_kinds
def test_rows_of_unequal_length_get_the_hidden_states_that_they_get_alone(kind):
    """Each row goes through the cache column by column, as in a block, and a full forward is the truth."""
    import torch

    engine, codec = loaded("torch", kind), small_codec()
    rows = every_row()[np.random.default_rng(0).permutation(len(every_row()))[:40]]
    assert len({len(row_ids(codec, row)) for row in rows}) > 2
    cache = engine.new_cache(len(rows), 40)
    done: list[list[int]] = [[] for _ in rows]

    def check(hidden, index) -> None:
        for place, row in enumerate(index):
            alone = engine.model.base_model(torch.tensor([done[row]])).last_hidden_state[0, -1]
            assert float((hidden[place] - alone).detach().abs().max()) < 1e-4

    before = None
    for column in ORDER:
        lead = codec.lead(column, before)
        hidden = engine.append(cache, np.tile(lead, (len(rows), 1)))
        done = [ids + lead for ids in done]
        check(hidden, range(len(rows)))
        levels, before = codec.automata[column].levels, column
        for level, choice in zip(levels, rows[:, codec.spans[column]].T, strict=True):
            on = np.flatnonzero(choice >= 0)
            if not len(on):
                break
            tokens = level.tokens[choice[on]]
            hidden = engine.append(cache, tokens[:, None], rows=on if len(on) < len(rows) else None)
            for row, token in zip(on, tokens, strict=True):
                done[row] = [*done[row], int(token)]
            check(hidden, on)
    assert done == [row_ids(codec, row) for row in rows]


# -- sharper distributions --------------------------------------------------------------------------------------------
def test_one_likeliest_token_is_the_greedy_row(draw):
    codec = small_codec()
    ids: list[int] = []
    before = None
    for column in ORDER:
        ids += codec.lead(column, before)
        before, state = column, 0
        for level in codec.automata[column].levels:
            logits = full_logits(folder_of("gpt2"), [ids])[0][-1, level.tokens]
            choice = int(np.where(level.known[state], logits, -np.inf).argmax())
            ids.append(int(level.tokens[choice]))
            state = level.step[state, choice]
            if state == DONE:
                break
    for filter in (Filter(top_k=1), Filter(temperature=1e-3), Filter(top_p=1e-6)):
        for merge in (True, False):
            counts = draw("gpt2", 50, filter=filter, merge=merge)
            assert counts.max() == 50
            assert row_ids(codec, every_row()[counts.argmax()]) == ids


@pytest.mark.parametrize(
    "filter", [Filter(top_p=0.6), Filter(top_k=2), Filter(temperature=2.0), Filter(0.5, 3, 0.9)], ids=str
)
def test_a_sharpened_distribution_is_drawn_from_exactly(draw, filter):
    """Brute force once more, from the engine's own probabilities, token by token."""
    shares = sharpened(filter)
    for merge in (True, False):
        assert_drawn_from(draw("gpt2", filter=filter, merge=merge), shares)


def sharpened(filter: Filter) -> np.ndarray:
    """float64[rows]: the probability of each row where each step's logits are sharpened, in plain numpy."""
    codec, rows = small_codec(), every_row()
    written = [row_ids(codec, row) for row in rows]
    shares = np.ones(len(rows))
    for number, (row, logits) in enumerate(zip(rows, full_logits(folder_of("gpt2"), written), strict=True)):
        place, before = 0, None
        for column in ORDER:
            place += len(codec.lead(column, before))
            before, state = column, 0
            for level, choice in zip(codec.automata[column].levels, row[codec.spans[column]], strict=True):
                if choice < 0:
                    break
                allowed = np.where(level.known[state], logits[place - 1, level.tokens] / filter.temperature, -np.inf)
                share = np.exp(allowed - allowed.max())
                order = np.argsort(-share)
                sums = np.cumsum(share[order] / share.sum())
                keep = np.concatenate([[True], sums[:-1] < filter.top_p]) | (filter.top_p == 1)
                keep &= np.arange(len(keep)) < (filter.top_k or len(keep))
                share[order[~keep]] = 0
                shares[number] *= share[choice] / share.sum()
                state, place = level.step[state, choice], place + 1
    assert shares.sum() == pytest.approx(1, abs=1e-4)
    return shares / shares.sum()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"temperature": 0}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_p": float("nan")}, "top_p"),
    ],
)
def test_what_cannot_be_a_filter_is_refused(setting, named):
    with pytest.raises(UsageError, match=named):
        Filter(**setting)


# -- rows that are known in part --------------------------------------------------------------------------------------
@both_kinds
@pytest.mark.parametrize("given", [[0], [2], [0, 2], [1, 2]], ids=str)
def test_the_rest_of_a_row_is_drawn_given_what_is_known(kind, given):
    codec, rows = small_codec(), every_row()
    order = order_with_first(given, 3)
    known = np.concatenate([np.arange(codec.width)[codec.spans[column]] for column in given])
    several = np.unique(rows[:, known], axis=0)
    several = several[np.linspace(0, len(several) - 1, 4).astype(int)] if len(several) > 4 else several
    record = np.full((len(several), codec.width), -1, np.int32)
    record[:, known] = several
    record = np.random.default_rng(0).permutation(np.repeat(record, 2500, axis=0))
    batch = BatchMaker(codec).make(record, np.tile(given, (len(record), 1)))
    assert kind != "gpt2" or given != [2] or len(set(batch.lengths)) > 1
    walk = LmSampler(loaded("torch", kind), codec)
    made = walk.complete(batch.ids, batch.lengths - 1, record, len(given), order, np.random.default_rng(1))
    assert (made[:, known] == record[:, known]).all()
    shares = joint(folder_of(kind), "csv", order)
    for part in several:
        wanted = np.where((rows[:, known] == part).all(axis=1), shares, 0)
        assert_drawn_from(counted(made[(made[:, known] == part).all(axis=1)]), wanted / wanted.sum())
