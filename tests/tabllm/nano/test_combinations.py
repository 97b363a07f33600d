"""Fields that go together are drawn only in combinations that there are."""

from __future__ import annotations

import numpy as np
import pytest

from tabllm.nano import combinations
from tabllm.nano.combinations import Combinations, Weighted
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.sampler import Sampler

CONFIG = NanoConfig((4, 3, 5, 4, 6), width=16, layers=1, heads=2)
#: Of fields 1, 3 and 4; token 0 of field 1 is in none.
LISTED = np.array([[1, 0, 2], [1, 0, 3], [1, 3, 0], [2, 2, 5], [2, 2, 1]])
FIELDS = (1, 3, 4)


def engines() -> list:
    weights = initial_weights(CONFIG, np.zeros(CONFIG.vocabulary), seed=0)
    kinds = [TorchEngine]
    try:
        from tabllm.nano.engines.mlx_engine import MlxEngine

        kinds.append(MlxEngine)
    except ImportError:
        pass
    return [kind(CONFIG, weights) for kind in kinds]


@pytest.mark.parametrize("engine", engines(), ids=lambda engine: engine.name)
def test_only_combinations_are_drawn_and_all_of_them(engine):
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    sampler = Sampler(engine, [-1] * 5)
    known = np.tile(np.array([[0, 1], [0, 2], [1, 2]], np.int32), (200, 1))
    free = sampler.complete(known, range(5), np.random.default_rng(0)).tokens
    drawn = sampler.complete(known, range(5), np.random.default_rng(0), together=[together]).tokens
    listed = set(map(tuple, LISTED))
    assert not set(map(tuple, free[:, list(FIELDS)])) <= listed
    assert set(map(tuple, drawn[:, list(FIELDS)])) == listed
    assert (drawn[:, :2] == known).all()
    assert len(np.unique(drawn[:, 2])) == 5  # a field between them is free


@pytest.mark.parametrize("engine", engines(), ids=lambda engine: engine.name)
def test_a_row_whose_given_token_is_in_no_combination_is_drawn_freely(engine):
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    known = np.zeros((300, 2), np.int32)
    drawn = Sampler(engine, [-1] * 5).complete(known, range(5), np.random.default_rng(0), together=[together]).tokens
    assert len(np.unique(drawn[:, 3])) == 4
    assert len(np.unique(drawn[:, 4])) == 6


def test_conditions_hold_beside_them():
    engine = engines()[0]
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    keep = np.array([1, 0, 0, 1, 0, 1], np.float32)
    drawn = Sampler(engine, [-1] * 5).complete(
        np.tile(np.array([[0, 1]], np.int32), (100, 1)),
        [0, 1, 2, 3, 4],
        np.random.default_rng(0),
        together=[together],
        weights={4: keep},
    )
    assert set(map(tuple, drawn.tokens[:, [3, 4]])) == {(0, 3), (3, 0)}


def test_a_field_drawn_before_those_that_say_something_of_it_is_free():
    engine = engines()[0]
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    known = np.zeros((300, 1), np.int32)
    drawn = Sampler(engine, [-1] * 5).complete(known, [0, 4, 1, 2, 3], np.random.default_rng(0), together=[together])
    assert len(np.unique(drawn.tokens[:, 4])) == 6


def test_tables_that_would_be_too_large_are_not_made(monkeypatch):
    monkeypatch.setattr(combinations, "MAX_ENTRIES", 10)
    assert Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engines()[0]) is None


def shares(sampler: Sampler, rows: int, together: list) -> np.ndarray:
    """float64[listed]: how often each of the combinations is drawn."""
    known = np.tile(np.array([[0]], np.int32), (rows, 1))
    tokens = sampler.complete(known, range(5), np.random.default_rng(0), together=together).tokens[:, list(FIELDS)]
    return np.array([(tokens == each).all(axis=1).mean() for each in LISTED])


@pytest.mark.parametrize("engine", engines(), ids=lambda engine: engine.name)
def test_combinations_come_as_often_as_their_weights_say_for_each_row(engine):
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    sampler, rows = Sampler(engine, [-1] * 5), 6_000
    plain = shares(sampler, rows, [together])
    often = np.empty(len(LISTED))
    often[together.leaves] = plain
    table = np.array([[0.0, 1.0, 1.0, 3.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    weights = np.empty_like(table)
    weights[:, together.leaves] = table

    def of_rows(rows: np.ndarray) -> np.ndarray:
        return weights[(rows >= 3_000).astype(int)].astype(np.float32)

    asked = Weighted(together, often, of_rows)
    other = 1 - plain.sum()  # token 0 of field 1, which is in none and counts as ever
    first, second = (table[at] * plain / ((table[at] * plain).sum() + other) for at in (0, 1))
    found = shares(sampler, rows, [together, asked])
    assert found == pytest.approx((first + second) / 2, abs=0.025)
    assert np.abs(found - plain).max() > 0.1


def test_where_nothing_is_left_all_combinations_are_drawn():
    engine = engines()[0]
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    none = Weighted(together, np.ones(len(LISTED)), lambda rows: np.zeros((len(rows), len(LISTED)), np.float32))
    sampler = Sampler(engine, [-1] * 5)
    assert (shares(sampler, 500, [together, none]) == shares(sampler, 500, [together])).all()


def test_leaves_are_the_given_combinations_and_starts_the_first_of_each_node():
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engines()[0])
    assert together.leaves.tolist() == [0, 1, 2, 4, 3]
    assert [starts.tolist() for starts in together.starts] == [[0, 3], [0, 2, 3], [0, 1, 2, 3, 4]]


def test_a_token_of_which_nothing_is_left_is_drawn_where_no_other_can_be():
    engine = engines()[0]
    together = Combinations.of(FIELDS, LISTED, [CONFIG.sizes[field] for field in FIELDS], engine)
    weights = np.ones(len(LISTED), np.float32)
    weights[together.leaves[:3]] = 0  # all below token 1 of field 1
    asked = Weighted(together, np.ones(len(LISTED)), lambda rows: np.tile(weights, (len(rows), 1)))
    sampler, known = Sampler(engine, [-1] * 5), np.tile(np.array([[0, 1]], np.int32), (300, 1))
    drawn = sampler.complete(known, range(5), np.random.default_rng(0), together=[together, asked]).tokens
    assert {tuple(row) for row in drawn[:, list(FIELDS)]} == set(map(tuple, LISTED[:3]))
    free = sampler.complete(known[:, :1], range(5), np.random.default_rng(0), together=[together, asked]).tokens
    assert not (free[:, 1] == 1).any()
