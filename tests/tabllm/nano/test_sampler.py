"""Sampling by the tree gives the model's own distribution, with and without conditions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tabllm.decoding.draws import WINDOW, latin_uniforms
from tabllm.decoding.orders import order_with_first
from tabllm.nano import sampler as sampler_module
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines import torch_engine
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.sampler import Sampler

SIZES = (3, 2, 4)
ROWS = 60_000


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    config = NanoConfig(SIZES, width=16, layers=1, heads=2)
    weights = initial_weights(config, np.zeros(config.vocabulary), seed=0)
    rng = np.random.default_rng(0)
    return TorchEngine(
        config, {name: (value + rng.normal(0, 0.6, value.shape)).astype(np.float32) for name, value in weights.items()}
    )


@pytest.fixture(params=["as it is", "tiny parts", "blocks at once"])
def parts(request, monkeypatch) -> None:
    """Every way through the walk: long tree, branches that must be split, blocks from the start."""
    if request.param == "tiny parts":
        monkeypatch.setattr(sampler_module, "MAX_NODES", 2)
        monkeypatch.setattr(sampler_module, "MAX_FIELDS", 700 * len(SIZES))  # 700 rows in a block
        monkeypatch.setattr(sampler_module, "MIN_ROWS_PER_NODE", 900.0)
    if request.param == "blocks at once":
        monkeypatch.setattr(sampler_module, "MIN_ROWS_PER_NODE", 1e9)


def joint(engine: TorchEngine, order: list[int]) -> np.ndarray:
    """The model's distribution over all rows, by brute force: float64[SIZES]."""
    cells = np.array(list(itertools.product(*(range(SIZES[field]) for field in order))), np.int32)
    share = np.ones(len(cells))
    for step, field in enumerate(order):
        hidden = engine.append(engine.new_cache(len(cells)), cells[:, :step], order, 0)
        share *= engine.probabilities(hidden, field)[np.arange(len(cells)), cells[:, step]]
    result = np.zeros(SIZES)
    for cell, mass in zip(cells, share, strict=True):
        result[tuple(cell[order.index(field)] for field in range(len(SIZES)))] = mass
    assert result.sum() == pytest.approx(1, abs=1e-5)
    return result


def frequencies(rows: np.ndarray) -> np.ndarray:
    counts = np.zeros(SIZES)
    np.add.at(counts, tuple(rows.T), 1)
    return counts / len(rows)


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """Each cell within 4.5 standard errors of independent draws."""
    error = np.sqrt(expected * (1 - expected) / ROWS) + 1e-5
    assert (np.abs(found - expected) < 4.5 * error).all()


def test_unconditioned_rows_follow_the_model(engine, parts):
    rows = Sampler(engine, [-1] * 3).sample(ROWS, [0, 1, 2], np.random.default_rng(1))
    same(frequencies(rows), joint(engine, [0, 1, 2]))


def test_draws_in_bfloat16_follow_the_model_too(engine, parts, monkeypatch):
    monkeypatch.setattr(torch_engine, "product_type", lambda device: torch.bfloat16)
    monkeypatch.setattr(torch_engine, "MIN_WIDTH_LOW", 16)
    low = TorchEngine(engine.config, engine.numpy_weights())
    rows = Sampler(low, [-1] * 3).sample(ROWS, range(3), np.random.default_rng(0))
    assert low.new_cache(1, drawing=True).keys.dtype == torch.bfloat16
    assert low.round_rows > 1
    # These weights give logits far apart; of a fitted model probabilities are ten times as near.
    np.testing.assert_allclose(frequencies(rows), joint(engine, [0, 1, 2]), atol=0.01)


def test_the_first_field_lies_closer_to_the_model_than_independent_draws_would(engine):
    rows = Sampler(engine, [-1] * 3).sample(ROWS, [0, 1, 2], np.random.default_rng(1))
    expected = joint(engine, [0, 1, 2]).sum(axis=(1, 2))
    assert np.abs(frequencies(rows).sum(axis=(1, 2)) - expected).max() < 0.1 * np.sqrt(0.25 / ROWS)


def test_conditions_on_several_fields_give_the_exact_conditional(engine, parts):
    keep = {1: np.array([0.0, 1.0], np.float32), 2: np.array([1.0, 0.0, 1.0, 0.5], np.float32)}
    order = order_with_first([1, 2], 3)
    rows = Sampler(engine, [-1] * 3).sample(ROWS, order, np.random.default_rng(2), weights=keep, conditioned=2)
    expected = joint(engine, order) * keep[1][None, :, None] * keep[2][None, None, :]
    same(frequencies(rows), expected / expected.sum())


def test_thinning_the_conditioned_prefixes_is_unbiased(engine, monkeypatch):
    monkeypatch.setattr(sampler_module, "MAX_CONDITIONED", 4)
    keep = {0: np.ones(3, np.float32), 2: np.array([1.0, 1.0, 1.0, 0.0], np.float32)}
    order = order_with_first([0, 2], 3)
    walk = Sampler(engine, [-1] * 3)
    found = np.mean(
        [
            frequencies(walk.sample(600, order, np.random.default_rng(seed), weights=keep, conditioned=2))
            for seed in range(200)
        ],
        axis=0,
    )
    expected = joint(engine, order) * keep[2]
    assert np.abs(found - expected / expected.sum()).max() < 0.02


def test_the_second_half_of_a_value_keeps_to_its_first_half(engine, parts):
    pairs = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)  # allowed (field 0, field 2)
    keep = {0: np.ones(3, np.float32), 2: pairs}
    order = [0, 2, 1]
    rows = Sampler(engine, [-1, -1, 0]).sample(ROWS, order, np.random.default_rng(3), weights=keep, conditioned=2)
    expected = joint(engine, order) * pairs[:, None, :]
    same(frequencies(rows), expected / expected.sum())


def test_rows_that_are_left_out_on_the_way_leave_the_exact_conditional(engine, parts):
    pairs = np.array([[1, 0, 0, 1], [0, 0.5, 0, 0], [0, 0, 1, 0]], np.float32)
    keep = {1: np.array([0.3, 1.0]), 2: pairs}
    made = Sampler(engine, [-1, -1, 0]).sample_rows(ROWS, [0, 1, 2], np.random.default_rng(5), keep=keep)
    expected = joint(engine, [0, 1, 2]) * keep[1][:, None] * pairs[:, None, :]
    assert len(made.tokens) == pytest.approx(ROWS * expected.sum(), rel=0.03)
    found, share = frequencies(made.tokens), expected / expected.sum()
    error = np.sqrt(share * (1 - share) / len(made.tokens)) + 1e-5
    assert (np.abs(found - share) < 4.5 * error).all()


@pytest.mark.parametrize("conditioned", [0, 1])
def test_rows_come_with_the_logarithm_of_their_probability(engine, parts, conditioned):
    order = [1, 2, 0]
    weights = {1: np.array([0.3, 1.0], np.float32), 0: np.array([1.0, 0.0, 1.0], np.float32)}
    made = Sampler(engine, [-1] * 3).sample_rows(
        900, order, np.random.default_rng(6), weights=weights, conditioned=conditioned
    )
    kept = joint(engine, order) * weights[0][:, None, None]
    last = joint(engine, order).sum(axis=0) / kept.sum(axis=0)  # field 0 is drawn under factors, which sum to less
    first = weights[1] if conditioned else weights[1] / (joint(engine, order).sum(axis=(0, 2)) @ weights[1])
    expected = np.log((kept * last * first[:, None])[tuple(made.tokens.T)])
    np.testing.assert_allclose(made.logs, expected, atol=1e-4)


def test_rows_are_completed_from_what_is_given(engine):
    given = np.tile(np.array([[1, 2]], np.int32), (ROWS, 1))
    order = [1, 2, 0]
    rows = Sampler(engine, [-1] * 3).complete(given, order, np.random.default_rng(4)).tokens
    assert (rows[:, 1:] == [1, 2]).all()
    expected = joint(engine, order)[:, 1, 2]
    same(frequencies(rows)[:, 1, 2], expected / expected.sum())


def test_rows_that_share_what_is_given_but_for_its_last_field_are_completed_likewise(engine):
    given = np.stack([np.ones(ROWS, np.int32), np.arange(ROWS, dtype=np.int32) % SIZES[2]], axis=1)
    rows = Sampler(engine, [-1] * 3).complete(given, [1, 2, 0], np.random.default_rng(4), shared=True).tokens
    assert (rows[:, 1:] == given).all()
    expected = joint(engine, [1, 2, 0])[:, 1]
    same(frequencies(rows)[:, 1], expected / expected.sum(axis=0) / SIZES[2])


@pytest.mark.parametrize("rows", [1, 2, 257, 5000])
def test_as_many_rows_come_as_were_asked_for_and_are_reported(engine, rows):
    told = []
    made = Sampler(engine, [-1] * 3).sample(rows, [0, 1, 2], np.random.default_rng(0), advance=told.append)
    assert made.shape == (rows, 3)
    assert sum(told) == rows
    assert (made >= 0).all()
    assert (made < SIZES).all()


def test_uniforms_are_a_latin_hypercube_in_each_window():
    uniforms = latin_uniforms(2 * WINDOW + 10, 3, np.random.default_rng(0))
    assert uniforms.shape == (3, 2 * WINDOW + 10)
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    for start, size in ((0, WINDOW), (WINDOW, WINDOW), (2 * WINDOW, 10)):
        strata = np.floor(uniforms[:, start : start + size] * size + 1e-4).astype(int)
        assert (np.sort(strata, axis=1) == np.arange(size)).mean() > 0.98  # rounding may move one over an edge


def test_prefixes_that_are_split_two_by_two_and_blocks_of_three_rows_give_the_same_distribution(engine, monkeypatch):
    monkeypatch.setattr(sampler_module, "MAX_NODES", 2)
    monkeypatch.setattr(sampler_module, "BLOCK_ROWS", 3)
    keep = {1: np.array([0.3, 1.0], np.float32), 2: np.array([1.0, 0.0, 1.0, 0.5], np.float32)}
    order = order_with_first([1, 2], 3)
    expected = {False: joint(engine, [0, 1, 2]), True: joint(engine, order) * keep[1][:, None] * keep[2]}
    for conditioned in (False, True):
        found = np.zeros(SIZES)
        for seed in range(12):
            monkeypatch.setattr(sampler_module, "MIN_ROWS_PER_NODE", [1.3, 20.0, 1e9][seed % 3])
            settings = {"weights": keep, "conditioned": 2} if conditioned else {}
            way = order if conditioned else [0, 1, 2]
            rows = Sampler(engine, [-1] * 3).sample(150, way, np.random.default_rng(seed), **settings)
            assert rows.shape == (150, 3)
            found += frequencies(rows) / 12
        share = expected[conditioned] / expected[conditioned].sum()
        error = np.sqrt(share * (1 - share) / (12 * 150)) + 1e-3
        assert (np.abs(found - share) < 4.5 * error).all()


@pytest.mark.parametrize("rows", [1, 2, 1000])
@pytest.mark.parametrize("conditioned", [0, 1, 3])
def test_exactly_as_many_rows_come_under_any_number_of_conditions(engine, parts, rows, conditioned):
    keep = {f: np.ones(SIZES[f], np.float32) for f in range(conditioned)}
    told = []
    made = Sampler(engine, [-1] * 3).sample(
        rows, [0, 1, 2], np.random.default_rng(0), weights=keep, conditioned=conditioned, advance=told.append
    )
    assert made.shape == (rows, 3)
    assert sum(told) == rows
    assert (made.max(axis=0) < SIZES).all()


def test_single_rows_drawn_one_at_a_time_follow_the_model_too(engine):
    walk = Sampler(engine, [-1] * 3)
    keep = {1: np.array([0.0, 1.0], np.float32)}
    drawn = [
        walk.sample(1, [1, 0, 2], np.random.default_rng(seed), weights=keep, conditioned=1) for seed in range(1500)
    ]
    expected = joint(engine, [1, 0, 2]) * keep[1][:, None]
    share = expected / expected.sum()
    error = np.sqrt(share * (1 - share) / 1500) + 1e-3
    assert (np.abs(frequencies(np.concatenate(drawn)) - share) < 4.5 * error).all()


def test_a_condition_on_the_first_half_of_a_value_alone_leaves_the_second_to_the_model(engine, parts):
    keep = {0: np.array([0.0, 1.0, 1.0], np.float32)}
    rows = Sampler(engine, [-1, -1, 0]).sample(ROWS, [0, 2, 1], np.random.default_rng(3), weights=keep, conditioned=1)
    expected = joint(engine, [0, 2, 1]) * keep[0][:, None, None]
    same(frequencies(rows), expected / expected.sum())


def test_factors_on_fields_that_are_not_conditioned_hold_one_field_after_the_other(engine, parts):
    pairs = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)
    rows = Sampler(engine, [-1, -1, 0]).sample(ROWS, [1, 0, 2], np.random.default_rng(5), weights={2: pairs})
    expected = joint(engine, [1, 0, 2])
    allowed = expected * pairs[:, None, :]
    shares = expected.sum(axis=2, keepdims=True) * allowed / allowed.sum(axis=2, keepdims=True)
    same(frequencies(rows), shares)


def test_the_same_seed_draws_the_same_rows_and_another_seed_others(engine, parts):
    walk = Sampler(engine, [-1] * 3)
    first, again, other = (walk.sample(800, [0, 1, 2], np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("known", [0, 2])
def test_any_number_of_threads_draws_the_same_rows_and_leaves_torch_as_it_was(engine, monkeypatch, known):
    monkeypatch.setattr(sampler_module, "BLOCK_ROWS", 50)
    monkeypatch.setattr(sampler_module, "MIN_ROWS_PER_NODE", 1e9)
    given = np.random.default_rng(1).integers(0, 2, (700, 2)).astype(np.int32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            sampler, rng = Sampler(engine, [-1, -1, -1]), np.random.default_rng(4)
            found.append(
                sampler.complete(given, [0, 1, 2], rng).tokens if known else sampler.sample(700, [0, 1, 2], rng)
            )
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(found[0]) == 700
    np.testing.assert_array_equal(*found)


def test_an_allowed_token_comes_even_where_the_model_gives_it_no_probability(engine):
    weights = {**engine.numpy_weights()}
    weights["head.bias"] = weights["head.bias"].copy()
    weights["head.bias"][3] = -400.0  # the first token of field 1
    sure = TorchEngine(engine.config, weights)
    keep = {1: np.array([1.0, 0.0], np.float32)}
    for conditioned, order in ((1, [1, 0, 2]), (0, [0, 1, 2])):
        made = Sampler(sure, [-1] * 3).sample(
            500, order, np.random.default_rng(0), weights=keep, conditioned=conditioned
        )
        assert (made[:, 1] == 0).all()


def test_rows_with_different_known_fields_are_completed_each_by_its_own(engine, monkeypatch):
    monkeypatch.setattr(sampler_module, "BLOCK_ROWS", 7000)
    order = [2, 0, 1]
    given = np.random.default_rng(1).integers(0, 4, (ROWS, 1)).astype(np.int32)
    rows = Sampler(engine, [-1] * 3).complete(given, order, np.random.default_rng(4)).tokens
    np.testing.assert_array_equal(rows[:, 2], given[:, 0])
    expected = joint(engine, order)
    share = expected / expected.sum(axis=(0, 1)) * np.bincount(given[:, 0], minlength=4) / ROWS
    same(frequencies(rows), share)


def test_the_second_half_is_completed_under_the_first_that_is_known(engine):
    pairs = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)
    given = np.random.default_rng(1).integers(0, 3, (3000, 1)).astype(np.int32)
    rows = Sampler(engine, [-1, -1, 0]).complete(given, [0, 1, 2], np.random.default_rng(4), weights={2: pairs}).tokens
    assert (pairs[rows[:, 0], rows[:, 2]] == 1).all()
    assert set(rows[rows[:, 0] == 0, 2].tolist()) == {0, 3}


def test_untrained_weights_give_valid_rows_near_the_marginals_they_start_from():
    config = NanoConfig(SIZES, width=32, layers=2, heads=4)
    shares = [np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.5]), np.array([0.1, 0.2, 0.3, 0.4])]
    engine = TorchEngine(config, initial_weights(config, np.log(np.concatenate(shares)), seed=3))
    rows = Sampler(engine, [-1] * 3).sample(20_000, [0, 1, 2], np.random.default_rng(0))
    for field, share in enumerate(shares):
        assert np.bincount(rows[:, field], minlength=SIZES[field]) / 20_000 == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_appending_at_once_gives_the_same_as_step_by_step_and_as_training_sees_it(engine, order):
    rows = np.array(list(itertools.product(*map(range, SIZES))), np.int32)
    tokens = rows[:, order]
    steps = engine.new_cache(len(rows))
    likelihood = np.zeros((len(rows), 3))
    for step, field in enumerate(order):
        last = engine.append(steps, tokens[:, step - 1 : step] if step else tokens[:, :0], order, step)
        whole = engine.append(engine.new_cache(len(rows)), tokens[:, :step], order, 0)
        found = [engine.probabilities(hidden, field) for hidden in (last, whole)]
        np.testing.assert_allclose(*found, atol=1e-5)
        likelihood[:, field] = np.log(found[0][np.arange(len(rows)), rows[:, field]])
    twin = TorchEngine(engine.config, engine.numpy_weights())
    twin.start_training(weight_decay=0.0, average=0.5, state=None)
    losses = twin.losses(rows.astype(np.int64), np.tile(order, (len(rows), 1)))[0]
    np.testing.assert_allclose(losses, -likelihood.mean(axis=0), atol=1e-4)


def test_gathering_repeats_drops_and_reorders_rows(engine):
    order, index = [1, 2, 0], np.array([3, 3, 0, 2])
    tokens = np.array([[0, 0], [1, 1], [0, 2], [1, 3]], np.int32)
    cache = engine.new_cache(4)
    engine.append(cache, tokens[:, :1], order, 0)
    moved = engine.append(engine.gather(cache, index, 2), tokens[index, 1:], order, 2)
    direct = engine.append(engine.new_cache(4), tokens[index], order, 0)
    np.testing.assert_allclose(engine.probabilities(moved, 0), engine.probabilities(direct, 0), atol=1e-5)


@pytest.mark.parametrize("rows", [1, 5, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW + 77])
def test_uniforms_of_any_number_of_rows_lie_below_one_and_one_in_each_stratum(rows):
    uniforms = latin_uniforms(rows, 4, np.random.default_rng(rows))
    assert uniforms.shape == (4, rows)
    assert uniforms.dtype == np.float32
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    for start in range(0, rows, WINDOW):
        part = np.sort(uniforms[:, start : start + WINDOW].astype(np.float64), axis=1)
        size = part.shape[1]
        assert (part >= np.arange(size) / size - 1e-6).all()
        assert (part <= np.arange(1, size + 1) / size + 1e-6).all()


def test_uniforms_of_different_fields_are_independent():
    uniforms = latin_uniforms(20_000, 3, np.random.default_rng(0))
    assert np.abs(np.corrcoef(uniforms) - np.eye(3)).max() < 0.03
    assert np.abs(np.corrcoef(uniforms[0, :-1], uniforms[0, 1:])[0, 1]) < 0.03
