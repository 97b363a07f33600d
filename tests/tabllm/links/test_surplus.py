"""A run of linked tables chooses among families; see ``tests/tabllm/choosing`` for what chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import eval.preparing.trees
from eval.preparing.trees import Loaded
from tabllm.choosing import families as choosing
from tabllm.links.model import LinkedTables
from tabular.errors import RunError, TabllmError


def users_and_visits(count: int = 400) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(count), rng.integers(0, 6, count))
    price = rng.normal(np.arange(count)[user] % 7, 0.1).round(2)
    users = pd.DataFrame({"user": range(count), "age": rng.integers(20, 60, count)})
    return {"users": users, "visits": pd.DataFrame({"user": user, "price": price})}


@pytest.fixture(scope="module")
def model() -> LinkedTables:
    with pytest.MonkeyPatch.context() as patch:
        # Two updates teach so little that trees tell every family.
        patch.setattr(choosing, "MOST_AUC", 1.0)
        return LinkedTables(steps=2, width=32, layers=1).fit(users_and_visits(), ["users.user=visits.user"])


def test_a_run_chooses_among_more_families(model: LinkedTables, tmp_path: Path) -> None:
    made, plain = model.sample(100, seed=3), model.sample(100, seed=3, refine=False)
    for tables in (made, plain):
        assert len(tables["users"]) == 100
        assert tables["users"]["user"].is_unique
        assert tables["visits"]["user"].isin(tables["users"]["user"]).all()
    assert not made["visits"].equals(plain["visits"])
    # Conditions are kept to without choosing, unless it is asked for.
    asked = model.sample(50, where="age>=40", seed=3, refine=True)
    assert (asked["users"]["age"] >= 40).all()
    assert not asked["visits"].equals(model.sample(50, where="age>=40", seed=3)["visits"])
    model.save(tmp_path / "run")
    again = LinkedTables.load(tmp_path / "run").sample(100, seed=3)
    for name, table in made.items():
        pd.testing.assert_frame_equal(again[name], table)
    (tmp_path / "run" / "choosers" / "0.ubj").write_bytes(b"")
    with pytest.raises(RunError, match=r"choosers/0\.ubj"):
        LinkedTables.load(tmp_path / "run")


def test_without_xgboost_a_run_is_read_and_sampled_plain(
    model: LinkedTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path / "run")
    monkeypatch.setattr(eval.preparing.trees, "load_xgboost", lambda: Loaded(None, "no libomp", "brew install libomp"))
    loaded = LinkedTables.load(tmp_path / "run")
    assert len(loaded.sample(20, refine=False)["users"]) == 20
    with pytest.raises(TabllmError, match="--no-refine"):
        loaded.sample(20)
