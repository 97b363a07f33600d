"""Families taken from more than are wanted: so that they are like the learned ones in what their rows add up to."""

from __future__ import annotations

import numpy as np
import pytest

import eval.preparing.trees
from eval.preparing.trees import Loaded
from tabllm.choosing import families as choosing
from tabllm.choosing.families import Families, FamilyChooser, families_to_learn
from tabular.plain_json import FieldError
from tabular.schema import Column, Schema

PARENT = Schema((Column("age", "continuous", "float64"),))
CHILD = Schema(
    (Column("price", "continuous", "float64"), Column("page", "categorical", "str", categories=("a", "b", "c")))
)


def families(count: int, spread: float, seed: int, rows: int = 20) -> Families:
    """Whose prices lie around a mean of their own, which has the ``spread``."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(count), rows)
    price = rng.normal(rng.normal(0, spread, count)[owner], 1)
    page = rng.integers(0, 3, len(owner)).astype(np.int32)
    return Families(count, {"age": rng.normal(40, 9, count)}, {"visits": (owner, {"price": price, "page": page})})


def fitted(learned: Families, made: Families) -> FamilyChooser | None:
    return FamilyChooser.fit(learned, made, PARENT, {"visits": CHILD}, seed=0)


def spread_of_means(some: Families, rows: np.ndarray) -> float:
    owner, arrays = some.children["visits"]
    return float(np.std((np.bincount(owner, arrays["price"]) / np.bincount(owner))[rows]))


def test_what_trees_see_of_a_family() -> None:
    owner, arrays = np.array([1, 1, -1, 1]), {"price": np.array([1.0, 3.0, 9.0, np.nan])}
    arrays |= {"page": np.array([2, -1, 0, 0], np.int32)}
    some = Families(2, {"age": np.array([np.nan, 30.0])}, {"visits": (owner, arrays)})
    columns = [choosing.Feature("", "age", ()), choosing.Feature("visits", "price", ())]
    seen = some.seen([*columns, choosing.Feature("visits", "page", (2, 0))])
    nothing = [0, *[np.nan] * 5]
    np.testing.assert_allclose(seen, [nothing, [3, 30, 2, 1, 0.5, 0.5]])


def test_chosen_families_have_the_spread_of_the_learned_ones() -> None:
    learned, made, others = families(600, 1.0, 0), families(600, 2.2, 1), families(800, 2.2, 2)
    chooser = fitted(learned, made)
    assert chooser is not None
    kept = chooser.choose(others, 400, np.random.default_rng(0))
    assert len(np.unique(kept)) == 400
    wanted = spread_of_means(learned, np.arange(600))
    before, after = (spread_of_means(others, rows) - wanted for rows in (np.arange(800), kept))
    assert before > 0.8
    assert abs(after) < 0.5 * before
    # All that there are, where no more were made.
    np.testing.assert_array_equal(chooser.choose(others, 800, np.random.default_rng(0)), np.arange(800))


def test_large_families_do_not_become_rare() -> None:
    chooser = fitted(families(600, 1.0, 0), families(600, 2.2, 1))
    assert chooser is not None
    small, large = families(400, 1.0, 2, rows=5), families(400, 2.2, 3, rows=40)
    columns = [
        (owner + 400 * (rest is large), arrays)
        for rest in (small, large)
        for owner, arrays in [rest.children["visits"]]
    ]
    owner = np.concatenate([owner for owner, _ in columns])
    arrays = {name: np.concatenate([of[name] for _, of in columns]) for name in ("price", "page")}
    age = np.concatenate([small.parents["age"], large.parents["age"]])
    both = Families(800, {"age": age}, {"visits": (owner, arrays)})
    kept = chooser.choose(both, 300, np.random.default_rng(0))
    assert len(np.unique(kept)) == 300
    assert (kept >= 400).sum() == 150


@pytest.mark.parametrize(("count", "spread"), [(600, 1.0), (200, 2.2), (600, 50.0)])
def test_nothing_is_chosen_where_families_are_alike_too_few_or_all_told(count: int, spread: float) -> None:
    assert fitted(families(count, 1.0, 0), families(count, spread, 1)) is None


def test_how_many_families_are_made_for_the_trees() -> None:
    assert families_to_learn(500, 5_000) == 500
    assert families_to_learn(50_000, 60_000) == choosing.MOST
    assert families_to_learn(3_000, 300_000) == 1_500
    assert families_to_learn(0, 0) == 1


def test_what_was_written_is_read_and_what_does_not_fit_is_not() -> None:
    chooser = fitted(families(600, 1.0, 0), families(600, 2.2, 1))
    assert chooser is not None
    data = chooser.to_data()
    assert FamilyChooser.from_data(data, chooser.trees) == chooser
    with pytest.raises(FieldError, match="in place of"):
        FamilyChooser.from_data({**data, "features": data["features"][:-1]}, chooser.trees)
    with pytest.raises(FieldError, match="not those that were written"):
        FamilyChooser.from_data(data, b"no trees")


def test_nothing_is_learned_without_xgboost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eval.preparing.trees, "load_xgboost", lambda: Loaded(None, "no libomp", "brew install libomp"))
    assert fitted(families(600, 1.0, 0), families(600, 2.2, 1)) is None
