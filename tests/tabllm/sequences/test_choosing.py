"""Users are chosen among three times as many, where trees tell made ones from those that were learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.choosing import families as choosing
from tabllm.sequences.asked import Asked
from tabllm.sequences.choosing import asks_for_choice
from tabllm.sequences.model import SequenceLM
from tabular.errors import RunError
from tabular.where.text import Condition


def log(users: int = 320, *, by_user: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(users), rng.integers(1, 5, users))
    at = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.round(user % 50 + rng.exponential(3, len(user)), 2), "D")
    price = rng.normal(np.arange(users)[user] % 7, 0.1).round(2)
    table = pd.DataFrame({"user": user, "at": at.floor("s"), "price": price, "land": np.array(["de", "fr"])[user % 2]})
    return table.sort_values(["user", "at"] if by_user else "at", ignore_index=True)


def fitted(table: pd.DataFrame) -> SequenceLM:
    with pytest.MonkeyPatch.context() as patch:
        # Two updates teach so little that trees tell every user.
        patch.setattr(choosing, "MOST_AUC", 1.0)
        return SequenceLM(by="user", time="at", steps=2, width=32, layers=1).fit(table)


@pytest.fixture(scope="module")
def model() -> SequenceLM:
    return fitted(log())


def test_as_many_users_come_as_are_wanted_whole_and_in_order(model: SequenceLM) -> None:
    chosen, plain = model.sample(90, seed=2), model.sample(90, seed=2, refine=False)
    for table in (chosen, plain):
        assert table["user"].nunique() == 90
        assert (table.groupby("user")["land"].nunique() == 1).all()
        assert table.groupby("user")["at"].is_monotonic_increasing.all()
        assert (table["user"] != table["user"].shift()).sum() == 90
    assert not chosen["price"].equals(plain["price"])
    pd.testing.assert_frame_equal(model.sample(90, seed=2), chosen)


def test_parts_are_chosen_from_apart_and_rows_that_are_done_are_not_given_again(
    model: SequenceLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tabllm.sequences.model.PART_ROWS", 100)
    whole = model.sample(90, seed=2)
    assert whole["user"].nunique() == 90
    parts = list(model.sample_batches(90, seed=2))
    assert len(parts) > 2
    done = len(parts[0]) + len(parts[1])
    rest = pd.concat(list(model.sample_batches(90, seed=2, done=done)), ignore_index=True)
    pd.testing.assert_frame_equal(rest, whole.iloc[done:].reset_index(drop=True))


def test_a_log_in_order_of_time_is_given_in_order_of_time() -> None:
    made = fitted(log(by_user=False)).sample(60)
    assert made["user"].nunique() == 60
    assert made["at"].is_monotonic_increasing


def test_a_run_keeps_what_chooses(model: SequenceLM, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    pd.testing.assert_frame_equal(SequenceLM.load(tmp_path / "run").sample(40, seed=5), model.sample(40, seed=5))
    (tmp_path / "run" / "chooser.ubj").write_bytes(b"")
    with pytest.raises(RunError, match=r"chooser\.ubj"):
        SequenceLM.load(tmp_path / "run")


def test_users_are_chosen_without_conditions_and_up_to_twice_as_many_as_were_learned(model: SequenceLM) -> None:
    nothing = Asked([], (), model.schema)
    of_users = Asked([Condition("land", "==", ("de",))], (), model.schema)
    assert asks_for_choice(None, 640, 320, nothing)
    assert not asks_for_choice(None, 641, 320, nothing)
    assert not asks_for_choice(None, 10, 320, of_users)
    assert not asks_for_choice(False, 10, 320, nothing)
    assert asks_for_choice(True, 1000, 320, nothing)
    assert not model.sample(30, refine=True)["price"].equals(model.sample(30, refine=False)["price"])
