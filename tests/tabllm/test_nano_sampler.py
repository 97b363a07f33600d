"""Sampling by the tree gives the model's own distribution, with and without conditions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tabllm.nano import sampler as sampler_module
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.orders import order_with_first
from tabllm.nano.sampler import WINDOW, Sampler, latin_uniforms
from tabllm.nano.torch_engine import TorchEngine

SIZES = (3, 2, 4)
ROWS = 60_000


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    config = NanoConfig(SIZES, width=16, layers=1, heads=2)
    ranks = np.full(config.vocabulary, np.nan, np.float32)
    weights = initial_weights(config, np.zeros(config.vocabulary), ranks, seed=0)
    rng = np.random.default_rng(0)
    return TorchEngine(
        config, {name: (value + rng.normal(0, 0.6, value.shape)).astype(np.float32) for name, value in weights.items()}
    )


@pytest.fixture(params=["as it is", "tiny parts", "blocks at once"])
def parts(request, monkeypatch) -> None:
    """Every way through the walk: long tree, branches that must be split, blocks from the start."""
    if request.param == "tiny parts":
        monkeypatch.setattr(sampler_module, "MAX_NODES", 2)
        monkeypatch.setattr(sampler_module, "BLOCK_ROWS", 700)
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


def test_rows_are_completed_from_what_is_given(engine):
    given = np.tile(np.array([[1, 2]], np.int32), (ROWS, 1))
    order = [1, 2, 0]
    rows = Sampler(engine, [-1] * 3).complete(given, order, np.random.default_rng(4))
    assert (rows[:, 1:] == [1, 2]).all()
    expected = joint(engine, order)[:, 1, 2]
    same(frequencies(rows)[:, 1, 2], expected / expected.sum())


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
